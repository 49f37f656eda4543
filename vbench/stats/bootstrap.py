"""The studentized bootstrap over blocks, for many cells by one matrix product."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 9999  # (B + 1) · 0.025 is whole, so that the ends are order statistics and nothing is interpolated
SEED = 20130620
_FLAT = 1e-13  # variance of a resample, where the largest deviation is 1: below is rounding of equal values

Array = NDArray[np.float64]


@lru_cache(maxsize=32)
def weights(blocks: int, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """How often each block stands in each resample, divided by `blocks`: shape (blocks, resamples).

    Drawn once for a number of blocks: every cell of that size is resampled alike, so a result depends on its own
    values and on the seed, and on nothing else that the run holds.
    """
    drawn = np.random.default_rng([seed, blocks]).integers(0, blocks, (resamples, blocks))
    drawn += np.arange(resamples)[:, None] * blocks
    counts = np.bincount(drawn.ravel(), minlength=resamples * blocks).reshape(resamples, blocks)
    shares = np.ascontiguousarray(counts.T / blocks)
    shares.flags.writeable = False
    return shares


def studentized(centred: Array, *, resamples: int = RESAMPLES, seed: int = SEED) -> Array:
    """t* = mean* / (s* / √n) of every resample of every row, unsorted: shape (cells, resamples); no unit.

    `centred` has shape (cells, n) and row means of zero. s*² = Σ(x* - mean*)² / (n - 1). A resample of equal values
    has t* = ±∞ by the sign of its mean: where it is frequent, the interval is unbounded instead of too short.
    P. Hall, The Bootstrap and Edgeworth Expansion (1992), 3.5; Davison and Hinkley (1997), 2.4 and 5.2.
    """
    blocks = centred.shape[1]
    largest = np.abs(centred).max(axis=1, keepdims=True)
    unit = centred / np.where(largest > 0, largest, 1.0)
    chosen = weights(blocks, resamples, seed)
    mean = unit @ chosen
    variance = np.square(unit) @ chosen
    variance -= np.square(mean)
    flat = variance <= _FLAT
    variance[flat] = 1.0
    variance /= blocks - 1
    t = mean / np.sqrt(variance, out=variance)
    if flat.any():
        t[flat] = np.where(np.abs(mean[flat]) <= 1e-9, 0.0, np.copysign(np.inf, mean[flat]))
    return np.asarray(t, dtype=np.float64)


def tails(ordered: Array, alpha: float) -> tuple[Array, Array]:
    """The α/2 and 1 - α/2 quantiles of each sorted row: the k-th smallest and largest with k = (B + 1) · α/2.

    Raises ValueError where that is less than the first.
    """
    resamples = ordered.shape[1]
    k = round((resamples + 1) * alpha / 2)
    if k < 1:
        raise ValueError(f"{resamples} resamples have no {alpha / 2:g} tail")
    return ordered[:, k - 1], ordered[:, resamples - k]
