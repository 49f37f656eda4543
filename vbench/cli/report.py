"""`vbench report`: a run folder to one offline page, to Markdown, to JSON, or to the way that led to one verdict."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver

if TYPE_CHECKING:
    from vbench.cost import Analysis
    from vbench.model import Run
    from vbench.report.citation import Citation


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completion.runs)
@options.output()
@options.formats(
    *("html", "json", "md", "csv", "table", "findings"),
    default=None,
    about="csv: the costs; findings: a few lines; table: for a terminal.  [default: html, and the table on a terminal]",
)
@click.option(
    "--explain",
    "explained",
    nargs=2,
    metavar="BENCHMARK ENV",
    shell_complete=completion.explained,
    help="Print the whole way to the verdict on one environment in one benchmark. LADDER ENV: on one step of a ladder.",
)
@click.option(
    "--validation",
    "validated",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    shell_complete=completion.validations,
    help="Cite this validation of the same host: a folder, or the name of one in --results.",
)
@options.results()
def report(
    run: str,
    *,
    output: Path | None,
    kind: str | None,
    explained: tuple[str, str] | None,
    validated: Path | None,
    results: Path,
) -> None:
    """Report on RUN, a run folder or the name of one in --results.

    A page goes to reports/RUN.html and its path is printed, on a terminal below a table of the costs; all else goes to
    stdout. The same run gives the same bytes.
    """
    from vbench import report as reports
    from vbench import store
    from vbench.cost import Analysis

    path = store.find(run, results=results)
    if kind == "csv" and explained is None:
        _csv(path, output)
        return
    loaded = store.load(path)
    analysis, validation = Analysis.of(loaded), _cited(validated, results, loaded)
    if explained is not None:
        data: str | bytes = reports.explain(loaded, *explained, analysis=analysis)
    elif kind == "md":
        data = reports.markdown(loaded, analysis=analysis, validation=validation).encode(errors="replace")
    elif kind == "json":
        data = as_json(reports.json_document(loaded, analysis=analysis, validation=validation))
    elif kind == "table":
        data = _table(loaded, analysis)
    elif kind == "findings":
        data = reports.findings(loaded, analysis=analysis)
    else:
        if kind is None and output is None and sys.stdout.isatty():
            click.echo(_table(loaded, analysis), nl=False)
        data = reports.html(loaded, analysis=analysis, validation=validation).encode(errors="replace")
        output = output or options.REPORTS / f"{loaded.manifest.run_id}.html"
    deliver(data, output)


def _csv(run: Path, output: Path | None) -> None:
    from vbench.cli import export

    export.deliver("csv", run, output, table="costs")


def _table(run: "Run", analysis: "Analysis") -> str:
    from vbench.cli.table import draw, on_stdout
    from vbench.report.view import view_of

    console = on_stdout()
    with console.capture() as captured:
        draw(view_of(run, analysis), console)
    return captured.get()


def _cited(folder: Path | None, results: Path, run: "Run") -> "Citation | None":
    if folder is None:
        return None
    from vbench import validation

    named = results / folder
    return validation.cited(named if named.is_dir() and not folder.exists() else folder, run)
