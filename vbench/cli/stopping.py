"""Stops in order what a verb started when a signal comes, and says how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from vbench.host import interrupts

SAID = "stopping what was started …"


@contextmanager
def stopping(again: str) -> Iterator[None]:
    """Prints `again` after Ctrl-C, SIGTERM or SIGHUP, once everything is stopped."""
    with interrupts.once(SAID):
        try:
            yield
        except KeyboardInterrupt:
            click.echo(again, err=True)
            raise
