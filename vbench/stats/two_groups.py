"""The difference between two groups of runs: each run is one value, whatever it holds inside.

Two classical intervals for two means fail on opposite sides. Student's pooled one is exact when both groups spread
alike and covers 67 % instead of 95 % when the smaller group of 3 against 10 spreads five times as much; Welch's covers
93.6 % of 3 against 10 that spread alike. The reported interval is the envelope of both (figures: docs/use/compare.md).
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from vbench.stats import student

LEAST = 3  # values a side: two have one degree of freedom, and say nothing of how runs spread
ROUNDING = 1e-12  # of a logarithm: a smaller spread is rounding


class Difference(Struct, frozen=True):
    """mean(other) - mean(reference) and its 95 % interval; without ends `why` says what they lack."""

    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None  # of the hypothesis that both means are equal: the larger of both tests'
    why: str = ""


class _Spread(Struct, frozen=True):
    error: float  # standard error of the difference
    df: float


def difference(reference: Sequence[float], other: Sequence[float], *, confidence: float = 0.95) -> Difference:
    """Envelope of the pooled and of Welch's t interval; exchanging the groups changes signs and not one other bit.

    Raises ValueError for an empty group and for values that are not finite.
    """
    if not reference or not other or not all(map(math.isfinite, (*reference, *other))):
        raise ValueError("a difference needs finite values on both sides")
    mean_difference = math.fsum(other) / len(other) - math.fsum(reference) / len(reference)
    if min(len(reference), len(other)) < LEAST:
        return Difference(
            mean_difference, why=f"{len(reference)} and {len(other)} runs, and an interval needs {LEAST} a side"
        )
    if max(_deviations(reference), _deviations(other)) <= ROUNDING**2:
        return Difference(mean_difference, why="no spread")
    spreads = (_pooled(reference, other), _welch(reference, other))
    half = max(student.quantile(0.5 + confidence / 2, s.df) * s.error for s in spreads)
    p = max(min(1.0, 2 * student.cdf(-abs(mean_difference) / s.error, s.df)) for s in spreads)
    return Difference(mean_difference, mean_difference - half, mean_difference + half, p)


def _pooled(left: Sequence[float], right: Sequence[float]) -> _Spread:
    """s_p² = (Σ(x - x̄)² + Σ(y - ȳ)²) / (m + n - 2), error = s_p √(1/m + 1/n): Student's two-sample t.

    R. A. Fisher, "Applications of Student's distribution", Metron 5 (1925) 90-104. Assumes that both spread alike.
    """
    df = len(left) + len(right) - 2
    variance = (_deviations(left) + _deviations(right)) / df
    return _Spread(math.sqrt(variance * (1 / len(left) + 1 / len(right))), df)


def _welch(left: Sequence[float], right: Sequence[float]) -> _Spread:
    """error = √(s²/m + r²/n), df = (s²/m + r²/n)² / ((s²/m)²/(m - 1) + (r²/n)²/(n - 1)).

    B. L. Welch, Biometrika 34 (1947) 28-35; the degrees of freedom are F. E. Satterthwaite's, Biometrics Bulletin 2
    (1946) 110-114.
    """
    a, b = (_deviations(side) / (len(side) - 1) / len(side) for side in (left, right))
    # As shares, so that the squares of tiny variances do not vanish.
    share = a / (a + b), b / (a + b)
    df = 1 / (share[0] ** 2 / (len(left) - 1) + share[1] ** 2 / (len(right) - 1))
    return _Spread(math.sqrt(a + b), df)


def _deviations(values: Sequence[float]) -> float:
    """Σ(x - mean)²."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values)
