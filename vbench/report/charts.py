"""What every chart of the report has: its figure with the caption and the table that stand in for it, and its axes.

Colours are CSS variables; the page resolves them, so that the charts follow its palette, light, dark or printed.
"""

import math
from dataclasses import dataclass
from typing import Any

WIDE = "wide"
"""Name of what page.js leaves out of a chart that is narrower than its NARROW_PX."""


@dataclass(frozen=True)
class Chart:
    """A figure with what stands in for it: caption, label, and the table of its numbers."""

    key: str
    title: str
    caption: str
    figure: dict[str, Any]
    height: int
    columns: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]


AXIS = {"linecolor": "var(--edge)", "ticks": "", "zeroline": False, "fixedrange": True}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
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


def plain_figure(figure: Any) -> dict[str, Any]:
    """Without plotly's default template, which the page ships once in its own form."""
    result: dict[str, Any] = figure.to_dict()
    result["layout"].pop("template", None)
    return result


def log_axis(low: float, high: float) -> dict[str, Any]:
    ticks = ticks_between(low, high)
    return {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{value:g}×" for value in ticks],
        "tickangle": 0,
    }


def ticks_between(low: float, high: float) -> list[float]:
    """Round ratios inside the range, at most six: they stand side by side on paper."""
    if high / low < 2:
        for step in (0.01, 0.02, 0.05, 0.1, 0.2):
            ticks = [round(n * step, 4) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
            if len(ticks) <= 6:
                return ticks
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{d}e{n}") for n in decades for d in digits if low <= float(f"{d}e{n}") <= high]
        if len(ticks) <= 6:
            break
    return ticks
