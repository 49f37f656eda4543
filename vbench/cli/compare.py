"""`vbench compare`: compares runs of other days, hosts or instance types, and claims no more than they support."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver

if TYPE_CHECKING:
    from vbench.compare import Compared, Judgement
    from vbench.compare.tables import Table


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, shell_complete=completion.runs)
@click.option(
    "--by",
    metavar="TAG",
    shell_complete=completion.tags,
    help="Group the runs by this tag; without it every run stands for itself.",
)
@click.option(
    "--reference",
    metavar="R",
    shell_complete=completion.references,
    help="The tag's value, or the run id, that the others are compared with.",
)
@click.option("--fail-above", metavar="P%", help="Exit 1 when a cost has grown by more than this for certain.")
@options.output()
@options.formats("text", "json")
@options.results()
def compare(
    runs: tuple[str, ...],
    *,
    by: str | None,
    reference: str | None,
    fail_above: str | None,
    output: Path | None,
    kind: str,
    results: Path,
) -> None:
    """Compare runs, each a folder or the name of one in --results: first what isolation costs in each, then the hosts.

    The unit is the run. One run a side describes two machines; from three a side there is an interval over runs. The
    first run, or its group, is the reference.
    """
    from vbench import compare as comparing
    from vbench import cost, store

    share = comparing.percent(fail_above) if fail_above is not None else None
    loaded = [store.load(store.find(run, results=results), condense=cost.condensed) for run in runs]
    compared = comparing.compare(loaded, by=by, reference=reference)
    judgements = tuple(comparing.judge(c.costs, share) for c in compared.comparisons) if share is not None else ()
    _show(compared, judgements, kind, output)
    if _exceeded(compared, judgements):
        raise SystemExit(1)


def _show(compared: "Compared", judgements: "tuple[Judgement, ...]", kind: str, output: Path | None) -> None:
    from vbench.compare import json_document, tables

    to_stdout = output is None or str(output) == "-"
    if kind == "text" and to_stdout and sys.stdout.isatty():
        _draw(compared)
        return
    deliver(as_json(json_document(compared, judgements)) if kind == "json" else tables.text(compared), output)


def _draw(compared: "Compared") -> None:
    from rich.console import Console
    from rich.text import Text

    from vbench.compare import tables

    console = Console(no_color="NO_COLOR" in os.environ, highlight=False, soft_wrap=False)
    for part in tables.parts(compared):
        console.print(Text(part) if isinstance(part, str) else _drawn(part))
        console.print()


def _drawn(table: "Table") -> object:
    """Names out of run folders are text, never rich's markup."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(title=Text(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in table.head:
        drawn.add_column(Text(name), overflow="fold")
    marks = table.marks or (0,) * len(table.rows)
    for row, mark in zip(table.rows, marks, strict=True):
        drawn.add_row(*map(Text, row), style={1: "red", -1: "green"}.get(mark))
    return drawn


def _exceeded(compared: "Compared", judgements: "tuple[Judgement, ...]") -> bool:
    """Says on stderr what was beyond the threshold, and what could not be judged."""
    from vbench.text import flat, interval, ratio

    for comparison, judgement in zip(compared.comparisons, judgements, strict=bool(judgements)):
        against = f"{comparison.group.label} against {comparison.reference.label}"
        if judgement.warning:
            click.echo(flat(f"vbench: warning: {against}: {judgement.warning}"), err=True)
        for cell in judgement.beyond:
            where = f"{cell.environment} at {cell.benchmark} {cell.metric}"
            grown = f"{ratio(cell.ratio)} ({interval(cell.low, cell.high, 1 + judgement.share)})"
            click.echo(flat(f"vbench: {against}: the cost of {where} is {grown}, wholly above the threshold"), err=True)
    return any(judgement.beyond for judgement in judgements)
