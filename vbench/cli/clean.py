"""`vbench clean`: removes what a killed run left, and nothing else."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=Path("/var/tmp"), show_default=True, help="The suite's."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
def clean(scratch: Path, dry_run: bool) -> None:
    """Remove what runs left whose process is dead: containers, folders, and all else that they recorded.

    Exit code 3 when something of them is left.
    """
    from vbench.cli import complain
    from vbench.errors import StopFailed
    from vbench.host.proc import LocalSession
    from vbench.testbed.undo import abandoned, recorded, sweep

    host, problems = LocalSession(), 0
    left_behind = abandoned(scratch)
    for folder in left_behind:
        if dry_run:
            there, odd = recorded(folder)
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
