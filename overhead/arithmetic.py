"""The arithmetic of the scripts that judge the method: counts, pooled intervals, the power of a comparison."""

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from scipy import stats

from vbench.stats import student
from vbench.validation import binomial

ALPHA, POWER = 0.05, 0.9


def rate(count: int, of: int) -> str:
    """`3 of 60: 5.0 % (1.0 to 13.9 %)`, with the 95 % bounds of Clopper and Pearson."""
    if of == 0:
        return "0 of 0"
    low, high = binomial.rate_interval(count, of)
    return f"{count} of {of}: {count / of:.1%} ({low * 100:.1f} to {high:.1%})".replace("%", " %")


# --- intervals of logarithms ----------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """A logarithm of a ratio with the half-width of its interval."""

    middle: float
    half: float

    @property
    def excludes_zero(self) -> bool:
        return abs(self.middle) > self.half

    def __str__(self) -> str:
        low, high = math.exp(self.middle - self.half), math.exp(self.middle + self.half)
        return f"{math.exp(self.middle):.3f} ({low:.3f} to {high:.3f})"


def pooled(intervals: Sequence[Interval]) -> Interval:
    """The mean of logarithms, which is the geometric mean of ratios: its half-width is √(Σ h²) / n."""
    half = math.sqrt(math.fsum(each.half**2 for each in intervals)) / len(intervals)
    return Interval(fmean(each.middle for each in intervals), half)


def over(one: Interval, other: Interval) -> Interval:
    """The ratio of two that are independent: its half-width is √(h₁² + h₂²)."""
    return Interval(one.middle - other.middle, math.hypot(one.half, other.half))


# --- the power of a comparison --------------------------------------------------------------------------------------


class Spread(NamedTuple):
    """A standard deviation and its degrees of freedom."""

    deviation: float
    df: int


def within(groups: Sequence[Sequence[float]]) -> Spread | None:
    """The spread within groups around each group's own mean: √(Σ (nᵢ - 1) sᵢ² / Σ (nᵢ - 1)). None without a pair."""
    several = [group for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in several)
    if df == 0:
        return None
    return Spread(math.sqrt(math.fsum((len(group) - 1) * variance(group) for group in several) / df), df)


def root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(fmean(value**2 for value in values))


def smallest(spread: Spread, *, shrink: float = 1.0) -> float:
    """The effect that a test with 5 % of false positives finds at 90 % power: (t(0.975) + t(0.9)) · SE · shrink.

    As H. S. Bloom, "Minimum detectable effects", Evaluation Review 19 (1995) 547-556, in the unit of the spread.
    """
    return (_t(1 - ALPHA / 2, spread) + _t(POWER, spread)) * spread.deviation * shrink


def smallest_beyond(half: float, spread: Spread) -> float:
    """The effect whose estimate lies beyond `half` with a probability of 90 %: half + t(0.9) · SE.

    This is what a tool finds by its own interval. An interval that is too narrow makes it small, and finds what is
    not there.
    """
    return half + _t(POWER, spread) * spread.deviation


def _t(p: float, spread: Spread) -> float:
    return student.quantile(p, spread.df)


def shrinks(took_s: float, given_s: float) -> float:
    """Factor on the standard error from `took_s` to `given_s` of machine time, if repetitions are independent."""
    return math.sqrt(took_s / given_s)


def refuted(spread: Spread, own: float) -> bool:
    """Whether estimates spread more than a tool's own standard error allows, which takes repetitions for independent.

    df · s² / own² is χ² with df degrees of freedom if the own one is right: 5 % of such tools are refuted by chance.
    """
    return bool(spread.df * (spread.deviation / own) ** 2 > stats.chi2.ppf(1 - ALPHA, spread.df))


def why_not_longer(spread: Spread, own: float, false: int, of: int) -> str:
    """Why the standard error may not be carried over to another machine time; empty if nothing speaks against it."""
    if spread.df < 3:
        return f"{spread.df} degrees of freedom tell too little of the spread"
    if of == 0:
        return "false positives were not counted"
    if refuted(spread, own):
        return f"estimates spread {spread.deviation / own:.1f} times as wide as independent repetitions do"
    if false > binomial.most_by_chance(of, ALPHA):
        return f"{false} of {of} false positives are more than chance makes"
    return ""


# --- the tests of other tools ---------------------------------------------------------------------------------------


class Compared(NamedTuple):
    """ln(mean of B / mean of A), its standard error to the first order, and the half-width of its 95 % interval."""

    estimate: float
    error: float
    half: float


def compared(a: Sequence[float], b: Sequence[float], df: float | None = None) -> Compared:
    """Two means as logarithms. Without `df` it is Welch's: B. L. Welch, Biometrika 34 (1947) 28-35."""
    parts = [variance(side) / len(side) / fmean(side) ** 2 for side in (a, b)]
    error = math.sqrt(sum(parts))
    welch = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (a, b), strict=True))
    return Compared(math.log(fmean(b) / fmean(a)), error, student.quantile(1 - ALPHA / 2, df or welch) * error)


def welch_differs(a: Sequence[float], b: Sequence[float]) -> bool:
    """hyperfine's scripts/welch_ttest.py: scipy's ttest_ind(X, Y, equal_var=False), p < 0.05."""
    return bool(stats.ttest_ind(a, b, equal_var=False).pvalue < ALPHA)
