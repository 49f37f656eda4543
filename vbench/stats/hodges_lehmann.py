"""A second estimate of the centre, which no single block can move: printed beside the mean, never instead of it."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct

from vbench.stats.medians import median


class HodgesLehmann(Struct, frozen=True):
    """Pseudo-median of d and the ends of its interval, in the unit of d; no ends where n is too small for 95 %."""

    centre: float
    low: float | None = None
    high: float | None = None


def estimate(d: Sequence[float], *, alpha: float = 0.05) -> HodgesLehmann:
    """Median of the Walsh averages (d_i + d_j) / 2, i ≤ j; the ends are the order statistics of Wilcoxon's test.

    J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", Annals of Mathematical Statistics 34
    (1963) 598-611; exact for symmetric d. Raises ValueError for an empty or non-finite `d`.
    """
    values = np.asarray(d, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("a Hodges-Lehmann estimate needs finite values")
    first, second = np.triu_indices(values.size)
    walsh = np.sort((values[first] + values[second]) / 2)
    centre = median(walsh)
    k = _rank(values.size, alpha)
    return HodgesLehmann(centre) if k < 1 else HodgesLehmann(centre, float(walsh[k - 1]), float(walsh[-k]))


@lru_cache(maxsize=256)
def _rank(n: int, alpha: float) -> int:
    """The largest k with P(W < k) ≤ α/2, W being the sum of signed ranks: ends are the k-th smallest and largest."""
    cumulative, k = 0, 0
    limit = alpha / 2 * 2**n
    for count in _signed_rank_counts(n):
        cumulative += count
        if cumulative > limit:
            return k
        k += 1
    return k


def _signed_rank_counts(n: int) -> list[int]:
    """In how many of the 2ⁿ sign patterns the positive ranks add up to 0, 1, 2, ... (exact integers)."""
    counts = [1] + [0] * math.comb(n + 1, 2)
    for rank in range(1, n + 1):
        for total in range(len(counts) - 1, rank - 1, -1):
            counts[total] += counts[total - rank]
    return counts
