"""Writes out how one p-value was raised for the company it is in."""

from vbench.cost import Finding
from vbench.report.text import counted
from vbench.stats.judgement import EXPLORATORY

SHOWN = 60
"""Longer lists of p-values are cut where nobody follows them by hand."""


def adjustment(finding: Finding, everything: tuple[Finding, ...]) -> str:
    """Method, formula, and every p-value that took part, smallest first."""
    role = finding.judged.role
    p = sorted(f.judged.p for f in everything if f.judged.role == role and f.cost.p is not None)
    place = p.index(finding.judged.p) + 1
    if role == EXPLORATORY:
        method = "Benjamini-Hochberg: the smallest of m * p_j / j over j >= i"
    else:
        method = "Holm: the largest of (m - j + 1) * p_j over j <= i"
    listed = " ".join(exactly(value) for value in p[:SHOWN]) + (" ..." if len(p) > SHOWN else "")
    return f"{method}, m = {counted(len(p), f'{role} comparison')}, i = {place}, p_1 ... p_m = {listed}"


def exactly(p: float) -> str:
    return f"{p:.4g}"
