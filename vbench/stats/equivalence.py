"""Tests whether a cost is shown to be small; that a cost was not seen does not show it."""

import math

import numpy as np
from msgspec import Struct

from vbench.stats import student
from vbench.stats.bootstrap import Array


class Equivalence(Struct, frozen=True):
    """The 90 % t interval of the mean, in the unit of d, and whether it lies within the margin."""

    low: float
    high: float
    margin: float
    holds: bool


def margin_of(delta: float) -> float:
    """ln(1 + δ): a cost within the margin lies between a factor 1/(1 + δ) and 1 + δ, alike in both directions."""
    if not (math.isfinite(delta) and delta > 0):
        raise ValueError(f"the smallest cost of interest is positive, got {delta!r}")
    return math.log1p(delta)


def tost(mean: float, spread: float, blocks: int, margin: float, *, alpha: float = 0.05) -> Equivalence:
    """Two one-sided t tests at α: equivalent when mean ± t(1 - α, n - 1) · s/√n lies strictly within ± margin.

    D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680. The margin is fixed
    beforehand and never widened by noise. Raises ValueError for fewer than 2 blocks or no spread.
    """
    if blocks < 2 or not spread > 0:
        raise ValueError("an equivalence test needs at least two blocks and a spread")
    half = student.quantile(1 - alpha, blocks - 1) * spread / math.sqrt(blocks)
    low, high = mean - half, mean + half
    return Equivalence(low, high, margin, -margin < low and high < margin)


def tost_many(d: Array, margin: float, *, alpha: float = 0.05) -> Array:
    """`tost(...).holds` of every row of `d` (cells × blocks), as booleans; a row without spread is never equivalent."""
    blocks = d.shape[1]
    spread = d.std(axis=1, ddof=1)
    half = student.quantile(1 - alpha, blocks - 1) * spread / math.sqrt(blocks)
    return np.asarray((np.abs(d.mean(axis=1)) + half < margin) & (spread > 0))
