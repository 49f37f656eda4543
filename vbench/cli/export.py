"""`vbench export`: a run's numbers in the formats of other tools."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from vbench.cli import completion, options, target
from vbench.errors import UsageError
from vbench.exports import FORMATS
from vbench.frames.columns import TABLES
from vbench.store import find

if TYPE_CHECKING:
    from vbench.api import Run
    from vbench.exports import Written

EXPORTS = Path("exports")


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completion.runs)
@options.formats(
    *FORMATS,
    default=None,
    about="; ".join(f"{name}: {export_format.about}" for name, export_format in FORMATS.items()) + ".",
)
@click.option(
    "--table", type=click.Choice(list(TABLES)), default="samples", show_default=True, help="For csv and ndjson."
)
@options.output("File, - for stdout (the default), or for pyperf and parquet a folder (exports/RUN).")
@options.results()
def export(run: str, *, kind: str | None, table: str, output: Path | None, results: Path) -> None:
    """Write the numbers of RUN, a run folder or the name of one in --results, for other tools.

    All come from the journal, so a run that did not end is exported too. The paths written are printed.
    """
    context = click.get_current_context()
    if kind is None:
        raise click.MissingParameter(ctx=context, param_hint="'--format'", param_type="option")
    table_source = context.get_parameter_source("table")
    if table_source is not ParameterSource.DEFAULT and not FORMATS[kind].has_tables:
        raise UsageError(f"{kind} has no --table", hint="csv and ndjson have one")
    deliver(kind, find(run, results=results), output, table=table)


def deliver(kind: str, run: Path, output: Path | None, *, table: str) -> None:
    """Writes an export to stdout, or to a file or folder whose paths are printed."""
    from vbench import api, exports

    loaded = api.load(run)
    if FORMATS[kind].into_folder:
        folder = output or EXPORTS / loaded.name
        if str(folder) == "-":
            raise UsageError(f"{kind} makes several files", hint="name a folder: -o FOLDER")
        _tell(exports.write(kind, loaded, target.folder(folder)))
    elif output is None or str(output) == "-":
        _to_stdout(kind, loaded, table)
    else:
        with target.file(output) as path:
            written = exports.write(kind, loaded, path, table=table)
        _tell(replace(written, paths=(output,)))


def _to_stdout(kind: str, run: "Run", table: str) -> None:
    from vbench import exports

    with TemporaryDirectory(prefix="vbench-") as folder:
        path = Path(folder, "export")
        exports.write(kind, run, path, table=table)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _tell(written: "Written") -> None:
    for remark in written.remarks:
        click.echo(remark, err=True)
    for path in written.paths:
        click.echo(str(path))
