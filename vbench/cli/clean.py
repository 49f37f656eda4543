"""`vbench clean`: removes what a killed run left, and nothing else."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=Path("/var/tmp"), show_default=True, help="The suite's."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def clean(scratch: Path, dry_run: bool) -> None:
    """Remove the containers and folders of runs whose process is dead."""
    from vbench.proc import LocalSession
    from vbench.sweeping import sweep
    from vbench.testbed import abandoned

    host = LocalSession()
    found = abandoned(scratch)
    for folder in found:
        for undone in [str(folder)] if dry_run else sweep(host, folder):
            click.echo(undone)
    if not found:
        click.echo("nothing was left behind", err=True)
