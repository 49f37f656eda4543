"""Draws latency against the share of operations that took longer, so that begin and reach of the tail show."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from vbench.model import Measured
from vbench.report.charts.chart import Chart, Record, marker, seconds_axis
from vbench.report.view import Arm, View
from vbench.stats.quantiles import Ranks, fewest
from vbench.text import counted, label, listed
from vbench.units import show

PER_DECADE = 12
LEVELS = (0.99, 0.95, 0.9, *(10 ** (-step / PER_DECADE) for step in range(1, 97)))
"""Shares at which a curve is drawn. A curve has a hundred points at most, however many bins its histogram has."""
CAPTION_SHARES = (0.001, 0.01, 0.1, 0.5)
"""Shares for the caption, which takes the first one that every trial supports."""
MOST = 2**63  # limit of a bin's end and of its count: vbench writes no larger one
IN_TABLE = tuple(digit * 10.0**-decade for decade in range(1, 9) for digit in (5, 2, 1))
HEIGHT_PX = 250

Counts = Mapping[int, int]  # upper end of a bin in ns to the number of operations
Curve = list[tuple[float, float]]  # ns, and the share of operations that took longer


@dataclass(frozen=True)
class Tail:
    """The histograms of one environment, one for each block."""

    arm: Arm
    blocks: tuple[Counts, ...]

    @cached_property
    def ranks(self) -> tuple[Ranks[int], ...]:
        """Ranks of each block's histogram."""
        return tuple(map(Ranks, self.blocks))

    @property
    def pooled(self) -> Counts:
        whole: Counter[int] = Counter()
        for counts in self.blocks:
            whole.update(counts)
        return whole


def tails(view: View) -> tuple[Chart, ...]:
    """One chart for each latency with histograms in its trials."""
    trials = view.analysis.attempts.used
    result = []
    for record in view.run.manifest.benchmarks:
        histograms: dict[str, list[Tail]] = {}
        for arm in view.series:
            for metric, blocks in _histograms(trials.get((arm.name, arm.group, record.name), {}).values()).items():
                histograms.setdefault(metric, []).append(Tail(arm, blocks))
        result += [_chart(f"{record.name} {metric}", lines) for metric, lines in histograms.items()]
    return tuple(replace(chart, key=f"tail-{index}") for index, chart in enumerate(result))


def _histograms(trials: Any) -> dict[str, tuple[Counts, ...]]:
    """Counts of each block by metric. Bins with an impossible end or count are left out."""
    histograms: dict[str, list[Counts]] = {}
    for trial in trials:
        if isinstance(trial.outcome, Measured):
            for metric, counts in trial.outcome.counts.items():
                # A comparison takes half the time of `max`, and a page asks it of 100,000 bins.
                kept = {ns if ns > 1 else 1: times for ns, times in counts.items() if ns < MOST and 0 < times < MOST}
                if kept:
                    histograms.setdefault(metric, []).append(kept)
    return {metric: tuple(blocks) for metric, blocks in histograms.items()}


def curve(counts: Counts) -> Curve:
    """Latency by share, from 1 to the smallest share that so many operations support (stats.quantiles.fewest)."""
    ranks = Ranks(counts)
    points: Curve = [(float(ranks.values[0]), 1.0)]
    for share in LEVELS:
        ns = ranks.quantile(1 - share)
        if ns is None:
            break
        points.append((float(ns), share))
    return _without_middles(points)


def _without_middles(points: Curve) -> Curve:
    """The curve without points between two others at the same latency."""
    inner = range(1, len(points) - 1)
    dropped = {index for index in inner if points[index - 1][0] == points[index][0] == points[index + 1][0]}
    return [point for index, point in enumerate(points) if index not in dropped]


def band(blocks: tuple[Ranks[int], ...]) -> Curve:
    """The band around the curves of the blocks, down to the shares that all of them reach. Empty for a single block."""
    if len(blocks) < 2:
        return []
    least = min(ranks.total for ranks in blocks)
    ends: list[tuple[float, float, float]] = []
    for share in LEVELS:
        if fewest(1 - share) <= least:
            values = [ranks.quantile(1 - share) or 0 for ranks in blocks]
            ends.append((min(values), max(values), share))
    return [(low, share) for low, _, share in ends] + [(high, share) for _, high, share in reversed(ends)]


def _chart(title: str, lines: list[Tail]) -> Chart:
    curves, bands = [curve(line.pooled) for line in lines], [band(line.ranks) for line in lines]
    shades = [_shade(line.arm, points) for line, points in zip(lines, bands, strict=True)]
    strokes = [_line(line.arm, points) for line, points in zip(lines, curves, strict=True)]
    marks = [_marks(line.arm, points) for line, points in zip(lines, curves, strict=True)]
    spots = [ns for points in [*curves, *bands] for ns, _ in points]
    layout = {
        "margin": {"l": 52, "r": 10, "t": 8, "b": 40},
        "xaxis": seconds_axis(min(spots) * 1e-9, max(spots) * 1e-9, "latency"),
        "yaxis": _share_axis(min(share for points in curves for _, share in points)),
    }
    return Chart(
        "",
        title,
        _caption(lines),
        {"data": [*shades, *strokes, *marks], "layout": layout},
        HEIGHT_PX,
        ("Share slower", *(line.arm.title for line in lines)),
        _table(lines),
        _records(lines, curves),
    )


def _shade(arm: Arm, points: Curve) -> dict[str, Any]:
    return _points(points) | {
        "mode": "lines",
        "line": {"width": 0, "color": arm.colour},
        "fill": "toself",
        "fillcolor": arm.colour,
        "opacity": 0.16,
        "hoverinfo": "skip",
    }


def _line(arm: Arm, points: Curve) -> dict[str, Any]:
    return _points(points) | {
        "mode": "lines",
        "line": {"color": arm.colour, "width": 1.8, "dash": arm.dash},
        "hoverinfo": "skip",
    }


def _marks(arm: Arm, points: Curve) -> dict[str, Any]:
    """The environment's symbol at shares of a tenth, a hundredth and so on, and at the end of its curve."""
    whole = [(ns, share) for ns, share in points if share < 1 and _is_decade(share)]
    shown = list(dict.fromkeys([*whole, points[-1]]))
    return _points(shown) | {
        "mode": "markers",
        "name": label(arm.title),
        "marker": marker(arm, 8),
        "text": [f"all blocks pooled: {_share(share)} slower than {show(ns * 1e-9, 's')}" for ns, share in shown],
        "hovertemplate": "%{text}",
    }


def _points(curve: Curve) -> dict[str, Any]:
    return {"type": "scatter", "x": [ns * 1e-9 for ns, _ in curve], "y": [share for _, share in curve]}


def _is_decade(share: float) -> bool:
    return math.isclose(math.log10(share), round(math.log10(share)), abs_tol=1e-9)


def _share_axis(least: float) -> dict[str, Any]:
    ticks = [10.0**-n for n in range(math.ceil(-math.log10(least)) + 1)]
    return {
        "type": "log",
        "range": [math.log10(least) - 0.15, 0.08],
        "tickvals": ticks,
        "ticktext": [_share(tick) for tick in ticks],
        "tickfont": {"size": 11},
    }


def _share(share: float) -> str:
    """A share in words: `50 %`, `0.1 %`, `0.0018 %`."""
    return "100 %" if share == 1 else f"{share * 100:.2g} %" if share >= 1e-6 else f"{share:.0e}"


def _caption(lines: list[Tail]) -> str:
    """The caption: a percentile of each environment, as the median over blocks. A pooled percentile claims too much."""
    measured = [line for line in lines if line.arm.role != "control"]
    share = next(
        (share for share in CAPTION_SHARES if measured and all(_exceeded(line, share) for line in measured)), None
    )
    if share is None:
        return "The trials are too short for a percentile of their own."
    parts = [f"{show(_exceeded(line, share), 's')} in {line.arm.title}" for line in measured]
    many = sorted({len(line.blocks) for line in measured})
    blocks = counted(many[0], "block") if len(many) == 1 else f"{many[0]} to {many[-1]} blocks"
    lead = "Half of the operations take" if share == 0.5 else f"One operation in {round(1 / share):,} takes"
    return f"{lead} longer than {listed(parts)}{_reaches(measured, share)}; medians of {blocks}."


def _reaches(lines: list[Tail], share: float) -> str:
    """The ratio of each environment's percentile to its median latency, in words."""
    pairs = [(_exceeded(line, share), _exceeded(line, 0.5)) for line in lines]
    times = [f"{high / middle:#.3g}".rstrip(".") for high, middle in pairs if high and middle]
    return f": {listed(times)} times the median latency" if share < 0.5 and len(times) == len(lines) else ""


def _exceeded(line: Tail, share: float) -> float | None:
    """The latency in s that this share of a trial's operations exceeds, as the median over blocks."""
    values = [ranks.quantile(1 - share) for ranks in line.ranks]
    known = [value for value in values if value is not None]
    return median(known) * 1e-9 if len(known) == len(values) else None


def _table(lines: list[Tail]) -> tuple[tuple[str, ...], ...]:
    """Latencies as in the caption, down to the smallest share that each block of any environment supports."""
    rows = []
    for share in IN_TABLE:
        values = [_exceeded(line, share) for line in lines]
        if any(values):
            rows.append((_share(share), *(show(value, "s") for value in values)))
    return tuple(rows)


def _records(lines: list[Tail], curves: list[Curve]) -> tuple[Record, ...]:
    rows: list[Record] = [("environment", "share slower", "pooled latency in s")]
    for line, points in zip(lines, curves, strict=True):
        rows += [(line.arm.title, share, ns * 1e-9) for ns, share in points]
    return tuple(rows)
