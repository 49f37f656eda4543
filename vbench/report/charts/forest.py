"""The forest plot: every cost with its interval on one log scale, and beside it what is close to 1."""

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
    """One plot or, where there are many benchmarks, one for each family, all over the same range."""
    ends = _range([row for row in view.rows if row.arm.role != "baseline"])
    found = []
    for place, (family, groups) in enumerate(folded(view.groups)):
        part = replace(view, groups=groups)
        title = f"Cost: {words.family(family)}" if family else "Cost of every benchmark"
        chart = _forest(part, f"forest-{place}" if family else "forest", title, ends)
        found.append(Fold((chart,), words.family(family) if family else "", words.fold_sentence(part)))
    return tuple(found)


def _forest(view: View, key: str, title: str, ends: tuple[float, float]) -> Chart:
    """A row per benchmark metric and environment; beside the whole range, where it is wide, one close to 1."""
    places, titles, bottom = _places(view.groups)
    rows = [(row, places[index]) for index, row in enumerate(_drawn(view.groups))]
    low, high = ends
    near = high > 2 * NEAR[1] or low < NEAR[0] / 2
    data: list[dict[str, Any]] = []
    for arm, colour, mine in _parts(view, rows):
        data.append(_marks(arm, mine, "x", colour))
        if near:
            data += [_marks(arm, mine, "x2", colour), _beyond(mine, colour)]
    left = 14 + 7 * max((min(len(label(arm.name, 14)), 14) for arm in view.arms), default=4)
    layout: dict[str, Any] = {
        "margin": {"l": left, "r": 162, "t": 52, "b": 8},
        "xaxis": log_axis(low, high) | {"domain": [0, 0.5] if near else [0, 1], "side": "top"},
        "yaxis": {
            "range": [bottom, -TOP],
            "tickvals": [place for _, place in rows],
            "ticktext": [label(row.arm.name, 14) for row, _ in rows],
            "griddash": "dot",
        },
        "shapes": [
            *_bands(near, view.run.manifest.delta),
            *_noise(view.groups, places, bottom, near),
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
    """A metric without a ratio has none of the three; its difference is in the page's table of every number."""
    cost = row.cost
    known = (finite(cost.cost), finite(cost.low), finite(cost.high))
    return cost.benchmark, cost.metric, row.arm.name, *known, cost.blocks, verdicts.word(cost)


def _table_line(row: Row) -> tuple[str, ...]:
    cost = row.cost
    name = f"{cost.benchmark} {cost.metric}"
    return name, row.arm.name, ratio(cost.cost), interval(cost.low, cost.high), verdicts.word(cost)


def _everyone(groups: tuple[Group, ...]) -> list[Row]:
    return [row for group in groups for row in group.rows if row.arm.role != "baseline"]


def _drawn(groups: tuple[Group, ...]) -> list[Row]:
    """The control is the band behind the others, and has no line of its own."""
    return [row for group in groups for row in _own(group)]


def _own(group: Group) -> list[Row]:
    return [row for row in group.rows if row.arm.role == "compared"]


def _parts(view: View, rows: list[tuple[Row, float]]) -> Iterator[tuple[Arm, str, list[tuple[Row, float]]]]:
    """Of each environment what a verdict decides in its colour, and all else in none."""
    for arm in view.compared:
        mine = [(row, place) for row, place in rows if row.arm is arm]
        yield arm, arm.colour, [(row, place) for row, place in mine if is_decided(row.cost)]
        yield arm, NEUTRAL, [(row, place) for row, place in mine if not is_decided(row.cost)]


def _places(groups: tuple[Group, ...]) -> tuple[list[float], list[float], float]:
    """Vertical places, downwards: of each row, of each group's title, and of the end."""
    places: list[float] = []
    titles: list[float] = []
    at = 0.0
    for group in groups:
        titles.append(at - 0.95)
        for _ in _own(group):
            places.append(at)
            at += 1
        at += GROUP_GAP
    return places, titles, at - 0.6


def _range(rows: list[Row]) -> tuple[float, float]:
    ends = [finite(value) for row in rows for value in (row.cost.cost, row.cost.low, row.cost.high)]
    known = [value for value in ends if value is not None and value > 0]
    return padded(min([*known, 0.95]), max([*known, 1.05]))


def _marks(arm: Arm, mine: list[tuple[Row, float]], axis: str, colour: str) -> dict[str, Any]:
    known = [(row.cost, place) for row, place in mine if finite(row.cost.cost) is not None]
    return {
        "type": "scatter",
        "name": label(arm.name),
        "xaxis": axis,
        "mode": "markers",
        "x": [cost.cost for cost, _ in known],
        "y": [place for _, place in known],
        "error_x": {
            "type": "data",
            "array": [(cost.high - cost.cost) if has_interval(cost) else None for cost, _ in known],  # type: ignore[operator]
            "arrayminus": [(cost.cost - cost.low) if has_interval(cost) else None for cost, _ in known],  # type: ignore[operator]
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
            for cost, _ in known
        ],
        "hovertemplate": "%{customdata[0]}<br>cost %{customdata[1]} (%{customdata[2]})<br>"
        "%{customdata[3]} blocks, %{customdata[4]}",
    }


def _beyond(mine: list[tuple[Row, float]], colour: str) -> dict[str, Any]:
    """Arrows at the edges of the narrow axis for what lies outside it."""
    low, high = NEAR
    ends = [(finite(row.cost.cost), place) for row, place in mine]
    outside = [(value > high, place) for value, place in ends if value is not None and not low <= value <= high]
    return {
        "type": "scatter",
        "xaxis": "x2",
        "mode": "markers",
        "x": [high * 0.99 if right else low * 1.01 for right, _ in outside],
        "y": [place for _, place in outside],
        "marker": {
            "color": colour,
            "symbol": [f"triangle-{'right' if right else 'left'}-open" for right, _ in outside],
            "size": 7,
        },
        "hoverinfo": "skip",
    }


def _bands(near: bool, delta: float) -> list[dict[str, Any]]:
    """Where a cost is too small to be of interest: 1/(1 + δ) to 1 + δ."""
    axes = ("x", "x2") if near else ("x",)
    ends = {"type": "rect", "yref": "paper", "x0": 1 / (1 + delta), "x1": 1 + delta, "y0": 0, "y1": 1}
    return [{"xref": axis, **ends, "fillcolor": "var(--band)", "line": {"width": 0}, "layer": "below"} for axis in axes]


def _noise(groups: tuple[Group, ...], places: list[float], bottom: float, near: bool) -> list[dict[str, Any]]:
    """Behind each group's marks the interval of the control: how far the host tells two things apart that are one.

    Vertically in shares of the plot, because plotly draws what refers to an axis over the line at 1, which does not.
    """
    axes, found, at = ("x", "x2") if near else ("x",), [], 0
    for group in groups:
        count = len(_own(group))
        control = next((row.cost for row in group.rows if row.arm.role == "control"), None)
        if count and control is not None and has_interval(control):
            top, end = (
                1 - (place + TOP) / (bottom + TOP) for place in (places[at] - 0.5, places[at + count - 1] + 0.5)
            )
            ends = {"x0": control.low, "x1": control.high, "y0": end, "y1": top}
            look = {"fillcolor": "var(--noise)", "opacity": 0.75, "line": {"width": 0}, "layer": "below"}
            found += [{"type": "rect", "xref": axis, "yref": "paper", **ends, **look} for axis in axes]
        at += count
    return found


def _lines_at_one(near: bool) -> list[dict[str, Any]]:
    axes = ("x", "x2") if near else ("x",)
    ends = {"yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1}
    look = {"type": "line", "line": {"color": "var(--ink)", "width": 1.5}, "layer": "between"}
    return [{"xref": axis, **ends, **look} for axis in axes]


def _titles(groups: tuple[Group, ...], titles: list[float], left: int) -> list[dict[str, Any]]:
    return [
        {
            "text": f"<b>{label(group.title, 44)}</b>",
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "xshift": -left,
            "y": place,
            "yanchor": "middle",
            "showarrow": False,
            "bgcolor": "var(--panel)",
            "borderpad": 1,
        }
        for group, place in zip(groups, titles, strict=True)
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
            "y": place,
            "showarrow": False,
            "font": {"size": 11, "color": "var(--ink)" if is_decided(row.cost) else "var(--muted)"},
        }
        for row, place in rows
    ]


def _sign(row: Row) -> str:
    found = verdicts.sign(row.cost)
    return f" {found}" if found else ""


def _inside(row: Row) -> str:
    return f" ({interval(row.cost.low, row.cost.high).replace(' to ', '–')})" if has_interval(row.cost) else ""


def _axis_titles(near: bool) -> list[dict[str, Any]]:
    shared = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 24, "showarrow": False}
    shared |= {"font": {"size": 11, "color": "var(--muted)"}}
    left = {"text": "log scale, right of 1 is worse", "x": 0, "xanchor": "left"}
    right = {"name": WIDE, "text": "close to 1 (▷ beyond)", "x": 0.58, "xanchor": "left"}
    return [left | shared, right | shared] if near else [left | shared]
