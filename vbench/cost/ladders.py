"""Collects the findings of a ladder: its steps in order, and the whole of it."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.cost.design import steps, whole
from vbench.cost.verdicts import Finding
from vbench.model import Ladder, Metric


class Climb(Struct, frozen=True):
    """A ladder with its findings. That the steps multiply to the whole is arithmetic: it proves no single step."""

    ladder: Ladder
    metric: Metric
    steps: tuple[Finding, ...]  # each arm against the one before it
    whole: Finding  # the last arm against the first


def climb(ladder: Ladder, findings: Sequence[Finding]) -> Climb:
    own = {
        finding.comparison.contrast: finding
        for finding in findings
        if (finding.comparison.benchmark, finding.comparison.metric.name) == (ladder.benchmark, ladder.metric)
    }
    last = own[whole(ladder)]
    return Climb(ladder, last.comparison.metric, tuple(own[step] for step in steps(ladder)), last)
