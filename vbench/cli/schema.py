"""`vbench schema`: JSON schemas, so that an editor completes and checks what vbench will read."""

from pathlib import Path

import click

from vbench.cli import options
from vbench.cli.output import as_json, deliver


@click.group("schema")
def schema() -> None:
    """Print a JSON schema."""


@schema.command("suite")
@options.output()
def suite(output: Path | None) -> None:
    """The schema of a suite file."""
    from vbench.suite.schema import suite_schema

    deliver(as_json(suite_schema()), output)
