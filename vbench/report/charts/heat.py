"""Draws the heat map: benchmarks by environments, coloured by the logarithm of the cost."""

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from vbench.report import words
from vbench.report.charts.chart import MANY, Chart, folded
from vbench.report.view import Arm, Group, Row, View
from vbench.text import finite, is_decided, label, ratio

Cell = TypeVar("Cell")
STOPS = (0, 0.3, 0.5, 0.7, 1)
"""Positions of the colours, closer together near a cost of 1, where most costs lie."""


def heat(view: View) -> Chart:
    """The chart of all costs, benchmark metric by environment. Costs without a deciding verdict have no colour."""
    everyone = [arm for arm in view.arms if arm.role != "baseline"]
    arms = list(view.compared) or everyone
    lines = list(_lines(view))
    names = [name for name, _ in lines]
    cells = [[group.row_of(arm) if group else None for arm in arms] for _, group in lines]
    logs = [[_log10(row) for row in line] for line in cells]
    shades = [[_shade(row, value) for row, value in zip(*line, strict=True)] for line in zip(cells, logs, strict=True)]
    reach = max([abs(value) for line in shades for value in line if value is not None] + [math.log10(2)])
    squares: dict[str, Any] = {
        "type": "heatmap",
        "z": shades,
        "x": list(range(len(arms))),
        "y": list(range(len(names))),
        "zmin": -reach,
        "zmax": reach,
        "colorscale": [[stop, f"var(--heat-{index})"] for index, stop in enumerate(STOPS)],
        "text": [[_cell(row) for row in line] for line in cells],
        "texttemplate": "%{text}",
        "textfont": {"color": "var(--ink)", "size": 12},
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "%{text}<extra></extra>",
    }
    layout = {
        "margin": {"l": 12 + 7 * max((len(name) for name in names), default=4), "r": 10, "t": 30, "b": 10},
        "xaxis": {
            "tickvals": list(range(len(arms))),
            "ticktext": [label(arm.name, 14) for arm in arms],
            "side": "top",
            "showgrid": False,
        },
        "yaxis": {
            "tickvals": list(range(len(names))),
            "ticktext": [name if group else f"<b>{name}</b>" for name, group in lines],
            "range": [len(names) - 0.5, -0.5],
            "showgrid": False,
        },
        "annotations": [
            {"x": x, "y": y, "text": "–", "showarrow": False, "font": {"color": "var(--muted)"}}
            for y, line in enumerate(logs)
            for x, value in enumerate(line)
            if value is None and lines[y][1] is not None
        ],
    }
    return Chart(
        "heat",
        "Where the cost falls",
        words.heat_caption(view),
        {"data": [squares], "layout": layout},
        50 + (24 if len(view.groups) <= MANY else 21) * len(names),
        ("Benchmark", *(arm.name for arm in everyone)),
        tuple((group.title, *_costs(group, everyone, ratio)) for group in view.groups),
        (
            ("benchmark", "metric", *(arm.name for arm in everyone)),
            *((group.benchmark, group.metric, *_costs(group, everyone, finite)) for group in view.groups),
        ),
    )


def _lines(view: View) -> Iterator[tuple[str, Group | None]]:
    """Names and groups from the top down. If there are many, a line with its name and no group begins each family."""
    for family, groups in folded(view.groups):
        if family:
            yield label(words.family(family), 30), None
        for group in groups:
            yield label(group.title.removeprefix(f"{family}.") if family else group.title, 30), group


def _costs(group: Group, arms: list[Arm], shown: Callable[[float | None], Cell]) -> tuple[Cell, ...]:
    rows = [group.row_of(arm) for arm in arms]
    return tuple(shown(row.cost.cost if row else None) for row in rows)


def _log10(row: Row | None) -> float | None:
    value = finite(row.cost.cost) if row else None
    return math.log10(value) if value is not None and value > 0 else None


def _shade(row: Row | None, value: float | None) -> float | None:
    """The value that sets the colour: 0, which is neutral, if no verdict says slower or faster."""
    return value if row is None or value is None or is_decided(row.cost) else 0.0


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"<b>{ratio(row.cost.cost)}</b>" if is_decided(row.cost) else ratio(row.cost.cost)
