"""Writes to stderr: words of anybody, to a terminal that may be gone."""

import os
import sys
from contextlib import suppress

import click


def drawable() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def echo(text: str, *, nl: bool = True) -> None:
    """Writes to stderr. A terminal that was closed does not end the run."""
    with suppress(OSError):
        click.echo(text, err=True, nl=nl)
