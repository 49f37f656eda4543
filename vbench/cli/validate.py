"""`vbench validate`: proves on this host that known differences are found, and that nothing is found in nothing."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vbench.cli.progress import Lines
from vbench.units import DASH, show_duration

if TYPE_CHECKING:
    from vbench.validation import Validation
    from vbench.validation.parts import Part
    from vbench.validation.rows import Row

RESULTS = Path("results")
PARTS = ("clock", "quota", "delay", "control", "dose", "same")
HEAD = ("part", "check", "figure", "target", "blocks", "verdict")


@dataclass
class Following:
    """Says on stderr which part begins."""

    quiet: bool

    def begin(self, part: "Part", blocks: int) -> Lines:
        if not self.quiet:
            click.echo(f"{part.title} ({part.name}), {blocks} blocks", err=True)
        return Lines(self.quiet)


@click.command()
@click.option("--minutes", type=float, default=10.0, show_default=True, help="Time to divide over the parts.")
@click.option("--part", "only", multiple=True, type=click.Choice(PARTS), help="Only this part; may be repeated.")
@click.option(
    "--gates",
    type=click.Choice(["void", "record"]),
    default="void",
    show_default=True,
    help="What foreign work does to a block.",
)
@click.option("--wait", is_flag=True, help="While another measures this host, wait for its end.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def validate(
    *,
    minutes: float,
    only: tuple[str, ...],
    gates: Literal["void", "record"],
    wait: bool,
    results: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run experiments with a known answer on this host, and say of each whether the answer was found.

    Exit code 0 when everything that is possible here held, 1 when something did not. The runs and the verdicts
    are stored under results/.
    """
    from vbench import interrupts, lock, validation
    from vbench.validation import course

    effort = course.Effort(seconds=course.seconds_of(minutes), only=only, gates=gates)
    measuring = lock.measuring("vbench validate", wait=wait, waiting=lambda words: click.echo(words, err=True))
    with measuring, interrupts.once("stopping what was started …"):
        found = validation.validate(effort, results=results, follower=Following(quiet))
    conclude(found, results, as_json=as_json)


def conclude(found: "Validation", results: Path, *, as_json: bool) -> None:
    """Saves and prints it, and ends with its exit code."""
    from vbench import validation
    from vbench.validation import rows

    path = validation.save(results, found)
    if as_json:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    else:
        click.echo(found.host)
        _print(found.rows)
        click.echo(validation.sentence(found))
        if found.foreign_share is not None:
            click.echo(f"foreign tasks used {found.foreign_share:.1%} of the environments' processors")
        click.echo(f"{path}, in {show_duration(found.seconds)}")
    raise SystemExit(rows.status(found.rows))


def _print(rows: tuple["Row", ...]) -> None:
    if sys.stdout.isatty():
        _print_rich(rows)
        return
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    for line in cells:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_rich(rows: tuple["Row", ...]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"holds": "green", "does not hold": "bold red", "not possible here": "yellow"}
    table = Table(*HEAD)
    for row in rows:
        *cells, verdict = _cells(row)
        table.add_row(*map(Text, cells), Text(verdict, style=colours[row.state]))
    Console().print(table)


def _cells(row: "Row") -> tuple[str, ...]:
    verdict = f"{row.state}: {row.why}" if row.why else str(row.state)
    return row.part, row.check, row.figure or DASH, row.target, str(row.blocks or DASH), verdict
