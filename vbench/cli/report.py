"""`vbench report`: a run folder to one offline page, to Markdown, to JSON, or to the way that led to one verdict."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from vbench.model import Run

RESULTS = Path("results")
REPORTS = Path("reports")


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del context, parameter
    return [CompletionItem(name) for name in _known() if name.startswith(incomplete)]


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; - is stdout.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "json", "md", "csv", "table", "findings"]),
    help="csv: the costs; findings: a few lines; table: for a terminal.  [default: html, and the table on a terminal]",
)
@click.option(
    "--explain",
    "explained",
    nargs=2,
    metavar="BENCHMARK ENV",
    help="Print the whole way to the verdict on one environment in one benchmark, block by block.",
)
@click.option(
    "--validation",
    "validated",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Cite this validation of the same host, results/validate-….",
)
def report(
    run: str, *, output: Path | None, kind: str | None, explained: tuple[str, str] | None, validated: Path | None
) -> None:
    """Report on RUN, a run folder or the name of one in results/.

    A page goes to reports/RUN.html and its path is printed, on a terminal below a table of the costs; all else goes to
    stdout. The same run gives the same bytes.
    """
    from vbench import report as reports
    from vbench import store

    path = folder(run)
    if kind == "csv" and explained is None:
        _csv(path, output)
        return
    loaded = store.load(path)
    validation = _cited(validated, loaded)
    if explained is not None:
        text = reports.explain(loaded, *explained)
    elif kind == "md":
        text = reports.markdown(loaded, validation=validation)
    elif kind == "json":
        document = reports.json_document(loaded, validation=validation)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    elif kind == "table":
        text = _table(loaded)
    elif kind == "findings":
        text = reports.findings(loaded)
    else:
        if kind is None and output is None and sys.stdout.isatty():
            click.echo(_table(loaded).encode(errors="replace"), nl=False)
        text = reports.html(loaded, validation=validation)
        output = output or REPORTS / f"{loaded.manifest.run_id}.html"
    if output is None or str(output) == "-":
        click.echo(text.encode(errors="replace"), nl=False)
    else:
        click.echo(str(write(output, text)))


def _csv(run: Path, output: Path | None) -> None:
    from vbench.cli.export import deliver

    deliver("csv", run, output, table="costs")


def _table(run: "Run") -> str:
    from vbench.cli.table import draw, on_stdout

    console = on_stdout()
    with console.capture() as captured:
        draw(run, console)
    return captured.get()


def _cited(folder: Path | None, run: "Run") -> str:
    if folder is None:
        return ""
    from vbench import validation

    return validation.cited(folder, run)


def folder(run: str) -> Path:
    """The run folder that a path or a name in results/ means. Raises RunFolderError."""
    from vbench import store

    return store.find(run, results=RESULTS)


def write(path: Path, text: str) -> Path:
    """The file whole or not at all; folders above it are made. Raises UsageError, RunFolderError or NoSpace."""
    from vbench.cli import target
    from vbench.store.files import write_atomically

    with target.file(path) as found:
        write_atomically(found, text.encode(errors="replace"))
    return path


def _known() -> list[str]:
    from vbench import store

    return store.found(RESULTS)
