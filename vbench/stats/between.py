"""Comparing runs: the unit is the run, and one run a side speaks of two machines and of nothing else."""

import math
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from vbench.stats import student

LEAST_RUNS = 3  # a side


class Scope(StrEnum):
    MACHINES = "these machines"
    GROUPS = "the groups"


class Between(Struct, frozen=True):
    """Second group minus first, in the unit of the runs' own figures; the ends exist only over groups of runs."""

    difference: float
    scope: Scope
    low: float | None = None
    high: float | None = None
    why: str = ""

    @property
    def differs(self) -> bool:
        """A claim about the groups; never made of fewer than three runs a side."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare(first: Sequence[float], second: Sequence[float], *, alpha: float = 0.05) -> Between:
    """Each value is one run's figure, such as its mean log cost. Welch's interval over runs from three a side.

    difference ± t(1 - α/2, ν) · √(s₁²/n₁ + s₂²/n₂) with Satterthwaite's ν: B. L. Welch, Biometrika 34 (1947) 28-35.
    Blocks never enter: two equal machines differ, and thousand blocks on each only say so more loudly.
    """
    if not first or not second or not all(math.isfinite(value) for value in (*first, *second)):
        raise ValueError("runs are compared by finite figures, at least one a side")
    difference = math.fsum(second) / len(second) - math.fsum(first) / len(first)
    if min(len(first), len(second)) < LEAST_RUNS:
        why = f"{len(first)} and {len(second)} runs: an interval over runs needs {LEAST_RUNS} a side"
        return Between(difference, Scope.MACHINES, why=why)
    error, df = _welch(_variance(first) / len(first), _variance(second) / len(second), len(first), len(second))
    if error == 0:
        return Between(difference, Scope.MACHINES, why="no spread between runs")
    half = student.quantile(1 - alpha / 2, df) * error
    return Between(difference, Scope.GROUPS, difference - half, difference + half)


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _welch(one: float, other: float, n_one: int, n_other: int) -> tuple[float, float]:
    """Standard error and degrees of freedom from the squared errors of both means."""
    total = one + other
    if total == 0:
        return 0.0, 1.0
    return math.sqrt(total), total**2 / (one**2 / (n_one - 1) + other**2 / (n_other - 1))
