"""Quantiles within one trial, and none beyond what the number of its samples supports."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Generic, TypeVar

Number = TypeVar("Number", int, float)
CONFIDENCE = 0.95


@lru_cache(maxsize=256)
def fewest(fraction: float) -> int:
    """Samples needed before a quantile is given: 299 for p99, 2995 for p99.9, 1 for the median and below.

    The smallest n with 1 - pⁿ ≥ 0.95, so that with 95 % confidence at least one sample lies beyond the quantile and
    the sample itself bounds it from above: S. S. Wilks, "Determination of sample sizes for setting tolerance limits",
    Annals of Mathematical Statistics 12 (1941) 91-96.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"a quantile lies between 0 and 1, got {fraction!r}")
    return 1 if fraction <= 0.5 else math.ceil(math.log(1 - CONFIDENCE) / math.log(fraction))


def within(samples: Sequence[float], fraction: float) -> float | None:
    """The smallest sample that `fraction` of all samples do not exceed (nearest rank), in their unit.

    None where the samples are too few. Always computed within one trial: samples of several blocks pooled before
    the quantile is taken are not independent, and their interval covers the truth far less often than it says.
    """
    if not all(map(math.isfinite, samples)):
        raise ValueError("a quantile needs finite samples")
    return of_counts(Counter(samples), fraction)


def of_counts(counts: Mapping[Number, int], fraction: float) -> Number | None:
    """As `within`, from a histogram: value to its number of samples."""
    return Ranks(counts).quantile(fraction)


class Ranks(Generic[Number]):
    """A histogram that is sorted once, for several quantiles."""

    def __init__(self, counts: Mapping[Number, int]) -> None:
        self.values: list[Number] = sorted(counts)
        self.upto = list(accumulate(map(counts.__getitem__, self.values)))
        self.total = self.upto[-1] if self.upto else 0

    def quantile(self, fraction: float) -> Number | None:
        """The smallest value that `fraction` of all samples do not exceed; None where the samples are too few."""
        if self.total == 0 or self.total < fewest(fraction):
            return None
        return self.values[bisect_left(self.upto, math.ceil(fraction * self.total))]
