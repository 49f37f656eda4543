"""Versions of the tools that take part in a measurement, and compilers that should not be in the image."""

import os
import re

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


_ENGINES = {
    # What a distribution changed stands in its own version, and is another engine too.
    "tool.qemu": ((f"qemu-system-{os.uname().machine}", "--version"), re.compile(r"QEMU emulator version (.+)")),
    "tool.runc": (("runc", "--version"), re.compile(r"runc version (\S+(?:\ncommit: \S+)?)")),
    "tool.crun": (("crun", "--version"), re.compile(r"crun version (\S+(?:\ncommit: \S+)?)")),
}
_LIMIT_S = 10.0


def engines(host: Session) -> Facts:
    """What starts environments on this host; absent where there is none."""
    return {key: _engine(host, argv, says) for key, (argv, says) in _ENGINES.items()}


def _engine(host: Session, argv: tuple[str, ...], says: re.Pattern[str]) -> Fact:
    source = " ".join(argv)
    try:
        done = host.run(argv, timeout_s=_LIMIT_S)
    except CommandFailed:  # it cannot be started, or prints without end
        return made(source, Unreadable("EIO"), str)
    except CommandTimeout:
        return made(source, Unreadable("ETIMEDOUT"), str)
    if done.status == _NOT_FOUND:
        return made(source, None, str)
    return made(source, done.text if done.status == 0 else "", lambda text: _said(text, says))


def _said(text: str, says: re.Pattern[str]) -> str:
    match = says.match(text)
    if match is None:
        raise ValueError("no version where the engine prints it")
    # A commit of 40 digits would be taken for an identifier of the machine.
    return clean_version(re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}\b", r"\1", match[1]))
