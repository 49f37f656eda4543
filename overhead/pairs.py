"""Interleaved pairs of vbench and a plain command, their ratio with its interval, and how that stands to a target."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vbench.stats import paired
from vbench.units import show

Measure = Callable[[], float]
HEAD = ("what", "vbench", "plain", "ratio", "95 % interval", "pairs", "target", "result")


@dataclass(frozen=True)
class Target:
    """The range that a ratio should lie in."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" if self.low > 0 else f"≤ {self.high:g}"

    def judge(self, low: float, high: float) -> str:
        """`undecided` where the interval holds an end of the range: more pairs or a quieter machine would tell."""
        if self.low <= low and high <= self.high:
            return "within"
        return "outside" if high < self.low or low > self.high else "undecided"


@dataclass(frozen=True)
class Row:
    """One line of the table; `note` says what the two sides are."""

    what: str
    unit: str
    pairs: tuple[tuple[float, float], ...]  # vbench, plain
    target: Target | None
    note: str = ""

    def interval(self) -> paired.Interval:
        """Of the logarithm of vbench / plain over the pairs."""
        ours, plain = zip(*self.pairs, strict=True)
        return paired.t_interval(paired.log_costs(ours, plain, "lower"))

    def cells(self) -> tuple[str, ...]:
        found = self.interval()
        ours, plain = (median(side) for side in zip(*self.pairs, strict=True))
        ends = result = "–"
        if found.low is not None and found.high is not None:
            low, high = math.exp(found.low), math.exp(found.high)
            ends = f"{low:.3f} to {high:.3f}"
            result = self.target.judge(low, high) if self.target else "–"
        ratio, target = f"{math.exp(found.mean):.3f}", str(self.target or "–")
        return (
            *(self.what, show(ours, self.unit), show(plain, self.unit)),
            *(ratio, ends, str(len(self.pairs)), target, result),
        )


def interleaved(ours: Measure, plain: Measure, count: int) -> tuple[tuple[float, float], ...]:
    """`count` pairs, each side first in every other one, after one pair that warms the caches and is dropped."""
    ours(), plain()
    return tuple(_pair(ours, plain, plain_first=bool(number % 2)) for number in range(count))


def _pair(ours: Measure, plain: Measure, *, plain_first: bool) -> tuple[float, float]:
    if plain_first:
        second = plain()
        return ours(), second
    return ours(), plain()


def table(rows: Sequence[Row]) -> Iterator[str]:
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for row in rows:
        if row.note:
            yield f"{row.what}: {row.note}"
