"""Reads versions of the tools that take part in a measurement, and compilers that should not be in the image."""

import re
from collections.abc import Iterable

from vbench.beneath import Engine
from vbench.contracts import Session
from vbench.errors import CommandFailed, CommandTimeout
from vbench.facts.evidence import Evidence, Output, Unreadable, clean_version, fact_from, word
from vbench.model import Fact, Facts

_NOT_FOUND = 127


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    packages = evidence.python.packages
    return {
        "tool.fio": evidence.command("fio --version", lambda output: _version(output, "fio-")),
        "tool.iperf3": evidence.command("iperf3 --version", lambda output: _version(output, "iperf ")),
        "tool.pyperf": fact_from("package metadata", packages.get("pyperf"), word),
        "tool.psutil": fact_from("package metadata", packages.get("psutil"), word),
        "tool.compilers": fact_from(
            "PATH", evidence.python.compilers, lambda names: tuple(word(name) for name in names)
        ),
    }


def _version(output: Output, prefix: str) -> str:
    match = re.match(re.escape(prefix) + r"([0-9][\w.+-]{0,30})(\s|$)", output.stdout)
    if output.status != 0 or match is None:
        raise ValueError("no version where the tool prints it")
    return match[1]


_LIMIT_S = 10.0


def engines(session: Session, asked: Iterable[Engine]) -> Facts:
    """Versions of the engines on a session; absent where an engine is not installed.

    Two engines of one name, such as one runtime at two paths, are one fact with both versions.
    """
    versions: Facts = {}
    for engine in dict.fromkeys(asked):
        key, fact = f"tool.{engine.name}", _engine(session, engine)
        versions[key] = _both(versions[key], fact) if key in versions else fact
    return versions


def _both(one: Fact, other: Fact) -> Fact:
    """One fact with both versions, or with the one that is known."""
    if one.value is None or one.value == other.value:
        return one
    return other if other.value is None else Fact(f"{one.value} / {other.value}", one.source)


def _engine(session: Session, engine: Engine) -> Fact:
    source = f"{engine.name} --version"  # without its path, which differs between hosts
    try:
        done = session.run(engine.argv, timeout_s=_LIMIT_S)
    except CommandFailed:  # it cannot be started, or prints without end
        return fact_from(source, Unreadable("EIO"), str)
    except CommandTimeout:
        return fact_from(source, Unreadable("ETIMEDOUT"), str)
    if done.status == _NOT_FOUND:
        return fact_from(source, None, str)
    return fact_from(source, done.text if done.status == 0 else "", lambda text: _engine_version(text, engine.version))


def _engine_version(text: str, pattern: str) -> str:
    match = re.match(pattern, text)
    if match is None:
        raise ValueError("no version where the engine prints it")
    # A commit of 40 digits would be taken for an identifier of the machine.
    return clean_version(re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}\b", r"\1", match[1]))
