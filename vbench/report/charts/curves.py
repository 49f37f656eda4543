"""Draws costs over a number that a suite varies: one line for each environment, its 95 % interval as a ribbon."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vbench.model import BenchmarkRecord, Cost
from vbench.report.charts.chart import Chart, Record, log_axis, marker, padded
from vbench.report.names import value_of
from vbench.report.view import Arm, Group, Row, View
from vbench.text import amount, amount_interval, finite, label
from vbench.units import show

HEIGHT_PX = 260
MOST_TICKS = 7
LARGEST = 1e300
LOG_FROM = 4.0
"""Smallest ratio of the largest value to the smallest for which the axis of values is logarithmic."""

Point = tuple[float, Cost]


@dataclass(frozen=True)
class Curve:
    """One metric of an entry over one of its keys. Each other varied key has one value."""

    of: str
    metric: str
    unit: str
    key: str
    others: tuple[tuple[str, Any], ...]
    lines: tuple[tuple[Arm, tuple[Point, ...]], ...]  # with the control, without the baseline

    @property
    def title(self) -> str:
        fixed = "".join(f", {key} {value_of(value)}" for key, value in self.others)
        return f"{self.of} {self.metric} over {self.key}{fixed}"

    @property
    def values(self) -> list[float]:
        return sorted({value for _, points in self.lines for value, _ in points})


def curves(view: View) -> tuple[Chart, ...]:
    """One chart for each metric of an entry, and for each combination of the keys that are not its axis."""
    return tuple(_chart(curve, f"curve-{index}") for index, curve in enumerate(_curves(view)))


def _curves(view: View) -> Iterable[Curve]:
    records = {record.name: record for record in view.run.manifest.benchmarks if record.of}
    axes = {of: _axis([record for record in records.values() if record.of == of]) for of in _entries(records)}
    points_by_curve: dict[tuple[Any, ...], list[tuple[float, Group]]] = {}
    for group in view.groups:
        record = records.get(group.benchmark)
        key = axes.get(record.of) if record else None
        if record is None or key is None or key not in record.varied:
            continue
        others = tuple(item for item in record.varied.items() if item[0] != key)
        point = (float(record.varied[key]), group)
        points_by_curve.setdefault((record.of, group.metric, group.unit, key, others), []).append(point)
    for (of, metric, unit, key, others), points in points_by_curve.items():
        if len(points) > 1:
            lines = tuple(_lines(sorted(points, key=lambda point: point[0])))
            yield Curve(of, metric, unit, key, others, lines)


def _entries(records: dict[str, BenchmarkRecord]) -> Iterable[str]:
    return dict.fromkeys(record.of for record in records.values())


def _axis(records: list[BenchmarkRecord]) -> str | None:
    """The key of the axis: of the keys with numbers only, the one with most values. None if there is no such key."""
    values: dict[str, set[Any]] = {}
    for record in records:
        for key, value in record.varied.items():
            values.setdefault(key, set()).add(value)
    numeric = {
        key: len(distinct) for key, distinct in values.items() if all(map(_is_number, distinct)) and len(distinct) > 1
    }
    return max(numeric, key=lambda key: numeric[key], default=None)


def _is_number(value: Any) -> bool:
    """Whether an axis can show the value. A run folder of another tool may hold any value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _lines(points: list[tuple[float, Group]]) -> Iterable[tuple[Arm, tuple[Point, ...]]]:
    rows: dict[str, list[tuple[float, Row]]] = {}
    for value, group in points:
        for row in group.rows:
            if row.arm.role != "baseline":
                rows.setdefault(row.arm.name, []).append((value, row))
    for line in rows.values():
        yield line[0][1].arm, tuple((value, row.cost) for value, row in line)


def _middle(cost: Cost) -> float | None:
    return finite(cost.cost if cost.difference is None else cost.difference.mean)


def _ends(cost: Cost) -> tuple[float, float] | None:
    low, high = (cost.low, cost.high) if cost.difference is None else (cost.difference.low, cost.difference.high)
    return (low, high) if low is not None and high is not None and math.isfinite(low) and math.isfinite(high) else None


def _chart(curve: Curve, key: str) -> Chart:
    is_ratio = all(cost.difference is None for _, points in curve.lines for _, cost in points)
    data = [trace for arm, points in curve.lines for trace in _ribbons(arm, points)]
    data += [_line(arm, points) for arm, points in curve.lines]
    level = 1 if is_ratio else 0
    shape = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": level, "y1": level}
    layout = {
        "margin": {"l": 58, "r": 10, "t": 8, "b": 40},
        "xaxis": _value_axis(curve),
        "yaxis": _cost_axis(curve, is_ratio=is_ratio),
        "shapes": [shape | {"line": {"color": "var(--ink)", "width": 1}, "layer": "below"}],
    }
    figure = {"data": data, "layout": layout}
    return Chart(key, curve.title, _caption(curve), figure, HEIGHT_PX, _columns(curve), _table(curve), _records(curve))


def _ribbons(arm: Arm, points: tuple[Point, ...]) -> Iterable[dict[str, Any]]:
    """One ribbon for each stretch of neighbouring values whose intervals are known."""
    for has_ends, stretch in groupby(points, key=lambda point: _ends(point[1]) is not None):
        if not has_ends:
            continue
        ends = [(value, *(_ends(cost) or (0.0, 0.0))) for value, cost in stretch]
        yield {
            "type": "scatter",
            "x": [value for value, _, _ in ends] + [value for value, _, _ in reversed(ends)],
            "y": [low for _, low, _ in ends] + [high for _, _, high in reversed(ends)],
            "mode": "lines",
            "line": {"width": 0, "color": arm.colour},
            "fill": "toself",
            "fillcolor": arm.colour,
            "opacity": 0.16,
            "hoverinfo": "skip",
        }


def _line(arm: Arm, points: tuple[Point, ...]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [value for value, _ in points],
        "y": [_middle(cost) for _, cost in points],
        "mode": "lines+markers",
        "name": label(arm.name),
        "line": {"color": arm.colour, "width": 1.8, "dash": arm.dash},
        "marker": marker(arm, 8),
        "text": [f"{amount(cost)} ({amount_interval(cost)})" for _, cost in points],
        "hovertemplate": "%{text}",
    }


def _value_axis(curve: Curve) -> dict[str, Any]:
    values = curve.values
    low, high = values[0], values[-1]
    ticks = values[:: math.ceil(len(values) / MOST_TICKS)]
    title = {"text": label(curve.key), "font": {"size": 11, "color": "var(--muted)"}, "standoff": 4}
    axis = {"tickvals": ticks, "ticktext": [_written(tick) for tick in ticks], "tickangle": 0, "title": title}
    if low > 0 and high / low >= LOG_FROM:
        pad = 0.04 * (math.log10(high) - math.log10(low))
        return axis | {"type": "log", "range": [math.log10(low) - pad, math.log10(high) + pad]}
    pad = 0.04 * (high - low)
    return axis | {"range": [low - pad, high + pad]}


def _cost_axis(curve: Curve, *, is_ratio: bool) -> dict[str, Any]:
    costs = [cost for _, points in curve.lines for _, cost in points]
    every = [end for cost in costs for end in (_middle(cost), *(_ends(cost) or ())) if end is not None]
    if is_ratio:
        positive = [end for end in every if end > 0] or [1.0]
        return log_axis(*padded(min(1.0, *positive, 1.0), max(1.0, *positive, 1.0), least=1.02))
    return {"title": {"text": label(curve.unit), "font": {"size": 11, "color": "var(--muted)"}}}


def _written(value: float) -> str:
    return value_of(int(value) if value.is_integer() else value)


def _caption(curve: Curve) -> str:
    """The change of each arm's cost from the first value to the last. Only intervals that are apart show a change."""
    first, last = _written(curve.values[0]), _written(curve.values[-1])
    changes = [_change(arm, points) for arm, points in curve.lines if arm.role == "compared"]
    return (
        f"From {curve.key} {first} to {last}: {'; '.join(text for text in changes if text)}."
        if any(changes)
        else (f"No environment has a cost at both ends of {curve.key}, {first} and {last}.")
    )


def _change(arm: Arm, points: tuple[Point, ...]) -> str:
    (_, first), (_, last) = points[0], points[-1]
    if _middle(first) is None or _middle(last) is None:
        return ""
    was, now = f"{amount(first)} ({amount_interval(first)})", f"{amount(last)} ({amount_interval(last)})"
    before, after = _ends(first), _ends(last)
    if before is None or after is None:
        return f"the cost of {arm.name} is {amount(first)} and {amount(last)}, without both intervals"
    if before[1] < after[0]:
        return f"the cost of {arm.name} rises from {was} to {now}"
    if after[1] < before[0]:
        return f"the cost of {arm.name} falls from {was} to {now}"
    return f"the intervals of {arm.name} overlap, so no change is shown: {was} and {now}"


def _columns(curve: Curve) -> tuple[str, ...]:
    each = (f"{arm.name}{end}" for arm, _ in curve.lines for end in ("", " 95 % interval", " median"))
    return (curve.key, *each)


def _table(curve: Curve) -> tuple[tuple[str, ...], ...]:
    lines = [dict(points) for _, points in curve.lines]
    return tuple(
        (_written(value), *(text for line in lines for text in _cells(line.get(value), curve.unit)))
        for value in curve.values
    )


def _cells(cost: Cost | None, unit: str) -> tuple[str, str, str]:
    if cost is None:
        return "–", "–", "–"
    return amount(cost), amount_interval(cost), show(cost.median, unit)


def _records(curve: Curve) -> tuple[Record, ...]:
    names = (curve.key, "environment", "cost", "low", "high", "median", "baseline median")
    rows: list[Record] = [names]
    for arm, points in curve.lines:
        for value, cost in points:
            low, high = _ends(cost) or (None, None)
            medians = (finite(cost.median), finite(cost.baseline_median))
            rows.append((value, arm.name, _middle(cost), low, high, *medians))
    return tuple(rows)
