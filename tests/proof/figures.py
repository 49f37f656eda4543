"""One measured rate, the bounds it must keep, and when a count contradicts them."""

import zlib
from collections.abc import Mapping

import numpy as np
import scipy
from msgspec import Struct

Array = np.ndarray

CHANCE = 1e-5  # of calling a rate that keeps its bounds broken, with fewer experiments than the full proof


class Figure(Struct, frozen=True):
    """`value` is a share of `of` experiments unless `is_rate` is false; `low` and `high` are the target."""

    check: str
    case: str
    value: float
    of: int
    low: float | None = None
    high: float | None = None
    is_rate: bool = True
    beside: Mapping[str, float] = {}  # printed, without a target
    remark: str = ""  # what is known of a figure that is published without a target

    @property
    def has_target(self) -> bool:
        return self.low is not None or self.high is not None

    def holds(self, *, exactly: bool) -> bool:
        """Within the target: exactly as measured, or as far as so few experiments can tell (binomial)."""
        low, high = -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high
        if exactly or not self.is_rate:
            return low <= self.value <= high
        count = round(self.value * self.of)
        too_few = self.low is not None and scipy.stats.binom.cdf(count, self.of, low) < CHANCE
        too_many = self.high is not None and scipy.stats.binom.sf(count - 1, self.of, high) < CHANCE
        return not (too_few or too_many)


def generator(*names: object) -> np.random.Generator:
    """Random numbers that depend on the name of the experiment alone, so that each can be repeated by itself."""
    return np.random.default_rng([2026, zlib.crc32(repr(names).encode())])


def covers(low: Array, high: Array, truth: float = 0.0) -> float:
    return float(np.mean((low <= truth) & (truth <= high)))


def excludes(low: Array, high: Array) -> float:
    return float(np.mean((low > 0) | (high < 0)))
