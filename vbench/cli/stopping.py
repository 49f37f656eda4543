"""Around what starts something: a signal stops it in order, and then it is said how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from vbench import interrupts

SAID = "stopping what was started …"


@contextmanager
def stopping(again: str) -> Iterator[None]:
    """`again` is said after Ctrl-C, SIGTERM or SIGHUP, when all is stopped."""
    with interrupts.once(SAID):
        try:
            yield
        except KeyboardInterrupt:
            click.echo(again, err=True)
            raise
