"""The 95 % interval that is reported: the envelope of Student's t and of the studentized bootstrap over blocks.

Either alone falls below its nominal coverage somewhere (t when one arm has a tail, bootstrap-t under heavy symmetric
tails); docs/reference/proof.md measures both and the envelope. Everything here is exact under an exchange of the arms
and under any order of the blocks: values are sorted, turned to one of the two orientations, computed once, turned back.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from vbench.stats import bootstrap, student
from vbench.stats.bootstrap import Array
from vbench.stats.pairing import ROUNDING, BadValue, Pairs

LEAST_ROUGH = 5  # blocks: below, dots and no interval
LEAST_ENVELOPE = 10  # blocks: below, the t interval alone, marked rough, and no verdict
LEAST_INNER = 15  # blocks: below, the 90 % interval is that of t alone
"""With fewer, the bootstrap's 90 % interval costs equivalence much of its power. What t alone risks there where one arm
has a tail is stated in docs/reference/proof.md.
"""
DOTS_ONLY, ROUGH = "dots only", "rough"
ALPHA = 0.05
FEW_OTHERS = 4
"""So many blocks that differ from all others, and in one direction, are too few for an interval.

By chance alone four go in the same of two directions in 2 / 2⁴ = 12.5 % of cases, so they do not show that the other is
empty. If it is not, an interval without a block in that direction misses the truth.
"""

_CHUNK = 16  # cells at once: the resamples of more (80 kB a cell) would leave the processor's caches

Ends = tuple[float, float]


class Bands(NamedTuple):
    """Arrays over cells of the same number of blocks, in the unit of d; NaN where a cell has no spread."""

    mean: Array
    spread: Array  # s, with n - 1
    t_low: Array
    t_high: Array
    bootstrap_low: Array  # NaN below 10 blocks
    bootstrap_high: Array
    p_bootstrap: Array  # of the hypothesis that the mean is zero
    inner_low: Array  # of the bootstrap at 2α, for equivalence; NaN below 15 blocks
    inner_high: Array
    others: Array  # blocks beside the many equal ones where these are too few for an interval; 0 elsewhere

    @property
    def low(self) -> Array:
        return np.fmin(self.t_low, self.bootstrap_low)

    @property
    def high(self) -> Array:
        return np.fmax(self.t_high, self.bootstrap_high)


class Inner(Struct, frozen=True):
    """The 90 % interval of a cell, which equivalence asks, in the unit of d: from 15 blocks on the envelope of both."""

    t: Ends
    bootstrap: Ends | None = None  # None below 15 blocks

    @property
    def low(self) -> float:
        return self.t[0] if self.bootstrap is None else min(self.t[0], self.bootstrap[0])

    @property
    def high(self) -> float:
        return self.t[1] if self.bootstrap is None else max(self.t[1], self.bootstrap[1])

    @property
    def widening(self) -> float:
        """How much wider it is than t alone: a factor of 1 or more."""
        return max(1.0, (self.high - self.low) / (self.t[1] - self.t[0]))


class Envelope(Struct, frozen=True):
    """Mean, spread and intervals of the blocks of one cell, in the unit of d. None is unknown; `why` has the reason."""

    blocks: int
    mean: float | None = None
    spread: float | None = None  # standard deviation over blocks
    low: float | None = None  # the interval to report: the envelope, or t alone where `label` is "rough"
    high: float | None = None
    t: Ends | None = None
    bootstrap: Ends | None = None
    p_bootstrap: float | None = None
    label: str = ""  # "", "rough" or "dots only"
    why: str = ""
    inner: Inner | None = None  # None wherever `low` and `high` are

    @property
    def half_width(self) -> float | None:
        """(high - low) / 2."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def widening(self) -> float:
        """How much wider the envelope is than t alone: a factor of 1 or more; 1 where either is unknown."""
        if self.half_width is None or self.t is None:
            return 1.0
        return max(1.0, 2 * self.half_width / (self.t[1] - self.t[0]))


def bands(d: Array, *, alpha: float = ALPHA, seed: int = bootstrap.SEED, rounding: float | Array = ROUNDING) -> Bands:
    """Both intervals of every row of `d` (cells × blocks, at least 2 blocks, finite).

    t: mean ± t(1 - α/2, n - 1) · s/√n. Bootstrap-t: mean - t*(1 - α/2) · s/√n to mean - t*(α/2) · s/√n, without an end
    where all but a few blocks are equal and these lie on one side of them.
    """
    d = np.asarray(d, dtype=np.float64)
    if d.ndim != 2 or d.shape[1] < 2 or not np.isfinite(d).all():
        raise ValueError(f"bands need finite values, cells × at least 2 blocks, got the shape {d.shape}")
    given, sign = _canonical(d)
    # Each row by a power of two, which rounds nothing: else squares overflow beyond 1e154 and vanish below 1e-162.
    exponent = np.frexp(np.abs(given).max(axis=1))[1]
    oriented = np.ldexp(given, -exponent[:, None])
    blocks = d.shape[1]
    mean = oriented.sum(axis=1) / blocks
    centred = oriented - mean[:, None]
    spread = np.sqrt(np.square(centred).sum(axis=1) / (blocks - 1))
    flat = np.ldexp(spread, exponent) <= rounding
    error = np.where(flat, np.nan, spread / np.sqrt(blocks))
    half = student.quantile(1 - alpha / 2, blocks - 1) * error
    low, high, inner_low, inner_high, p = (
        _bootstrap(centred, mean, error, alpha, seed) if blocks >= LEAST_ENVELOPE else np.full((5, len(d)), np.nan)
    )
    if blocks < LEAST_INNER:
        inner_low, inner_high = np.full((2, len(d)), np.nan)
    others = _few_on_one_side(given, np.broadcast_to(rounding, spread.shape))
    low, high = np.where(others > 0, -np.inf, low), np.where(others > 0, np.inf, high)
    turned = sign < 0
    return Bands(
        np.ldexp(sign * mean, exponent),
        np.ldexp(spread, exponent),
        np.ldexp(np.where(turned, -(mean + half), mean - half), exponent),
        np.ldexp(np.where(turned, -(mean - half), mean + half), exponent),
        np.ldexp(np.where(turned, -high, low), exponent),
        np.ldexp(np.where(turned, -low, high), exponent),
        p,
        np.ldexp(np.where(turned, -inner_high, inner_low), exponent),
        np.ldexp(np.where(turned, -inner_low, inner_high), exponent),
        others,
    )


def envelopes(cells: Sequence[Pairs], *, alpha: float = ALPHA, seed: int = bootstrap.SEED) -> tuple[Envelope, ...]:
    """One envelope a cell; cells of the same number of blocks are computed together.

    Raises BadValue, naming the cell, for NaN and infinities.
    """
    by_index: dict[int, Envelope] = {}
    sizes: dict[int, list[int]] = {}
    for index, pairs in enumerate(cells):
        if not np.isfinite(pairs.d).all():
            raise BadValue(f"{pairs.name}: d holds a value that is not finite")
        sizes.setdefault(len(pairs.d), []).append(index)
    for blocks, indices in sizes.items():
        if blocks < 2:
            by_index |= {index: _without(cells[index]) for index in indices}
            continue
        d = np.array([cells[index].d for index in indices])
        result = bands(d, alpha=alpha, seed=seed, rounding=np.array([cells[index].rounding for index in indices]))
        by_index |= {index: _envelope(blocks, result, row) for row, index in enumerate(indices)}
    return tuple(by_index[index] for index in range(len(cells)))


def _canonical(d: Array) -> tuple[Array, Array]:
    """Rows sorted, and negated where that makes them lexicographically larger; with the sign that turns them back."""
    up = np.sort(d, axis=1)
    down = -up[:, ::-1]
    rows = np.arange(len(d))
    first = (up != down).argmax(axis=1)
    turn = up[rows, first] < down[rows, first]
    return np.where(turn[:, None], down, up), np.where(turn, -1.0, 1.0)


def _few_on_one_side(ordered: Array, rounding: Array) -> Array:
    """How many blocks differ from most others, where these are few and all on one side; 0 elsewhere.

    `ordered` has its rows sorted, so that the value of more than half of the blocks stands in the middle.
    """
    blocks = ordered.shape[1]
    if blocks < LEAST_ENVELOPE:
        return np.zeros(len(ordered))
    away = ordered - ordered[:, [blocks // 2]]
    below, above = (away < -rounding[:, None]).sum(axis=1), (away > rounding[:, None]).sum(axis=1)
    is_few = (np.minimum(below, above) == 0) & (below + above <= FEW_OTHERS)
    return np.where(is_few, below + above, 0)


def _bootstrap(centred: Array, mean: Array, error: Array, alpha: float, seed: int) -> Array:
    """Low and high at α, low and high at 2α, and p: shape (5, cells)."""
    found = np.empty((5, len(mean)))
    for start in range(0, len(mean), _CHUNK):
        part = slice(start, start + _CHUNK)
        t_star = bootstrap.studentized(centred[part], seed=seed)
        ordered = np.sort(t_star, axis=1)  # faster than np.partition: numpy sorts with vector instructions
        for row, level in ((0, alpha), (2, 2 * alpha)):
            lower, upper = bootstrap.tails(ordered, level)
            found[row, part], found[row + 1, part] = mean[part] - upper * error[part], mean[part] - lower * error[part]
        found[4, part] = _two_sided(t_star, (mean[part] / error[part])[:, None])
    return found


def _two_sided(t_star: Array, t: Array) -> Array:
    """p = 2 · min(1 + #{t* ≥ t}, 1 + #{t* ≤ t}) / (B + 1): the α at which the interval begins to exclude zero."""
    above = np.count_nonzero(t_star >= t, axis=1)
    below = np.count_nonzero(t_star <= t, axis=1)
    p = np.minimum(1.0, 2 * (1 + np.minimum(above, below)) / (t_star.shape[1] + 1))
    return np.where(np.isnan(t[:, 0]), np.nan, p)


def _without(pairs: Pairs) -> Envelope:
    if not pairs.d:
        return Envelope(0, label=DOTS_ONLY, why=pairs.why or "no pairs")
    return Envelope(1, pairs.d[0], label=DOTS_ONLY, why="one pair has no spread")


_FLAT = "more than 2.5 % of the resamples have no spread"


def _equal(blocks: int, others: int) -> str:
    differ = "the other lies" if others == 1 else f"the other {others} lie"
    return f"{blocks - others} of {blocks} blocks have the same, and {differ} on one side of it"


def _envelope(blocks: int, both: Bands, index: int) -> Envelope:
    mean, spread = float(both.mean[index]), float(both.spread[index])
    label = DOTS_ONLY if blocks < LEAST_ROUGH else ROUGH if blocks < LEAST_ENVELOPE else ""
    if np.isnan(both.t_low[index]):
        return Envelope(blocks, mean, 0.0, label=label, why="no spread")
    t = (float(both.t_low[index]), float(both.t_high[index]))
    if blocks < LEAST_ROUGH:
        return Envelope(blocks, mean, spread, label=label, why=f"{blocks} blocks, and an interval needs {LEAST_ROUGH}")
    if blocks < LEAST_ENVELOPE:
        return Envelope(blocks, mean, spread, *t, t=t, label=label, inner=Inner(_inner_t(mean, spread, blocks)))
    low, high = float(both.low[index]), float(both.high[index])
    p = float(both.p_bootstrap[index])
    if not (np.isfinite(low) and np.isfinite(high)):
        others = int(both.others[index])
        why = f"too many equal values: {_equal(blocks, others) if others else _FLAT}"
        return Envelope(blocks, mean, spread, t=t, p_bootstrap=p, why=why)
    ends = (float(both.bootstrap_low[index]), float(both.bootstrap_high[index]))
    inner_ends = (float(both.inner_low[index]), float(both.inner_high[index])) if blocks >= LEAST_INNER else None
    inner = Inner(_inner_t(mean, spread, blocks), inner_ends)
    return Envelope(blocks, mean, spread, low, high, t, ends, p, inner=inner)


def _inner_t(mean: float, spread: float, blocks: int) -> Ends:
    half = student.quantile(1 - ALPHA, blocks - 1) * spread / math.sqrt(blocks)
    return mean - half, mean + half
