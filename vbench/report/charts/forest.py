"""Draws the forest plot: every cost with its interval on one log scale, and beside it the range close to 1."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from vbench.report import verdicts, words
from vbench.report.charts.chart import WIDE, Chart, Fold, Record, folded, log_axis, padded
from vbench.report.view import Arm, Group, Row, View
from vbench.text import finite, has_interval, interval, is_decided, label, number, ratio

ROW_PX = 19
TOP = 2  # rows above the first mark: its title, and the labels of the axis
GROUP_GAP = 1.35  # rows between the last mark of a group and the first of the next: room for the next title
NEAR = (0.8, 1.25)
NEUTRAL = "var(--undecided)"
RECORD = ("benchmark", "metric", "environment", "cost", "low", "high", "blocks", "verdict")


def forests(view: View) -> tuple[Fold, ...]:
    """One plot, or one for each family if there are many benchmarks. All plots have the same range."""
    ends = _range([row for row in view.rows if row.arm.role != "baseline"])
    folds = []
    for index, (family, groups) in enumerate(folded(view.groups)):
        part = replace(view, groups=groups)
        title = f"Cost: {words.family(family)}" if family else "Cost of every benchmark"
        chart = _forest(part, f"forest-{index}" if family else "forest", title, ends)
        folds.append(Fold((chart,), words.family(family) if family else "", words.fold_sentence(part)))
    return tuple(folds)


def _forest(view: View, key: str, title: str, ends: tuple[float, float]) -> Chart:
    """A plot with a row for each benchmark metric and environment. Beside a wide range stands a second axis near 1."""
    positions, titles, bottom = _positions(view.groups)
    rows = [(row, positions[index]) for index, row in enumerate(_drawn(view.groups))]
    low, high = ends
    near = high > 2 * NEAR[1] or low < NEAR[0] / 2
    data: list[dict[str, Any]] = []
    for arm, colour, arm_rows in _parts(view, rows):
        data.append(_marks(arm, arm_rows, "x", colour))
        if near:
            data += [_marks(arm, arm_rows, "x2", colour), _beyond(arm_rows, colour)]
    left = 14 + 7 * max((min(len(label(arm.name, 14)), 14) for arm in view.arms), default=4)
    layout: dict[str, Any] = {
        "margin": {"l": left, "r": 162, "t": 52, "b": 8},
        "xaxis": log_axis(low, high) | {"domain": [0, 0.5] if near else [0, 1], "side": "top"},
        "yaxis": {
            "range": [bottom, -TOP],
            "tickvals": [y for _, y in rows],
            "ticktext": [label(row.arm.name, 14) for row, _ in rows],
            "griddash": "dot",
        },
        "shapes": [
            *_bands(near, view.run.manifest.delta),
            *_noise(view.groups, positions, bottom, near),
            *_lines_at_one(near),
        ],
        "annotations": [*_titles(view.groups, titles, left), *_values(rows), *_axis_titles(near)],
    }
    if near:
        layout["xaxis2"] = log_axis(*NEAR) | {"domain": [0.58, 1], "side": "top"}
    return Chart(
        key,
        title,
        words.forest_caption(view),
        {"data": data, "layout": layout},
        round(60 + ROW_PX * (bottom + TOP)),
        ("Benchmark", "Environment", "Cost", "95 % interval", "Verdict"),
        tuple(_table_line(row) for row in _everyone(view.groups)),
        (RECORD, *(_record(row) for row in _everyone(view.groups))),
    )


def _record(row: Row) -> Record:
    """The CSV line of a row. The page's table of every number has the difference of a metric without a ratio."""
    cost = row.cost
    interval_of_cost = (finite(cost.cost), finite(cost.low), finite(cost.high))
    return cost.benchmark, cost.metric, row.arm.name, *interval_of_cost, cost.blocks, verdicts.word(cost)


def _table_line(row: Row) -> tuple[str, ...]:
    cost = row.cost
    name = f"{cost.benchmark} {cost.metric}"
    return name, row.arm.name, ratio(cost.cost), interval(cost.low, cost.high), verdicts.word(cost)


def _everyone(groups: tuple[Group, ...]) -> list[Row]:
    return [row for group in groups for row in group.rows if row.arm.role != "baseline"]


def _drawn(groups: tuple[Group, ...]) -> list[Row]:
    """Rows of the plot. The control has none: its interval is the band behind the others."""
    return [row for group in groups for row in _own(group)]


def _own(group: Group) -> list[Row]:
    return [row for row in group.rows if row.arm.role == "compared"]


def _parts(view: View, rows: list[tuple[Row, float]]) -> Iterator[tuple[Arm, str, list[tuple[Row, float]]]]:
    """Rows of each environment with their colour: its own if a verdict decides the cost, else a neutral one."""
    for arm in view.compared:
        arm_rows = [(row, y) for row, y in rows if row.arm is arm]
        yield arm, arm.colour, [(row, y) for row, y in arm_rows if is_decided(row.cost)]
        yield arm, NEUTRAL, [(row, y) for row, y in arm_rows if not is_decided(row.cost)]


def _positions(groups: tuple[Group, ...]) -> tuple[list[float], list[float], float]:
    """Vertical positions, downwards: of all rows, of all group titles, and of the end."""
    positions: list[float] = []
    titles: list[float] = []
    y = 0.0
    for group in groups:
        titles.append(y - 0.95)
        for _ in _own(group):
            positions.append(y)
            y += 1
        y += GROUP_GAP
    return positions, titles, y - 0.6


def _range(rows: list[Row]) -> tuple[float, float]:
    ends = [finite(value) for row in rows for value in (row.cost.cost, row.cost.low, row.cost.high)]
    positive = [value for value in ends if value is not None and value > 0]
    return padded(min([*positive, 0.95]), max([*positive, 1.05]))


def _marks(arm: Arm, rows: list[tuple[Row, float]], axis: str, colour: str) -> dict[str, Any]:
    costs = [(row.cost, y) for row, y in rows if finite(row.cost.cost) is not None]
    return {
        "type": "scatter",
        "name": label(arm.name),
        "xaxis": axis,
        "mode": "markers",
        "x": [cost.cost for cost, _ in costs],
        "y": [y for _, y in costs],
        "error_x": {
            "type": "data",
            "array": [(cost.high - cost.cost) if has_interval(cost) else None for cost, _ in costs],  # type: ignore[operator]
            "arrayminus": [(cost.cost - cost.low) if has_interval(cost) else None for cost, _ in costs],  # type: ignore[operator]
            "color": colour,
            "thickness": 1.8,
            "width": 0,
        },
        "marker": {"color": colour, "symbol": arm.symbol, "size": 9},
        "customdata": [
            [
                label(f"{cost.benchmark} {cost.metric}"),
                ratio(cost.cost),
                interval(cost.low, cost.high),
                cost.blocks,
                verdicts.word(cost),
            ]
            for cost, _ in costs
        ],
        "hovertemplate": "%{customdata[0]}<br>cost %{customdata[1]} (%{customdata[2]})<br>"
        "%{customdata[3]} blocks, %{customdata[4]}",
    }


def _beyond(rows: list[tuple[Row, float]], colour: str) -> dict[str, Any]:
    """Arrows at the edges of the narrow axis for costs that lie outside it."""
    low, high = NEAR
    ends = [(finite(row.cost.cost), y) for row, y in rows]
    outside = [(value > high, y) for value, y in ends if value is not None and not low <= value <= high]
    return {
        "type": "scatter",
        "xaxis": "x2",
        "mode": "markers",
        "x": [high * 0.99 if right else low * 1.01 for right, _ in outside],
        "y": [y for _, y in outside],
        "marker": {
            "color": colour,
            "symbol": [f"triangle-{'right' if right else 'left'}-open" for right, _ in outside],
            "size": 7,
        },
        "hoverinfo": "skip",
    }


def _bands(near: bool, delta: float) -> list[dict[str, Any]]:
    """Bands over the costs that are too small to be of interest: 1/(1 + δ) to 1 + δ."""
    axes = ("x", "x2") if near else ("x",)
    ends = {"type": "rect", "yref": "paper", "x0": 1 / (1 + delta), "x1": 1 + delta, "y0": 0, "y1": 1}
    return [{"xref": axis, **ends, "fillcolor": "var(--band)", "line": {"width": 0}, "layer": "below"} for axis in axes]


def _noise(groups: tuple[Group, ...], positions: list[float], bottom: float, near: bool) -> list[dict[str, Any]]:
    """The interval of the control behind the marks of each group: the difference that noise alone makes on this host.

    Vertically in shares of the plot, because plotly draws what refers to an axis over the line at 1, which does not.
    """
    axes, shapes, index = ("x", "x2") if near else ("x",), [], 0
    for group in groups:
        count = len(_own(group))
        control = group.control
        if count and control is not None and has_interval(control):
            top, end = (
                1 - (y + TOP) / (bottom + TOP) for y in (positions[index] - 0.5, positions[index + count - 1] + 0.5)
            )
            ends = {"x0": control.low, "x1": control.high, "y0": end, "y1": top}
            style = {"fillcolor": "var(--noise)", "opacity": 0.75, "line": {"width": 0}, "layer": "below"}
            shapes += [{"type": "rect", "xref": axis, "yref": "paper", **ends, **style} for axis in axes]
        index += count
    return shapes


def _lines_at_one(near: bool) -> list[dict[str, Any]]:
    axes = ("x", "x2") if near else ("x",)
    ends = {"yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1}
    style = {"type": "line", "line": {"color": "var(--ink)", "width": 1.5}, "layer": "between"}
    return [{"xref": axis, **ends, **style} for axis in axes]


def _titles(groups: tuple[Group, ...], titles: list[float], left: int) -> list[dict[str, Any]]:
    return [
        {
            "text": f"<b>{label(group.title, 44)}</b>",
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "xshift": -left,
            "y": y,
            "yanchor": "middle",
            "showarrow": False,
            "bgcolor": "var(--panel)",
            "borderpad": 1,
        }
        for group, y in zip(groups, titles, strict=True)
    ]


def _values(rows: list[tuple[Row, float]]) -> list[dict[str, Any]]:
    return [
        {
            "name": WIDE,
            "text": f"<b>{number(row.cost.cost)}</b>{_inside(row)}{_sign(row)}",
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 8,
            "y": y,
            "showarrow": False,
            "font": {"size": 11, "color": "var(--ink)" if is_decided(row.cost) else "var(--muted)"},
        }
        for row, y in rows
    ]


def _sign(row: Row) -> str:
    sign = verdicts.sign(row.cost)
    return f" {sign}" if sign else ""


def _inside(row: Row) -> str:
    return f" ({interval(row.cost.low, row.cost.high).replace(' to ', '–')})" if has_interval(row.cost) else ""


def _axis_titles(near: bool) -> list[dict[str, Any]]:
    shared = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 24, "showarrow": False}
    shared |= {"font": {"size": 11, "color": "var(--muted)"}}
    left = {"text": "log scale, right of 1 is worse", "x": 0, "xanchor": "left"}
    right = {"name": WIDE, "text": "close to 1 (▷ beyond)", "x": 0.58, "xanchor": "left"}
    return [left | shared, right | shared] if near else [left | shared]
