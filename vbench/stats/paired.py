"""From the pairs of a run to one ratio and its interval: the block is the unit, everything inside it is not."""

import math
from collections.abc import Sequence

from msgspec import Struct

from vbench.model import Better
from vbench.stats import student

_NO_SPREAD = 1e-12  # of a log ratio: what rounding alone leaves of identical pairs


class Interval(Struct, frozen=True):
    """A mean and the ends of its interval; without ends `why` says what they lack."""

    mean: float
    low: float | None = None
    high: float | None = None
    why: str = ""


def log_costs(values: Sequence[float], baseline: Sequence[float], better: Better) -> list[float]:
    """d_b = ln(y_b / base_b) for each pair, its sign turned so that positive is worse whatever the metric's direction.

    As a difference of logarithms, so that exchanging the arms changes the sign and not one other bit.
    Raises ValueError for a value that is not a positive finite number: it has no ratio.
    """
    for value in (*values, *baseline):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{value!r} has no ratio")
    sign = 1.0 if better == "lower" else -1.0
    return [sign * (math.log(y) - math.log(base)) for y, base in zip(values, baseline, strict=True)]


def t_interval(d: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """mean(d) ± t(1 - α/2, n - 1) · s / √n, with s² = Σ(d - mean)² / (n - 1): Student, Biometrika 6 (1908) 1-25.

    Pairs without any spread have a mean and no interval: n equal values do not say that the next one is equal.
    Raises ValueError for an empty or non-finite `d`.
    """
    n = len(d)
    if not n or not all(math.isfinite(value) for value in d):
        raise ValueError("an interval needs finite values")
    mean = math.fsum(d) / n
    if n == 1:
        return Interval(mean, why="one pair has no spread")
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in d) / (n - 1))
    if spread <= _NO_SPREAD:
        return Interval(mean, why="no spread")
    half = student.quantile(0.5 + confidence / 2, n - 1) * spread / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)
