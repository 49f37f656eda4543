"""Tests whether a cost is shown to be small; that a cost was not seen does not show it."""

import math

import numpy as np
from msgspec import Struct

from vbench.stats import student
from vbench.stats.bootstrap import Array
from vbench.stats.envelope import ALPHA, Bands, Envelope


class Equivalence(Struct, frozen=True):
    """The 90 % interval of the mean, in the unit of d, and whether it lies within the margin."""

    low: float
    high: float
    margin: float
    holds: bool


def margin_of(delta: float) -> float:
    """ln(1 + δ): a cost within the margin lies between a factor 1/(1 + δ) and 1 + δ, alike in both directions."""
    if not (math.isfinite(delta) and delta > 0):
        raise ValueError(f"the smallest cost of interest is positive, got {delta!r}")
    return math.log1p(delta)


def of(envelope: Envelope, margin: float) -> Equivalence:
    """Two one-sided tests at 5 %: equivalent when the 90 % interval lies strictly within ± margin.

    D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680, with the envelope of t and
    bootstrap-t in place of t (from 15 blocks on): t alone is wrong too often where one arm has a one-sided tail, as
    docs/reference/proof.md shows. The margin is fixed beforehand and never widened by noise. Raises ValueError where
    the envelope has no 90 % interval.
    """
    inner = envelope.inner
    if inner is None:
        raise ValueError("an equivalence test needs an interval")
    return Equivalence(inner.low, inner.high, margin, -margin < inner.low and inner.high < margin)


def holds(bands: Bands, blocks: int, margin: float) -> Array:
    """`of(...).holds` of every row, as booleans; a row without an interval is never equivalent."""
    t_low, t_high = ends_by_t(bands, blocks)
    low, high = np.fmin(t_low, bands.inner_low), np.fmax(t_high, bands.inner_high)
    return np.asarray((-margin < low) & (high < margin) & np.isfinite(bands.high - bands.low))


def ends_by_t(bands: Bands, blocks: int) -> tuple[Array, Array]:
    """The 90 % interval of every row by t alone: mean ± t(0.95, n - 1) · s/√n."""
    half = student.quantile(1 - ALPHA, blocks - 1) * bands.spread / math.sqrt(blocks)
    return bands.mean - half, bands.mean + half
