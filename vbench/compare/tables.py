"""Writes a comparison as tables of text, for a terminal in colour and for a pipe in columns."""

import math
from collections.abc import Sequence

from msgspec import Struct

from vbench.compare import words
from vbench.compare.cells import Cell, RunValue, Support
from vbench.compare.comparison import Compared, Comparison
from vbench.text import finite, flat, interval, number, ratio
from vbench.units import DASH, show

_LISTED = 6
"""Most runs whose numbers are listed one by one. For more runs the table has their geometric mean and range."""


class Table(Struct, frozen=True):
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[int, ...] = ()  # for each row 1: worse, -1: better, 0: neither


Part = str | Table


def parts(compared: Compared) -> list[Part]:
    """Sentences and tables in the order in which they are read."""
    runs = Table("Runs", ("", "run"), tuple((label, line) for label, line in words.run_lines(compared)))
    result: list[Part] = [runs, *(f"warning: {warning}" for warning in compared.warnings)]
    for comparison in compared.comparisons:
        result += _of(comparison)
    return result


def text(compared: Compared) -> str:
    """Plain columns, as wide as their content."""
    return "\n\n".join(part if isinstance(part, str) else _columns(part) for part in parts(compared)) + "\n"


def _of(comparison: Comparison) -> list[Part]:
    result: list[Part] = [words.scope(comparison)]
    if comparison.costs:
        result += [_cells(words.COSTS, comparison, comparison.costs, raw=False), words.finding(comparison)]
    if comparison.hosts:
        result.append(_cells(words.HOSTS, comparison, comparison.hosts, raw=True))
    result.append(_facts(comparison) if comparison.facts else words.no_difference(comparison))
    return [part for part in result if part]


def _cells(title: str, comparison: Comparison, cells: Sequence[Cell], *, raw: bool) -> Table:
    left, right = comparison.reference.label, comparison.group.label
    over_runs = comparison.support is Support.CLAIM
    last = ("95 % over runs", "") if over_runs else ("",)
    head = ("benchmark", "environment", left, right, f"{right} / {left}", *last)
    rows = tuple(_row(cell, over_runs=over_runs, raw=raw) for cell in cells)
    return Table(title, head, rows, tuple(cell.side if cell.differs else 0 for cell in cells))


def _row(cell: Cell, *, over_runs: bool, raw: bool) -> tuple[str, ...]:
    where = (flat(f"{cell.benchmark} {cell.metric}"), flat(cell.environment))
    sides = tuple(_side(side, cell.unit, raw=raw) for side in (cell.reference, cell.group))
    columns = (ratio(cell.ratio), *((interval(cell.low, cell.high),) if over_runs else ()), words.reading(cell))
    return (*where, *sides, *columns)


def _side(side: tuple[RunValue, ...], unit: str, *, raw: bool) -> str:
    values = [value for reading in side if (value := finite(reading.value)) is not None]
    missing = f" of {len(values)}/{len(side)} runs" if len(values) < len(side) and len(side) > 1 else ""
    if not values:
        return DASH
    if len(side) == 1:
        return show(values[0], unit) if raw else words.own(side[0])
    shown = [show(value, unit) if raw else number(value) for value in sorted(values)]
    if len(values) <= _LISTED:
        return ", ".join(shown) + missing
    middle = math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else None
    return f"{show(middle, unit) if raw else number(middle)} ({shown[0]} to {shown[-1]}){missing}"


def _facts(comparison: Comparison) -> Table:
    head = ("where", "fact", comparison.reference.label, comparison.group.label, "")
    rows = tuple((flat(f.where), f.title, _short(f.reference), _short(f.group), f.why) for f in comparison.facts)
    return Table("Facts that differ", head, rows)


def _short(value: str, limit: int = 60) -> str:
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _columns(table: Table) -> str:
    lines = [table.head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    drawn = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([table.title, *(f"  {line}" for line in drawn if line)])
