"""`vbench image`: builds, lists, checks and removes the image that every environment executes."""

from pathlib import Path

import click

from vbench import image as images
from vbench.cli import completion, options
from vbench.cli.output import as_json, deliver, page
from vbench.cli.stopping import stopping
from vbench.units import DASH


def _progress(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def image() -> None:
    """Build, list, check and remove the image that every environment executes."""


@image.command()
@click.option("--suite", default="bookworm", show_default=True, metavar="NAME", help="Debian release to build from.")
@click.option("--force", is_flag=True, help="Take all packages anew and build again.")
def build(suite: str, force: bool) -> None:
    """Build the image, where it is not built and up to date; prints its digest.

    As root it is built for all users of this host; as a user for that user.
    """
    with stopping("what was built is not kept: `vbench image build` begins again"):
        click.echo(images.build(progress=_progress, suite=suite, force=force).digest)


@image.command("list")
@options.formats("text", "json")
@options.output(formats=("text", "json"))
def list_(kind: str, output: Path | None) -> None:
    """List the images of the caches, newest first; a run takes the first that is current."""
    states = images.states()
    if kind == "json":
        deliver(as_json([record for record, _ in states]), output)
        return
    rows = [("DIGEST", "STATE", "CREATED", "SUITE", "KERNEL", "FIO")]
    for record, state in states:
        created = record.created[:16].replace("T", " ")
        fio = record.packages.get("fio", DASH)
        rows.append((record.digest[:12], state, created, record.suite, record.kernel_release, fio))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    deliver(page(lines), output)


@image.command()
@click.argument("digest", required=False, shell_complete=completion.images)
def check(digest: str | None) -> None:
    """Read every byte of the image whose digest starts with DIGEST, or of the one that a run would take.

    Prints its digest when all is as it was built. A run only looks at sizes, times and inodes.
    """
    chosen = images.one_of(digest)
    if images.check(chosen):
        _progress("the list of its files was written anew: they were copied or touched, and their content is right")
    click.echo(chosen.record.digest)


@image.command()
@click.argument("digest", shell_complete=completion.images)
def remove(digest: str) -> None:
    """Remove the image whose digest starts with DIGEST; with the last one, its package cache too."""
    click.echo(images.remove(digest).digest)
