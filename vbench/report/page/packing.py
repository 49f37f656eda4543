"""Packs the charts for the page: what stands in a chart's records or in its table is not written a second time.

page.js reads it back: `expanded` puts the values in the place of each stretch.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from vbench.report.charts import chart as charts
from vbench.report.charts.chart import Chart, rounded

LISTS = ("x", "y", "text", "hovertext", "customdata")
"""Keys of a trace that hold one value for each point."""
LEAST = 4
"""Values that a list has at least to be written as a stretch: a shorter one is no longer than its stretch."""

Columns = list[list[Any]]
Start = tuple[str, int, int]  # source, column, row


def run_figures(drawn: Iterable[Chart]) -> dict[str, Any]:
    """Everything page.js draws and saves: the template once, and each chart's data, layout and columns."""
    packed = [(chart.key, _packed(chart)) for chart in drawn]
    return {
        "figures": {key: figure for key, (figure, _) in packed},
        "records": {key: records for key, (_, records) in packed},
        "template": charts.TEMPLATE,
        "wide": charts.WIDE,
    }


def _packed(chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    names, *lines = chart.records
    sources = {"records": _columns(lines), "cells": _columns(chart.table)}
    found = _stretches(chart.figure["data"], sources)
    traces = [trace | found.get(place, {}) for place, trace in enumerate(chart.figure["data"])]
    records = {"names": names, "columns": sources["records"]}
    return rounded(chart.figure | {"data": traces, "height": chart.height}), rounded(records)


def _columns(lines: Sequence[Sequence[Any]]) -> Columns:
    return [list(column) for column in zip(*lines, strict=True)]


def _stretches(traces: list[dict[str, Any]], sources: dict[str, Columns]) -> dict[int, dict[str, Any]]:
    """Place of a trace to its lists that are stretches."""
    lists = [(place, key, trace[key]) for place, trace in enumerate(traces) for key in LISTS if key in trace]
    lists = [(place, key, values) for place, key, values in lists if _is_long(values)]
    starts = _starts({values[0] for _, _, values in lists}, sources)
    found: dict[int, dict[str, Any]] = {}
    for place, key, values in lists:
        stretch = next(filter(None, (_stretch(values, sources, at) for at in starts[values[0]])), None)
        if stretch is not None:
            found.setdefault(place, {})[key] = stretch
    return found


def _is_long(values: list[Any]) -> bool:
    return len(values) >= LEAST and not isinstance(values[0], list)


def _starts(wanted: set[Any], sources: dict[str, Columns]) -> dict[Any, list[Start]]:
    """Where in the columns each of these values stands."""
    found: dict[Any, list[Start]] = {value: [] for value in wanted}
    for name, columns in sources.items():
        for number, column in enumerate(columns):
            for row, value in enumerate(column):
                if value in found:
                    found[value].append((name, number, row))
    return found


def _stretch(values: list[Any], sources: dict[str, Columns], start: Start) -> dict[str, Any] | None:
    """Of which column, from which row up to which, and the rows between that are left out."""
    name, number, first = start
    rows = _rows(values, sources[name][number], first)
    if rows is None:
        return None
    taken = set(rows)
    without = [row for row in range(first, rows[-1]) if row not in taken]
    return {name: number, "from": first, "to": rows[-1] + 1} | ({"without": without} if without else {})


def _rows(values: list[Any], column: list[Any], first: int) -> list[int] | None:
    """Rows of a column that hold these values, in their order; None where too many others stand between."""
    rows: list[int] = []
    row, end = first, min(len(column), first + 2 * len(values))
    for value in values:
        while row < end and column[row] != value:
            row += 1
        if row == end:
            return None
        rows.append(row)
        row += 1
    return rows
