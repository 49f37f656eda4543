"""Packs the charts for the page: what stands in a chart's records or in its table is not written a second time.

page.js reads it back: `expanded` puts the values in the place of each stretch.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vbench.report.charts import chart as charts
from vbench.report.charts.chart import Chart, rounded

LISTS = ("x", "y", "text", "hovertext", "customdata")
"""Keys of a trace that hold one value for each point."""
LEAST = 4
"""Values that a list has at least to be written as a stretch: a shorter one is no longer than its stretch."""

Columns = list[list[Any]]


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
    names, *lines = rounded(chart.records)
    columns = _columns(lines)
    sources = _Sources({"records": columns, "cells": _columns(chart.table)})
    figure = rounded(chart.figure)
    traces = [_trace(trace, sources) for trace in figure["data"]]
    return figure | {"data": traces, "height": chart.height}, {"names": names, "columns": columns}


def _columns(lines: Sequence[Sequence[Any]]) -> Columns:
    return [list(column) for column in zip(*lines, strict=True)]


class _Sources:
    """The columns of a chart, and where in them each value stands."""

    def __init__(self, sources: dict[str, Columns]) -> None:
        self.sources = sources
        self.standing: dict[Any, list[tuple[str, int, int]]] = {}
        for name, columns in sources.items():
            for number, column in enumerate(columns):
                for row, value in enumerate(column):
                    self.standing.setdefault(value, []).append((name, number, row))

    def stretch(self, values: list[Any]) -> dict[str, Any] | None:
        """Of which column, from which row to which, and the rows between that are left out."""
        for name, number, first in self.standing.get(values[0], ()):
            rows = _rows(values, self.sources[name][number], first)
            if rows is not None:
                taken = set(rows)
                without = [row for row in range(first, rows[-1]) if row not in taken]
                found = {name: number, "from": first, "to": rows[-1] + 1}
                return found | {"without": without} if without else found
        return None


def _trace(trace: dict[str, Any], sources: _Sources) -> dict[str, Any]:
    return trace | dict(_stretches(trace, sources))


def _stretches(trace: dict[str, Any], sources: _Sources) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in LISTS:
        values = trace.get(key, ())
        if len(values) >= LEAST and not isinstance(values[0], list):
            found = sources.stretch(values)
            if found is not None:
                yield key, found


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
