"""Draws the start-up of each environment: the duration of every start, and of the set-up before it."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from vbench.cost.trials import number
from vbench.model import BenchmarkRecord, Cost, Trial
from vbench.report.charts.chart import WIDE, Chart, Record, marker, seconds_axis
from vbench.report.view import Arm, View, cost_key
from vbench.text import finite, interval, label, listed, percent, ratio
from vbench.units import show

READY, ATTACH = "time", "attach"
KIND = "start.ready"
ROW_PX = 58
JITTER = (0.0, 0.1, -0.1, 0.05, -0.05)
"""Heights of consecutive marks, so that starts of the same duration do not cover each other."""


@dataclass(frozen=True)
class Starts:
    """The analysed starts of one environment: durations in s by block."""

    arm: Arm
    ready: dict[int, float]
    before: dict[int, float]  # set-up before the command: network, folders, disks
    cost: Cost | None  # of its start, against the baseline's


def starts(view: View) -> tuple[Chart, ...]:
    """One chart for each `start.ready` of the suite."""
    charts: list[Chart] = []
    costs = {cost_key(cost): cost for cost in view.costs}
    trials = view.analysis.attempts.used
    for record in view.run.manifest.benchmarks:
        if record.kind != KIND:
            continue
        rows = [
            Starts(arm, *_durations(trials.get(key, {})), costs.get((record.name, READY, arm.name)))
            for arm in view.series
            for key in [(arm.name, arm.group, record.name)]
        ]
        rows = [row for row in rows if row.ready]
        if rows:
            charts.append(_chart(record, rows, f"start-{len(charts)}"))
    return tuple(charts)


def _durations(trials: dict[int, Trial]) -> tuple[dict[int, float], dict[int, float]]:
    """Durations of starts and of set-ups, in s by block.

    The wall time of a trial is no measure of the set-up: it includes checks, and the start of the machine below.
    """
    ready: dict[int, float] = {}
    before: dict[int, float] = {}
    for block, trial in trials.items():
        took = finite(number(trial, READY))
        if took is None or took <= 0:
            continue
        ready[block] = took
        rest = finite(number(trial, ATTACH))
        if rest is not None and rest > 0:
            before[block] = rest
    return ready, before


def _chart(record: BenchmarkRecord, rows: list[Starts], key: str) -> Chart:
    data: list[dict[str, Any]] = []
    for y, row in enumerate(rows):
        data.append(_dots(row.ready, y, marker(row.arm, 9), "start", row.arm.title))
        hollow = {
            "color": "var(--panel)",
            "symbol": "circle",
            "size": 6,
            "line": {"width": 1.2, "color": "var(--muted)"},
        }
        data.append(_dots(row.before, y + 0.34, hollow, "set-up before it"))
    every = [value for row in rows for value in (*row.ready.values(), *row.before.values())]
    left = 14 + 7 * max(min(len(row.arm.label(14)), 14) for row in rows)
    layout = {
        "margin": {"l": left, "r": 150, "t": 30, "b": 8},
        "xaxis": seconds_axis(min(every), max(every)) | {"side": "top"},
        "yaxis": {
            "range": [len(rows) - 0.35, -0.5],
            "tickvals": list(range(len(rows))),
            "ticktext": [row.arm.label(14) for row in rows],
            "showgrid": False,
        },
        "shapes": [_middle(row, y) for y, row in enumerate(rows)],
        "annotations": [_value(row, y) for y, row in enumerate(rows)],
    }
    return Chart(
        key,
        record.name,
        _caption(record, rows),
        {"data": data, "layout": layout},
        40 + ROW_PX * len(rows),
        (
            "Environment",
            "Starts",
            "Median",
            "Shortest to longest",
            "Ratio",
            "95 % interval",
            "Set-up before it",
            "Of both",
        ),
        tuple(_line(row) for row in rows),
        _records(rows),
    )


def _dots(
    values: dict[int, float], y: float, style: dict[str, Any], what: str, name: str | None = None
) -> dict[str, Any]:
    named = {"name": label(name)} if name else {}
    return named | {
        "type": "scatter",
        "x": list(values.values()),
        "y": [y + JITTER[index % len(JITTER)] * (1 if name else 0.4) for index in range(len(values))],
        "mode": "markers",
        "marker": style,
        "text": [f"block {block}, {what}: {show(value, 's')}" for block, value in values.items()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _middle(row: Starts, y: float) -> dict[str, Any]:
    """A bar at the median."""
    value = median(row.ready.values())
    ends = {"x0": value, "x1": value, "y0": y - 0.24, "y1": y + 0.24}
    return {"type": "line", **ends, "line": {"color": row.arm.colour, "width": 2}}


def _value(row: Starts, y: float) -> dict[str, Any]:
    against = f" · {ratio(row.cost.cost)}" if row.cost else ""
    return {
        "name": WIDE,
        "text": f"<b>{show(median(row.ready.values()), 's')}</b>{against}",
        "x": 1,
        "xref": "paper",
        "xanchor": "left",
        "xshift": 8,
        "y": y,
        "showarrow": False,
        "font": {"size": 12},
    }


def _caption(record: BenchmarkRecord, rows: list[Starts]) -> str:
    """Sentences on the two ends of the measured interval, and on the medians."""
    ends = record.about or "from the command that starts the environment to its agent's first answer"
    parts = [f"{row.arm.title} {show(median(row.ready.values()), 's')}{_against(row)}" for row in rows]
    slow = [row for row in rows if row.before]
    before = [f"{row.arm.title} {show(median(row.before.values()), 's')}" for row in slow]
    lead = f"{ends[:1].upper()}{ends[1:]}, on the harness’s clock: {listed(parts)} (medians)."
    return f"{lead} Set-up before that command, hollow and not in these figures: {listed(before)}." if before else lead


def _against(row: Starts) -> str:
    return f" ({ratio(row.cost.cost)})" if row.cost and finite(row.cost.cost) is not None else ""


def _line(row: Starts) -> tuple[str, ...]:
    middle = median(row.ready.values())
    before = median(row.before.values()) if row.before else None
    return (
        row.arm.title,
        str(len(row.ready)),
        show(middle, "s"),
        f"{show(min(row.ready.values()), 's')} to {show(max(row.ready.values()), 's')}",
        ratio(row.cost.cost if row.cost else None),
        interval(row.cost.low, row.cost.high) if row.cost else interval(None, None),
        show(before, "s"),
        percent(None if before is None else before / (before + middle)),
    )


def _records(rows: list[Starts]) -> tuple[Record, ...]:
    head: Record = ("environment", "block", "start in s", "set-up before it in s")
    lines = [(row.arm.title, block, value, row.before.get(block)) for row in rows for block, value in row.ready.items()]
    return (head, *lines)
