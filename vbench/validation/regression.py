"""Fits one line a block to the measured cost over the added dose; the block is the unit of replication."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct


class Line(Struct, frozen=True):
    """y = intercept + slope · x; both are logarithms of ratios."""

    slope: float
    intercept: float


def line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Least squares: slope = Σ(x - x̄)(y - ȳ) / Σ(x - x̄)². Raises ValueError for equal x or what is not finite."""
    if len(x) != len(y) or len(x) < 2 or not all(map(math.isfinite, (*x, *y))):
        raise ValueError("a line needs at least two pairs of finite values")
    middle_x, middle_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((value - middle_x) ** 2 for value in x)
    if spread == 0:
        raise ValueError("a line needs two different doses")
    slope = math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / spread
    return Line(slope, middle_y - slope * middle_x)


def lines(doses: Mapping[str, float], costs: Mapping[str, Mapping[int, float]]) -> dict[int, Line]:
    """The line of ln(cost) on ln(1 + dose) for every block that has all arms.

    `doses` is arm to share of extra work, `costs` arm to block to that block's own ratio to the baseline. The
    baseline's noise is common to a block's arms and moves its intercept, so only blocks count as independent values.
    """
    blocks = set.intersection(*(set(costs.get(arm, ())) for arm in doses)) if doses else set()
    x = [math.log1p(dose) for dose in doses.values()]
    return {block: line(x, [math.log(costs[arm][block]) for arm in doses]) for block in sorted(blocks)}


def averaged(by_benchmark: Sequence[Mapping[int, Line]]) -> dict[int, Line]:
    """One line a block: the mean over benchmarks, over the blocks that all of them have."""
    blocks = set.intersection(*(set(block_lines) for block_lines in by_benchmark)) if by_benchmark else set()
    n = len(by_benchmark)
    return {
        b: Line(
            math.fsum(block_lines[b].slope for block_lines in by_benchmark) / n,
            math.fsum(block_lines[b].intercept for block_lines in by_benchmark) / n,
        )
        for b in sorted(blocks)
    }
