"""Draws the ratio of each block in order of time, so that drift and double modes show."""

import math
from typing import Any

from vbench.report import words
from vbench.report.charts.chart import Chart, Record
from vbench.report.charts.strips import STRIP_PX, level, strip_axis, strip_name
from vbench.report.view import Group, Row
from vbench.text import finite, label, ratio

LARGEST = 700.0  # logarithm of a number that a float holds

LEAST_SPAN = math.log(1.1)
"""Least span of a strip, as a logarithm, so that a small spread looks small."""


def dots(group: Group, key: str) -> Chart:
    """The chart of one metric: a strip for each environment, all strips with the same span on a log scale."""
    rows = [row for row in group.rows if row.arm.role != "baseline"]
    span = max([LEAST_SPAN, *(_spread(row) * 1.3 for row in rows)])
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": []}
    for index, row in enumerate(rows):
        _strip(data, layout, row, span, (index, len(rows)))
    last = max((block for row in rows for block in row.cost.per_block), default=1)
    layout["xaxis"] = {"range": [0.4, last + 0.6], "dtick": max(1, round(last / 10)), "tick0": 1, "showgrid": False}
    layout["xaxis"] |= {"anchor": "free", "position": 0}
    layout["margin"] = {"l": 58, "r": 8, "t": 6, "b": 22}
    blocks = sorted({block for row in rows for block in row.cost.per_block})
    return Chart(
        key,
        group.title,
        words.group_caption(group),
        {"data": data, "layout": layout},
        28 + STRIP_PX * len(rows),
        ("Block", *(row.arm.name for row in rows)),
        tuple((str(block), *(ratio(row.cost.per_block.get(block)) for row in rows)) for block in blocks),
        _records(rows, blocks),
    )


def _records(rows: list[Row], blocks: list[int]) -> tuple[Record, ...]:
    lines = [(block, *(finite(row.cost.per_block.get(block)) for row in rows)) for block in blocks]
    return (("block", *(row.arm.name for row in rows)), *lines)


def _spread(row: Row) -> float:
    logs = [math.log(value) for value in row.cost.per_block.values() if finite(value) is not None and value > 0]
    return max(logs) - min(logs) if logs else 0.0


def _strip(data: list[dict[str, Any]], layout: dict[str, Any], row: Row, span: float, where: tuple[int, int]) -> None:
    """Add a strip to `data` and `layout`. `where` is its index from the top, and the number of strips."""
    arm, (axis, domain) = row.arm, strip_axis(*where)
    points = {block: finite(value) for block, value in sorted(row.cost.per_block.items())}
    logs = [math.log(value) for value in points.values() if value is not None and value > 0]
    middle = (max(logs) + min(logs)) / 2 if logs else 0.0
    low, high = middle - span / 2, middle + span / 2
    ticks = [math.exp(min(max(tick, -LARGEST), LARGEST)) for tick in (middle - span / 3, middle, middle + span / 3)]
    layout[f"yaxis{axis}"] = domain | {
        "type": "log",
        "range": [low / math.log(10), high / math.log(10)],
        "tickvals": ticks,
        "ticktext": [ratio(value) for value in ticks],
        "tickfont": {"size": 10},
    }
    if low < 0 < high:
        layout["shapes"].append(level(axis, 1, {"color": "var(--ink)", "width": 1}))
    cost = finite(row.cost.cost)
    if cost is not None:
        layout["shapes"].append(level(axis, cost, {"color": arm.colour, "width": 1, "dash": arm.dash}))
    layout["annotations"].append(strip_name(arm, *where))
    data.append(
        {
            "type": "scatter",
            "x": list(points),
            "y": list(points.values()),
            "yaxis": f"y{axis}",
            "mode": "markers",
            "name": label(arm.name),
            "marker": {"color": arm.colour, "symbol": arm.symbol, "size": 7},
            "text": [ratio(value) for value in points.values()],
            "hovertemplate": "block %{x}: %{text}",
        }
    )
