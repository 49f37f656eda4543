"""`vbench clean`: removes what a killed run left, and nothing else."""

from pathlib import PurePosixPath

import click


@click.command()
@click.option(
    "--scratch", type=click.Path(path_type=PurePosixPath), default="/var/tmp", show_default=True, help="The suite's."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def clean(scratch: PurePosixPath, dry_run: bool) -> None:
    """Remove what runs left whose process is dead: containers, folders, and all else that they recorded.

    Exit code 3 when something of them is left.
    """
    from vbench.cli import complain
    from vbench.errors import StopFailed
    from vbench.host.local import LocalHost
    from vbench.testbed.undo import abandoned, recorded, sweep

    host, problems = LocalHost(), 0
    left_behind = abandoned(host, scratch)
    for folder in left_behind:
        if dry_run:
            there, odd = recorded(host, folder)
            for words in (*map(str, reversed(there)), str(folder), *odd):
                click.echo(words)
            continue
        try:
            for undone in sweep(host, folder):
                click.echo(undone)
        except StopFailed as error:
            complain(error.message, error.hint)
            problems = StopFailed.exit_code
    if not left_behind:
        click.echo("nothing was left behind", err=True)
    if problems:
        raise SystemExit(problems)
