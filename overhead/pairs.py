"""Interleaved pairs of vbench and a plain command, their ratio with its interval, and how that stands to a target."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from vbench.stats import student
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

    def interval(self) -> tuple[float, float, float]:
        """The geometric mean of vbench / plain over the pairs, and the ends of its 95 % interval by Student's t."""
        logs = [math.log(ours / plain) for ours, plain in self.pairs]
        middle, half = fmean(logs), student.quantile(0.975, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
        return math.exp(middle), math.exp(middle - half), math.exp(middle + half)

    def cells(self) -> tuple[str, ...]:
        ours, plain = (median(side) for side in zip(*self.pairs, strict=True))
        ratio, low, high = self.interval()
        return (
            *(self.what, show(ours, self.unit), show(plain, self.unit)),
            *(f"{ratio:.3f}", f"{low:.3f} to {high:.3f}", str(len(self.pairs))),
            *((str(self.target), self.target.judge(low, high)) if self.target else ("–", "–")),
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
