"""`vbench schema`: JSON schemas, so that an editor completes and checks what vbench will read."""

import click


@click.group("schema")
def schema() -> None:
    """Print a JSON schema."""


@schema.command("suite")
def suite() -> None:
    """The schema of a suite file."""
    import msgspec

    from vbench.schema import suite_schema

    click.echo(msgspec.json.format(msgspec.json.encode(suite_schema()), indent=2).decode())
