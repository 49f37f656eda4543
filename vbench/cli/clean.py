"""`vbench clean`: removes what a killed run left, and nothing else."""

import shutil
from pathlib import Path

import click

from vbench.errors import StopFailed


@click.command()
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=Path("/var/tmp"), show_default=True, help="The suite's."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def clean(scratch: Path, dry_run: bool) -> None:
    """Remove the containers and folders of runs whose process is dead."""
    from vbench.environments import KINDS
    from vbench.proc import LocalSession
    from vbench.testbed import abandoned

    host = LocalSession()
    found = abandoned(scratch)
    for folder in found:
        if not dry_run:
            for kind in KINDS.values():
                for undone in kind.sweep(host, folder):
                    click.echo(undone)
            _remove(folder)
        click.echo(folder)
    if not found:
        click.echo("nothing was left behind", err=True)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StopFailed(f"{folder} could not be removed: {error.strerror or error}") from error
