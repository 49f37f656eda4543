"""Lays out strips: one for each environment, one above the other, with the same span so that scatters compare."""

from typing import Any

from vbench.report.view import Arm

STRIP_PX = 68
NAME_SHARE = 0.24  # of a strip, above its marks


def strip_axis(index: int, count: int) -> tuple[str, dict[str, Any]]:
    """The name of a strip's axis in plotly ("", "2", "3" ...), and its domain. `index` counts from the top."""
    top = 1 - index / count
    return "" if index == 0 else str(index + 1), {"domain": [top - 0.95 / count, top - NAME_SHARE / count]}


def strip_name(arm: Arm, index: int, count: int, more: str = "") -> dict[str, Any]:
    return {
        "text": arm.label(24) + (f"  {more}" if more else ""),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 1 - index / count,
        "yref": "paper",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": 11, "color": arm.colour},
    }


def level(axis: str, y: float, line: dict[str, Any]) -> dict[str, Any]:
    """A line across one strip."""
    ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": f"y{axis}", "y0": y, "y1": y}
    return {"type": "line", "layer": "below", **ends, "line": line}
