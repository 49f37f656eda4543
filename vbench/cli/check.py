"""`vbench check`: whether run folders are what their runs left."""

import click

from vbench.cli.report import complete
from vbench.errors import RunFolderError, UsageError, VbenchError


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete)
@click.option("--rebuild", is_flag=True, help="Make the Parquet files of each RUN again from its journal, then check.")
@click.pass_context
def check(context: click.Context, runs: tuple[str, ...], *, rebuild: bool) -> None:
    """Check each RUN, a run folder or the name of one in results/: checksums, journal lines, Parquet files.

    Exit codes: 0 every folder is whole · 2 one cannot be read at all · 3 one is damaged; what is damaged is listed.
    """
    context.exit(max((_checked(run, again=rebuild) for run in runs), key=_rank))


def _rank(status: int) -> int:
    """Unreadable weighs most."""
    return (0, VbenchError.exit_code, UsageError.exit_code).index(status)


def _checked(run: str, *, again: bool) -> int:
    from vbench import cli, store
    from vbench.frames import checking

    try:
        folder = store.find(run)
        if again:
            checking.rebuild(folder)
        found = checking.check(folder)
    except RunFolderError as error:  # the folders after it are checked all the same
        cli.complain(error.message, error.hint)
        return error.exit_code
    _say(str(folder), found.notes, indent="")
    if not found.problems:
        manifest = found.manifest
        files = f"{len(manifest.checksums)} files with checksums, " if manifest.checksums else ""
        _say(str(folder), [f"whole: {files}{found.trials} trials, schema {manifest.schema}"], indent="")
        return 0
    count = len(found.problems)
    _say(str(folder), [f"{count} {'problem' if count == 1 else 'problems'}"], indent="")
    _say("", found.problems, indent="  ")
    return VbenchError.exit_code


def _say(where: str, lines: "tuple[str, ...] | list[str]", *, indent: str) -> None:
    from vbench.report.text import plain

    for line in lines:
        text = plain(f"{where}: {line}" if where else f"{indent}{line}").replace("\n", " ")
        click.echo(text.encode(errors="replace"))
