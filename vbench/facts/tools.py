"""Versions of the tools that take part in a measurement, and compilers that should not be in the image."""

import re
from collections.abc import Iterable

from vbench.beneath import Engine
from vbench.contracts import Session
from vbench.errors import CommandFailed, CommandTimeout
from vbench.facts.evidence import Evidence, Output, Unreadable, clean_version, made, word
from vbench.model import Fact, Facts

_NOT_FOUND = 127


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    packages = evidence.python.packages
    return {
        "tool.fio": evidence.command("fio --version", lambda output: _version(output, "fio-")),
        "tool.iperf3": evidence.command("iperf3 --version", lambda output: _version(output, "iperf ")),
        "tool.pyperf": made("package metadata", packages.get("pyperf"), word),
        "tool.psutil": made("package metadata", packages.get("psutil"), word),
        "tool.compilers": made("PATH", evidence.python.compilers, lambda names: tuple(word(name) for name in names)),
    }


def _version(output: Output, prefix: str) -> str:
    match = re.match(re.escape(prefix) + r"([0-9][\w.+-]{0,30})(\s|$)", output.stdout)
    if output.status != 0 or match is None:
        raise ValueError("no version where the tool prints it")
    return match[1]


_LIMIT_S = 10.0


def engines(session: Session, asked: Iterable[Engine]) -> Facts:
    """Versions of what starts environments on a session; absent where there is none.

    Two engines of one name, as of two versions of a runtime by their paths, are one fact with both.
    """
    found: Facts = {}
    for engine in dict.fromkeys(asked):
        key, fact = f"tool.{engine.name}", _engine(session, engine)
        found[key] = _both(found[key], fact) if key in found else fact
    return found


def _both(one: Fact, other: Fact) -> Fact:
    """Unknown where one of them is."""
    if one.value is None or one.value == other.value:
        return one
    return other if other.value is None else Fact(f"{one.value} / {other.value}", one.source)


def _engine(session: Session, engine: Engine) -> Fact:
    source = f"{engine.name} --version"  # without its path: two hosts may have it in two places
    try:
        done = session.run(engine.argv, timeout_s=_LIMIT_S)
    except CommandFailed:  # it cannot be started, or prints without end
        return made(source, Unreadable("EIO"), str)
    except CommandTimeout:
        return made(source, Unreadable("ETIMEDOUT"), str)
    if done.status == _NOT_FOUND:
        return made(source, None, str)
    return made(source, done.text if done.status == 0 else "", lambda text: _said(text, engine.version))


def _said(text: str, pattern: str) -> str:
    match = re.match(pattern, text)
    if match is None:
        raise ValueError("no version where the engine prints it")
    # A commit of 40 digits would be taken for an identifier of the machine.
    return clean_version(re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}\b", r"\1", match[1]))
