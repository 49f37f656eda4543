"""Versions of the tools that take part in a measurement, and compilers that should not be in the image."""

import re

from vbench.facts.evidence import Evidence, Output, made, word
from vbench.model import Facts


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
