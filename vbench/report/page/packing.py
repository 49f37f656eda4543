"""Packs the charts for the page: a list that is part of a chart's records or table is written as a reference to it.

Such a reference is called a stretch. `expanded` in page.js replaces each stretch by its values.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from vbench.report.charts import chart as charts
from vbench.report.charts.chart import Chart, rounded

LISTS = ("x", "y", "text", "hovertext", "customdata")
"""Keys of a trace that hold one value for each point."""
LEAST = 4
"""Fewest values of a list that is written as a stretch. A shorter list is no longer than its stretch."""

Columns = list[list[Any]]
Start = tuple[str, int, int]  # source, column, row


def run_figures(drawn: Iterable[Chart]) -> dict[str, Any]:
    """The data for page.js: the template, and each chart's figure and records."""
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
    stretches = _stretches(chart.figure["data"], sources)
    traces = [trace | stretches.get(index, {}) for index, trace in enumerate(chart.figure["data"])]
    records = {"names": names, "columns": sources["records"]}
    return rounded(chart.figure | {"data": traces, "height": chart.height}), rounded(records)


def _columns(lines: Sequence[Sequence[Any]]) -> Columns:
    return [list(column) for column in zip(*lines, strict=True)]


def _stretches(traces: list[dict[str, Any]], sources: dict[str, Columns]) -> dict[int, dict[str, Any]]:
    """Stretches by the index of their trace and the key of their list."""
    lists = [(index, key, trace[key]) for index, trace in enumerate(traces) for key in LISTS if key in trace]
    lists = [(index, key, values) for index, key, values in lists if _is_long(values)]
    starts = _starts({values[0] for _, _, values in lists}, sources)
    result: dict[int, dict[str, Any]] = {}
    for index, key, values in lists:
        stretch = next(filter(None, (_stretch(values, sources, start) for start in starts[values[0]])), None)
        if stretch is not None:
            result.setdefault(index, {})[key] = stretch
    return result


def _is_long(values: list[Any]) -> bool:
    return len(values) >= LEAST and not isinstance(values[0], list)


def _starts(wanted: set[Any], sources: dict[str, Columns]) -> dict[Any, list[Start]]:
    """All positions of each wanted value in the columns."""
    result: dict[Any, list[Start]] = {value: [] for value in wanted}
    for name, columns in sources.items():
        for number, column in enumerate(columns):
            for row, value in enumerate(column):
                if value in result:
                    result[value].append((name, number, row))
    return result


def _stretch(values: list[Any], sources: dict[str, Columns], start: Start) -> dict[str, Any] | None:
    """The stretch that gives these values: its column, its first row, the row after its last, and the rows left out.

    None if the column has no such stretch at `start`.
    """
    name, number, first = start
    rows = _rows(values, sources[name][number], first)
    if rows is None:
        return None
    kept_rows = set(rows)
    without = [row for row in range(first, rows[-1]) if row not in kept_rows]
    return {name: number, "from": first, "to": rows[-1] + 1} | ({"without": without} if without else {})


def _rows(values: list[Any], column: list[Any], first: int) -> list[int] | None:
    """Rows of a column that hold these values in their order. None if too many other rows lie between them."""
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
