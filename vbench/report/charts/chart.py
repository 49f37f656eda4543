"""Defines the parts that all charts of the report share: figure, caption, table, and axes.

Colours are CSS variables. The page resolves them, so that charts follow its palette: light, dark or printed.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

from vbench.report.view import Arm, Group
from vbench.text import plain
from vbench.units import show

Record = tuple[str | float | int | None, ...]

LONGEST = 300.0
"""Most decades of an axis for which a float holds the ratio of its ends."""

MANY = 20
"""Benchmark metrics above which the page folds its charts by family, and the heat map leads."""

WIDE = "wide"
"""Name of the annotations that page.js removes from a chart narrower than its NARROW_PX."""


@dataclass(frozen=True)
class Chart:
    """A figure with its text alternatives: title, caption, and the table of its numbers."""

    key: str
    title: str
    caption: str
    figure: dict[str, Any]  # plotly's: data and layout, less the template, which the page ships once
    height: int
    columns: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    records: tuple[Record, ...] = ()  # what the page offers as CSV: the names, then each line, in base units


@dataclass(frozen=True)
class Fold:
    """Charts that are shown together. With a title they are folded, and the title and sentence stay visible."""

    charts: tuple[Chart, ...]
    title: str = ""
    sentence: str = ""


AXIS = {"linecolor": "var(--edge)", "ticks": "", "zeroline": False, "fixedrange": True}
TEMPLATE: dict[str, Any] = {
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 12,
            "color": "var(--ink)",
        },
        "hoverlabel": {"bgcolor": "var(--panel)", "bordercolor": "var(--edge)", "font": {"color": "var(--ink)"}},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "xaxis": {"gridcolor": "var(--grid)", **AXIS},
        "yaxis": {"gridcolor": "var(--grid)", **AXIS},
        "colorway": ["var(--ink)"],
    }
}


def rounded(value: Any) -> Any:
    """The value with six digits of every number, enough for any screen. Numbers that are not finite become None."""
    kind = type(value)  # asked a million times for a page of 40 arms: a match statement takes twice as long
    if kind is float:
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if kind is str:
        return plain(value)
    if kind is dict:
        return {key: rounded(inner) for key, inner in value.items()}
    if kind is list or kind is tuple:
        return [rounded(inner) for inner in value]
    return value


def marker(arm: Arm, size: float) -> dict[str, Any]:
    """The mark of an environment, the same in every chart."""
    thin = {"line": {"color": arm.colour, "width": 2}} if arm.symbol.startswith("line") else {}
    return {"color": arm.colour, "symbol": arm.symbol, "size": size, **thin}


def folded(groups: tuple[Group, ...]) -> list[tuple[str, tuple[Group, ...]]]:
    """The groups of each family if there are more than MANY, else all groups under an empty title."""
    if len(groups) <= MANY:
        return [("", groups)]
    names = dict.fromkeys(group.family for group in groups)
    return [(name, tuple(group for group in groups if group.family == name)) for name in names]


def padded(low: float, high: float, *, least: float = 1.0) -> tuple[float, float]:
    """Both ends of a log axis moved outwards by a 25th of its length, within the range of a float."""
    span = math.log10(high) - math.log10(low)
    pad = max((high / low) ** 0.04 if span < LONGEST else 10 ** (span * 0.04), least)
    return max(low / pad, sys.float_info.min), min(high * pad, sys.float_info.max)


def log_axis(low: float, high: float) -> dict[str, Any]:
    ticks = ticks_between(low, high)
    return {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{value:g}×" for value in ticks],
        "tickangle": 0,
    }


def seconds_axis(low: float, high: float, title: str = "") -> dict[str, Any]:
    """A log axis of durations in s, with five labels at most."""
    low, high = padded(low, high, least=1.02)
    decades = range(math.floor(math.log10(low)), min(math.ceil(math.log10(high)), sys.float_info.max_10_exp) + 1)
    ticks: list[float] = []
    for digits in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**decade for decade in decades for digit in digits if low <= digit * 10.0**decade <= high]
        if len(ticks) <= 5:
            break
    ticks = ticks[:: math.ceil(len(ticks) / 5) or 1]
    ticks = ticks if len(ticks) >= 2 else _close_ticks(low, high)
    return {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [show(tick, "s").replace(".00 ", " ").replace(".0 ", " ") for tick in ticks],
        "tickangle": 0,
        "title": {"text": title, "font": {"size": 11, "color": "var(--muted)"}, "standoff": 4},
    }


def _close_ticks(low: float, high: float) -> list[float]:
    """Two ticks or more between ends that lie close together, in the coarsest step that gives two."""
    decade = 10.0 ** math.floor(math.log10(low))
    ticks: list[float] = []
    for step in (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01):
        unit = step * decade
        ticks = [n * unit for n in range(math.ceil(low / unit), math.floor(high / unit) + 1)]
        if len(ticks) >= 2:
            break
    return ticks


def ticks_between(low: float, high: float) -> list[float]:
    """Round ratios inside the range. Six at most, because paper has room for six labels side by side."""
    if high / low < 2 and high < 1e6:
        for step in (0.01, 0.02, 0.05, 0.1, 0.2):
            ticks = [round(n * step, 4) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
            if len(ticks) <= 6:
                return ticks
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{d}e{n}") for n in decades for d in digits if low <= float(f"{d}e{n}") <= high]
        if len(ticks) <= 6:
            break
    return ticks[:: math.ceil(len(ticks) / 6) or 1]
