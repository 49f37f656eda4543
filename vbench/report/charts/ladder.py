"""Draws the staircase of a ladder: each step begins at the end of the one before, and has its interval at its end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add, mul
from typing import Any

from vbench.cost import Climb
from vbench.report import ladders, verdicts
from vbench.report.charts.chart import Chart, Record, log_axis, padded
from vbench.report.ladders import Line
from vbench.report.view import Arm, View
from vbench.text import amount, amount_interval, finite, is_decided, label, length

ROW_PX = 40
NEUTRAL = "var(--undecided)"
RECORD = ("ladder", "arm", "before", "estimate", "low", "high", "blocks", "verdict")


@dataclass(frozen=True)
class Stair:
    """One row of the chart, in the units of its axis."""

    line: Line
    begin: float
    end: float
    low: float | None
    high: float | None


def staircases(view: View) -> tuple[Chart, ...]:
    """One chart for each ladder of the suite."""
    return tuple(_chart(view, climb, f"ladder-{index}") for index, climb in enumerate(view.analysis.ladders))


def _chart(view: View, climb: Climb, key: str) -> Chart:
    lines, is_ratio = ladders.lines(climb), climb.metric.scale == "ratio"
    stairs = _stairs(lines, is_ratio=is_ratio)
    arms = {arm.name: arm for arm in view.arms}
    names = [label("the whole" if line.is_whole else f"+ {line.arm}", 24) for line in lines]
    none = 1.0 if is_ratio else 0.0
    axis = _ratios(stairs) if is_ratio else {"ticksuffix": f" {climb.metric.unit}", "nticks": 6}
    layout: dict[str, Any] = {
        "margin": {"l": 20 + 7 * max(map(len, names)), "r": 20, "t": 34, "b": 8},
        "xaxis": axis | {"side": "top"},
        "yaxis": {
            "range": [len(lines) - 0.5, -0.5],
            "tickvals": list(range(len(lines))),
            "ticktext": names,
            "showgrid": False,
        },
        "shapes": [_vertical(none, -0.5, len(lines) - 0.5, "solid"), *_risers(lines, stairs)],
    }
    data = [trace for index, stair in stairs.items() for trace in _traces(index, stair, arms[stair.line.arm])]
    return Chart(
        key,
        ladders.path(climb),
        ladders.caption(view, climb),
        {"data": data, "layout": layout},
        60 + ROW_PX * len(lines),
        ("Step", "Cost", "95 % interval", "Verdict", "Noise floor", "Blocks"),
        tuple(_table_line(line) for line in lines),
        (RECORD, *(_record(climb, line) for line in lines)),
    )


def _stairs(lines: Sequence[Line], *, is_ratio: bool) -> dict[int, Stair]:
    """The rows that can be drawn, by index. If a step has no number, every row begins at no cost."""
    none, join = (1.0, mul) if is_ratio else (0.0, add)
    sizes = [estimate(line)[0] for line in lines if not line.is_whole]
    steps = [size for size in sizes if size is not None]
    begins = [*accumulate(steps[:-1], join, initial=none), none]
    if len(steps) < len(sizes) or not all(math.isfinite(begin) and (begin > 0 or not is_ratio) for begin in begins):
        begins = [none] * len(lines)
    stairs = {}
    for index, (line, begin) in enumerate(zip(lines, begins, strict=False)):
        value, low, high = (None if size is None else finite(join(begin, size)) for size in estimate(line))
        if value is not None and (value > 0 or not is_ratio):
            stairs[index] = Stair(line, begin, value, low, high)
    return stairs


def estimate(line: Line) -> tuple[float | None, float | None, float | None]:
    """A ratio with the ends of its interval, or a difference in the metric's unit."""
    cost = line.cost
    if cost.difference is not None:
        return finite(cost.difference.mean), finite(cost.difference.low), finite(cost.difference.high)
    return finite(cost.cost), finite(cost.low), finite(cost.high)


def _ratios(stairs: dict[int, Stair]) -> dict[str, Any]:
    ends = [end for stair in stairs.values() for end in (stair.begin, stair.end, stair.low, stair.high)]
    positive = [end for end in ends if end is not None and end > 0]
    return log_axis(*padded(min([*positive, 0.95]), max([*positive, 1.05])))


def _traces(y: int, stair: Stair, arm: Arm) -> list[dict[str, Any]]:
    """The step as a bar from its begin to its end, and the interval around its end."""
    colour = arm.colour if is_decided(stair.line.cost) else NEUTRAL
    has_ends = stair.low is not None and stair.high is not None
    cost = stair.line.cost
    customdata = [label(stair.line.name), amount(cost), amount_interval(cost), cost.blocks, verdicts.word(cost)]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [stair.begin, stair.end],
            "y": [y, y],
            "line": {"color": colour, "width": 9},
            "opacity": 0.45,
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [stair.end],
            "y": [y],
            "marker": {"color": colour, "symbol": arm.symbol, "size": 10},
            "error_x": {
                "type": "data",
                "array": [stair.high - stair.end if has_ends else None],  # type: ignore[operator]
                "arrayminus": [stair.end - stair.low if has_ends else None],  # type: ignore[operator]
                "color": "var(--ink)",
                "thickness": 1.8,
                "width": 5,
            },
            "customdata": [customdata],
            "hovertemplate": "%{customdata[0]}<br>%{customdata[1]} (%{customdata[2]})<br>"
            "%{customdata[3]} blocks, %{customdata[4]}<extra></extra>",
        },
    ]


def _risers(lines: Sequence[Line], stairs: dict[int, Stair]) -> list[dict[str, Any]]:
    """Lines from the end of each step down to the begin of the next, and from the last step to the end of the whole."""
    pairs = [(index, stairs[index]) for index in range(len(lines) - 1) if index in stairs and index + 1 in stairs]
    return [
        _vertical(stair.end, index, index + 1, "dot")
        for index, stair in pairs
        if stairs[index + 1].begin == stair.end or lines[index + 1].is_whole
    ]


def _vertical(x: float, y0: float, y1: float, dash: str) -> dict[str, Any]:
    line = {"color": "var(--ink)", "width": 1.2, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "y0": y0, "y1": y1, "line": line, "layer": "below"}


def _table_line(line: Line) -> tuple[str, ...]:
    cost = line.cost
    floor = length(cost, cost.floor)
    return line.name, amount(cost), amount_interval(cost), verdicts.word(cost) or cost.label, floor, str(cost.blocks)


def _record(climb: Climb, line: Line) -> Record:
    cost = line.cost
    return climb.ladder.name, line.arm, line.before, *estimate(line), cost.blocks, verdicts.word(cost)
