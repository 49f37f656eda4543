"""`vbench validate`: checks on this host that vbench finds known differences, and none where there are none."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vbench.cli import options
from vbench.cli.output import deliver
from vbench.cli.stopping import stopping
from vbench.units import DASH, show_duration

if TYPE_CHECKING:
    from vbench.runner import Tell
    from vbench.validation import Validation
    from vbench.validation.parts import Part
    from vbench.validation.rows import Row

PARTS = ("clock", "quota", "delay", "control", "dose", "same")
HEAD = ("part", "check", "figure", "target", "blocks", "verdict")


@dataclass
class Following:
    """Says on stderr which part begins."""

    quiet: bool

    def begin(self, part: "Part", blocks: int) -> "Tell":
        from vbench.cli.lines import Lines

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
@options.results("Folder that runs and verdicts are stored in.")
@options.formats("text", "json")
@options.output()
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def validate(
    *,
    minutes: float,
    only: tuple[str, ...],
    gates: Literal["void", "record"],
    wait: bool,
    results: Path,
    kind: str,
    output: Path | None,
    quiet: bool,
) -> None:
    """Run experiments with a known answer on this host, and say of each whether the answer was found.

    Exit code 0 when everything that is possible here held, 1 when something did not. The runs and the verdicts
    are stored under --results.
    """
    from vbench import validation
    from vbench.host import lock
    from vbench.validation import course

    effort = course.Effort(seconds=course.seconds_of(minutes), only=only, gates=gates)
    measuring = lock.measuring("vbench validate", wait=wait, waiting=lambda words: click.echo(words, err=True))
    with measuring, stopping("nothing can be gone on with: `vbench validate` begins again"):
        verdicts = validation.validate(effort, results=results, follower=Following(quiet))
    conclude(verdicts, results, kind, output)


def conclude(verdicts: "Validation", results: Path, kind: str, output: Path | None) -> None:
    """Saves and delivers it, and ends with its exit code."""
    from vbench import validation
    from vbench.validation import rows

    path = validation.save(results, verdicts)
    if kind == "json":
        deliver(path.read_bytes(), output)
    else:
        deliver("".join(f"{line}\n" for line in _lines(verdicts, path, to_stdout=output is None)), output)
    raise SystemExit(rows.status(verdicts.rows))


def _lines(verdicts: "Validation", path: Path, *, to_stdout: bool) -> Iterator[str]:
    from vbench import validation

    yield verdicts.host
    yield from _drawn(verdicts.rows) if to_stdout and sys.stdout.isatty() else _aligned(verdicts.rows)
    yield validation.sentence(verdicts)
    if verdicts.foreign_share is not None:
        yield f"foreign tasks used {verdicts.foreign_share:.1%} of the environments' processors"
    yield f"{path}, in {show_duration(verdicts.seconds)}"


def _aligned(rows: tuple["Row", ...]) -> Iterator[str]:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    for line in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()


def _drawn(rows: tuple["Row", ...]) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"holds": "green", "does not hold": "bold red", "not possible here": "yellow"}
    table = Table(*HEAD)
    for row in rows:
        *cells, verdict = _cells(row)
        table.add_row(*map(Text, cells), Text(verdict, style=colours[row.state]))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def _cells(row: "Row") -> tuple[str, ...]:
    from vbench.text import plain

    verdict = f"{row.state}: {row.why}" if row.why else str(row.state)
    cells = (row.part, row.check, row.figure or DASH, row.target, str(row.blocks or DASH), verdict)
    return tuple(map(plain, cells))
