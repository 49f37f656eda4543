"""`vbench suite`: begins a suite of one's own."""

from pathlib import Path
from typing import Any

import click

from vbench.cli import doctor, options
from vbench.cli.output import deliver
from vbench.errors import EnvironmentUnavailable, UsageError

FOLDER = Path("suites")  # where a suite is found by its name


@click.group("suite")
def suite() -> None:
    """Begin a suite of one's own."""


@suite.command("new")
@click.argument("name", default="mine")
@click.option("--no-start", is_flag=True, help="Only look for what is missing, and start no environment.")
@options.output("File to write instead; - is stdout.")
def new(name: str, no_start: bool, output: Path | None) -> None:
    """Write suites/NAME.toml for this host, with the environments that work here; prints its path.

    Each environment is started once, as `vbench doctor` does. NAME is "mine" where none is given.
    """
    from vbench.store.files import storing
    from vbench.suite import shipped
    from vbench.suite.names import named

    named(name, "NAME")
    path = FOLDER / f"{name}.toml"
    if output is None and (path.exists() or name in shipped()):
        raise UsageError(f"a suite {name} is there already", hint="give the new one another NAME")
    again = f"nothing was written; `vbench suite new {name}` begins again"
    text = _text(name, doctor.survey(again, scratch=Path("/var/tmp"), start=not no_start))
    if output is not None:
        deliver(text, output)
        return
    with storing(path):
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    click.echo(path)
    click.echo(f"read and change it, then: vbench plan {name}, vbench run {name}", err=True)


def _text(name: str, document: dict[str, Any]) -> str:
    """The text of a suite for this host. Raises EnvironmentUnavailable if no environment works."""
    from vbench.suite.template import Choice, template

    rows = document["environments"]
    choices = [
        Choice(row["title"], row["keys"], row["state"] in doctor.USABLE, doctor.note(row), row["needs_image"])
        for row in rows
    ]
    if not any(choice.works for choice in choices):
        raise EnvironmentUnavailable("no environment works here", hint="`vbench doctor` says what each one lacks")
    return template(name, choices)
