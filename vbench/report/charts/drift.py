"""Draws the numbers of each environment against time, so that changes of the host during the run show."""

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from vbench.cost.trials import Attempts, number, series
from vbench.model import Trial
from vbench.report.charts.chart import Chart, Record, marker
from vbench.report.charts.strips import STRIP_PX, strip_axis, strip_name
from vbench.report.view import Arm, Group, View
from vbench.stats.logs import excess
from vbench.text import counted, finite, label, listed, percent
from vbench.units import DASH, show

LEAST_SPAN = 0.1
"""Least span of a strip, as a share of its middle, so that a small drift looks small."""
ENOUGH = 6  # blocks, so that the first third and the last have two each
STEPS_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
DAY_S = 86400
LATEST_S = 1e15  # later times are damage of a journal, and an axis cannot hold them
TEXTS = ", %{hovertext}: %{text}<extra></extra>"
ANALYSED, VOIDED, CUT, LOST = "analysed", "voided", "cut", "lost"


@dataclass(frozen=True)
class Point:
    """One trial: its number, and the seconds from the begin of the run's first trial to its own."""

    block: int
    attempt: int
    after_s: float | None
    value: float | None
    state: str  # analysed, voided, cut (the run ended within the attempt), lost (it gave no number)


@dataclass(frozen=True)
class Line:
    arm: Arm
    points: tuple[Point, ...]  # in order of time

    @cached_property
    def values(self) -> dict[int, float]:
        """Analysed numbers by block."""
        return {p.block: p.value for p in self.points if p.state == ANALYSED and p.value is not None}


def drifts(view: View) -> tuple[Chart, ...]:
    """One chart for each benchmark metric, with a strip for each environment and for the baseline."""
    attempts = view.analysis.attempts
    moments = (_moment(trial) for trial in view.run.trials)
    begun_s = min((moment for moment in moments if moment is not None), default=0.0)
    by_arm: dict[tuple[str, int, str], dict[tuple[int, int], Trial]] = {}
    for trial in view.run.trials:
        if trial.block >= 1:
            attempts_of_arm = by_arm.setdefault(series(trial), {})
            attempts_of_arm[trial.block, trial.attempt] = trial
    charts = []
    for index, group in enumerate(view.groups):
        lines = []
        for arm in view.series:
            trials = by_arm.get((arm.name, arm.group, group.benchmark), {}).values()
            points = [_point(trial, group.metric, begun_s, _fate(trial, attempts)) for trial in trials]
            lines.append(Line(arm, tuple(sorted(points, key=_age))))
        charts.append(_chart(group, lines, f"drift-{index}"))
    return tuple(charts)


def _age(point: Point) -> tuple[bool, float]:
    return point.after_s is None, point.after_s or 0.0


def _moment(trial: Trial) -> float | None:
    return trial.started_s if abs(trial.started_s) <= LATEST_S else None


def _fate(trial: Trial, attempts: Attempts) -> str:
    """The state of the trial's attempt: analysed, voided, or cut by the end of the run."""
    attempt = trial.block, trial.attempt
    return VOIDED if attempt in attempts.void else ANALYSED if attempt in attempts.blocks else CUT


def _point(trial: Trial, metric: str, begun_s: float, fate: str) -> Point:
    value = finite(number(trial, metric))
    state = LOST if fate == ANALYSED and value is None else fate
    moment = _moment(trial)
    return Point(trial.block, trial.attempt, None if moment is None else moment - begun_s, value, state)


def _chart(group: Group, lines: list[Line], key: str) -> Chart:
    values = [point.value for line in lines for point in line.points if point.value is not None]
    is_log = all(value > 0 for value in values)
    lines = [line for line in lines if line.points]
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": []}
    span = max([_least(values, is_log=is_log), *(_reach(line, is_log=is_log) * 1.25 for line in lines)])
    for index, line in enumerate(lines):
        layout["annotations"].append(strip_name(line.arm, index, len(lines)))
        data += _strip(layout, line, (index, len(lines)), _Scale(span, group.unit, is_log))
    layout["xaxis"] = _time_axis([p.after_s for line in lines for p in line.points if p.after_s is not None])
    layout["margin"] = {"l": 66, "r": 10, "t": 6, "b": 40}
    return Chart(
        key,
        group.title,
        _caption(group, lines),
        {"data": data, "layout": layout},
        46 + STRIP_PX * max(1, len(lines)),
        ("Block", *(part for line in lines for part in (line.arm.title, "after"))),
        _table(lines, group.unit),
        _records(lines, group),
    )


@dataclass(frozen=True)
class _Scale:
    span: float  # in natural logarithms, or in the metric's own unit
    unit: str
    is_log: bool


def _on(value: float, *, is_log: bool) -> float:
    return math.log(value) if is_log else value


def _least(values: list[float], *, is_log: bool) -> float:
    """The least span of a strip. On a linear axis it is a tenth of the largest value."""
    if is_log:
        return math.log(1 + LEAST_SPAN)
    return max([LEAST_SPAN * abs(value) for value in values] + [1e-12])


def _positions(line: Line, *, is_log: bool) -> list[float]:
    """Positions on the axis of the analysed numbers, or of all numbers if none is analysed.

    Voided numbers are left out, so that they do not widen the strip.
    """
    values = [point.value for point in line.points if point.value is not None]
    return [_on(value, is_log=is_log) for value in list(line.values.values()) or values]


def _reach(line: Line, *, is_log: bool) -> float:
    positions = _positions(line, is_log=is_log)
    return max(positions) - min(positions) if positions else 0.0


def _strip(layout: dict[str, Any], line: Line, where: tuple[int, int], scale: _Scale) -> list[dict[str, Any]]:
    """The traces of a strip. Its axis and shapes are added to the layout."""
    axis, shape = strip_axis(*where)
    positions = _positions(line, is_log=scale.is_log)
    middle = (max(positions) + min(positions)) / 2 if positions else 0.0
    back = _value if scale.is_log else float
    ticks = [back(middle + part * scale.span) for part in (-1 / 3, 0, 1 / 3)]
    ends = [middle - scale.span / 2, middle + scale.span / 2]
    layout[f"yaxis{axis}"] = shape | {
        "type": "log" if scale.is_log else "linear",
        "range": [end / math.log(10) for end in ends] if scale.is_log else ends,
        "tickvals": ticks,
        "ticktext": [label(show(tick, scale.unit)) for tick in ticks],
        "tickfont": {"size": 10},
    }
    arm = line.arm
    layout["shapes"] += [
        _gap(axis, point.after_s) for point in line.points if point.state == LOST and point.after_s is not None
    ]
    kept = [point for point in line.points if point.state in (ANALYSED, LOST)]
    traces = [
        _marks(kept, scale.unit, axis)
        | {"mode": "lines+markers", "name": label(arm.title), "marker": marker(arm, 7)}
        | {"line": {"color": arm.colour, "width": 1}}
    ]
    struck = [point for point in line.points if point.state in (VOIDED, CUT) and point.value is not None]
    if struck:
        cross = {
            "color": "var(--muted)",
            "symbol": "x-thin",
            "size": 8,
            "line": {"width": 1.5, "color": "var(--muted)"},
        }
        inside = [back(end + part * scale.span) for end, part in zip(ends, (0.06, -0.06), strict=True)]
        heights = [min(max(point.value, inside[0]), inside[1]) for point in struck if point.value is not None]
        customdata = [f"{point.state} block {point.block}" for point in struck]
        fates = {"customdata": customdata, "hovertemplate": f"%{{customdata}}{TEXTS}"}
        crosses = {"y": heights, "mode": "markers", "marker": cross}
        traces.append(_marks(struck, scale.unit, axis) | fates | crosses)
    return traces


def _value(position: float) -> float:
    """The number at a position on a log axis, within the range of a float, because an end may lie outside it."""
    return math.exp(min(max(position, math.log(sys.float_info.min)), math.log(sys.float_info.max)))


def _marks(points: list[Point], unit: str, axis: str) -> dict[str, Any]:
    """The trace of some points. An unknown value breaks its line. Its texts are those of the table."""
    return {
        "type": "scatter",
        "x": [point.after_s for point in points],
        "y": [point.value for point in points],
        "yaxis": f"y{axis}",
        "text": [label(show(point.value, unit)) for point in points],
        "hovertext": [_clock(point.after_s) for point in points],
        "customdata": [point.block for point in points],
        "hovertemplate": f"block %{{customdata}}{TEXTS}",
    }


def _gap(axis: str, after_s: float) -> dict[str, Any]:
    """The dotted line for a trial without a number."""
    ends = {"x0": after_s, "x1": after_s, "yref": f"y{axis} domain", "y0": 0, "y1": 1}
    return {"type": "line", "layer": "below", **ends, "line": {"color": "var(--muted)", "width": 1, "dash": "dot"}}


def _time_axis(seconds: list[float]) -> dict[str, Any]:
    low, high = min(seconds, default=0.0), max(seconds, default=60.0)
    pad = max(1.0, (high - low) * 0.03)
    step = next((step for step in STEPS_S if (high - low) / step <= 6), 0)
    step = step or DAY_S * math.ceil((high - low) / DAY_S / 6)  # a jump of the clock can span days
    ticks = [step * n for n in range(math.ceil((low - pad) / step), math.floor((high + pad) / step) + 1)]
    words = "hours:minutes" if step % 60 == 0 else "hours:minutes:seconds"
    return {
        "range": [low - pad, high + pad],
        "tickvals": ticks,
        "ticktext": [_clock(tick, seconds=step % 60 != 0) for tick in ticks],
        "tickangle": 0,
        "showgrid": False,
        "anchor": "free",
        "position": 0,
        "title": {"text": f"{words} since the run began", "font": {"size": 11, "color": "var(--muted)"}, "standoff": 4},
    }


def _clock(after_s: float | None, *, seconds: bool = True) -> str:
    """A time as `0:05:12`, or as `0:05` without seconds."""
    if after_s is None:
        return DASH
    whole = round(after_s)
    text = f"{whole // 3600}:{whole // 60 % 60:02d}"
    return f"{text}:{whole % 60:02d}" if seconds else text


def _caption(group: Group, lines: list[Line]) -> str:
    """Sentences on the drift of each arm, its scatter with and without the baseline, and on lost trials."""
    bases = {line.arm.group: line.values for line in lines if line.arm.role == "baseline"}
    moved = [(line.arm.title, _wander(line)) for line in lines if line.arm.role != "control"]
    changes = [(name, by) for name, by in moved if by]
    parts = [f"{name} {'moved ' if index == 0 else ''}by {by}" for index, (name, by) in enumerate(changes)]
    sentences = [f"From the first third of the blocks to the last {listed(parts)}."] if parts else []
    scatter = [_paired(line, bases.get(line.arm.group, {})) for line in lines if line.arm.role == "compared"]
    sentences += [part for part in scatter if part]
    sentences += _struck(lines)
    return " ".join(sentences) or f"Too few blocks of {group.title} to tell a drift."


def _wander(line: Line) -> str:
    """The change from the median of the first third of the blocks to that of the last third: `+1.2 %`."""
    values = [value for _, value in sorted(line.values.items())]
    if len(values) < ENOUGH or min(values) <= 0:
        return ""
    third = len(values) // 3
    moved = excess(math.log(median(values[-third:])) - math.log(median(values[:third])))
    if moved is None:
        return ""
    return f"{'+' if moved > 0 else '−' if moved < 0 else ''}{percent(abs(moved))}"


def _paired(line: Line, base: dict[int, float]) -> str:
    blocks = sorted(line.values.keys() & base.keys())
    if len(blocks) < ENOUGH or min([*line.values.values(), *base.values()]) <= 0:
        return ""
    own = [math.log(line.values[block]) for block in blocks]
    ratios = [length - math.log(base[block]) for length, block in zip(own, blocks, strict=True)]
    alone, paired = float(np.std(own, ddof=1)), float(np.std(ratios, ddof=1))  # of logarithms: a share of the value
    return f"From block to block {line.arm.name} scatters by {percent(alone)}, its ratio by {percent(paired)}."


def _struck(lines: list[Line]) -> list[str]:
    points = [point for line in lines for point in line.points]
    voided, cut = (len({(p.block, p.attempt) for p in points if p.state == state}) for state in (VOIDED, CUT))
    crosses = [f"{counted(voided, 'attempt')} that {'was' if voided == 1 else 'were'} voided"] if voided else []
    crosses += [f"{counted(cut, 'attempt')} that the run ended in"] if cut else []
    lost = sum(point.state == LOST for point in points)
    sentences = [f"Crosses: {listed(crosses)}."] if crosses else []
    return sentences + ([f"Dotted lines: {counted(lost, 'trial')} without a number."] if lost else [])


def _table(lines: list[Line], unit: str) -> tuple[tuple[str, ...], ...]:
    attempts = sorted({(point.block, point.attempt) for line in lines for point in line.points})
    points_by_attempt = [{(point.block, point.attempt): point for point in line.points} for line in lines]
    return tuple(
        (
            _named(attempt, points_by_attempt),
            *(cell for points in points_by_attempt for cell in _cells(points.get(attempt), unit)),
        )
        for attempt in attempts
    )


def _named(attempt: tuple[int, int], points_by_attempt: list[dict[tuple[int, int], Point]]) -> str:
    struck = next(
        (
            points[attempt].state
            for points in points_by_attempt
            if attempt in points and points[attempt].state in (VOIDED, CUT)
        ),
        None,
    )
    return f"{attempt[0]}{f' ({struck})' if struck else ''}"


def _cells(point: Point | None, unit: str) -> tuple[str, str]:
    return (show(point.value, unit), _clock(point.after_s)) if point else (show(None, unit), show(None, "s"))


def _records(lines: list[Line], group: Group) -> tuple[Record, ...]:
    head: Record = (
        "environment",
        "block",
        "attempt",
        "seconds after the start",
        f"{group.metric} in {group.unit}",
        "state",
    )
    rows = [
        (line.arm.title, point.block, point.attempt, point.after_s, point.value, point.state)
        for line in lines
        for point in line.points
    ]
    return (head, *rows)
