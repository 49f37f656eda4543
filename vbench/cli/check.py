"""`vbench check`: whether run folders are what their runs left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver
from vbench.errors import RunFolderError, UsageError, VbenchError


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=completion.runs)
@click.option("--rebuild", is_flag=True, help="Make the Parquet files of each RUN again from its journal, then check.")
@options.formats("text", "json")
@options.output()
@options.results()
@click.pass_context
def check(
    context: click.Context, runs: tuple[str, ...], *, rebuild: bool, kind: str, output: Path | None, results: Path
) -> None:
    """Check each RUN, a run folder or the name of one in --results: checksums, journal lines, Parquet files.

    Exit codes: 0 every folder is whole · 2 one cannot be read at all · 3 one is damaged; what is damaged is listed.
    """
    checked = [_checked(run, results, again=rebuild) for run in runs]
    deliver(as_json(checked) if kind == "json" else "".join(map(_text, checked)), output)
    context.exit(max((STATUS[run["state"]] for run in checked), key=list(STATUS.values()).index))


STATUS = {"whole": 0, "damaged": VbenchError.exit_code, "unreadable": UsageError.exit_code}
"""Exit codes; the last weighs most."""


def _checked(run: str, results: Path, *, again: bool) -> dict[str, Any]:
    """What `--json` prints of a run. An unreadable run is told on stderr, and the runs after it are still checked."""
    from vbench import cli, store
    from vbench.frames import checking

    try:
        folder = store.find(run, results=results)
        if again:
            checking.rebuild(folder)
        checked = checking.check(folder)
    except RunFolderError as error:
        cli.complain(error.message, error.hint)
        return {"run": run, "state": "unreadable", "problems": [error.message], "notes": []}
    return {
        "run": str(folder),
        "state": "damaged" if checked.problems else "whole",
        "problems": list(checked.problems),
        "notes": list(checked.notes),
        "schema": checked.manifest.schema,
        "trials": checked.trials,
        "checksums": len(checked.manifest.checksums),
    }


def _text(checked: dict[str, Any]) -> str:
    from vbench.text import plain

    lines = (plain(line).replace("\n", " ") for line in _lines(checked))
    return "".join(f"{line}\n" for line in lines)


def _lines(checked: dict[str, Any]) -> Iterator[str]:
    where, problems = checked["run"], checked["problems"]
    yield from (f"{where}: {note}" for note in checked["notes"])
    match checked["state"]:
        case "whole":
            files = f"{checked['checksums']} files with checksums, " if checked["checksums"] else ""
            yield f"{where}: whole: {files}{checked['trials']} trials, schema {checked['schema']}"
        case "damaged":
            yield f"{where}: {len(problems)} {'problem' if len(problems) == 1 else 'problems'}"
            yield from (f"  {problem}" for problem in problems)
