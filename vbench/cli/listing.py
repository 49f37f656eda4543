"""`vbench list`: the names that a suite can use, from the very tables that decode it."""

from collections.abc import Sequence
from typing import Any

import click

_output = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("list")
def listing() -> None:
    """List environments, benchmarks or suites."""


@listing.command("environments")
@_output
def environments(output: str) -> None:
    """Kinds of environments and their suite keys."""
    from vbench.environments import KINDS

    rows: list[dict[str, Any]] = [
        {"kind": kind, "about": _about(made), "keys": list(_keys(made))} for kind, made in KINDS.items()
    ]
    _show(rows, [(row["kind"], row["about"], f"keys: {', '.join(row['keys'])}") for row in rows], output)


@listing.command("benchmarks")
@_output
def benchmarks(output: str) -> None:
    """Benchmarks, their metrics and their suite keys."""
    from vbench.benchmarks import KINDS

    rows: list[dict[str, Any]] = [
        {
            "kind": kind,
            "about": made.about,
            "metrics": [{"name": m.name, "unit": m.unit, "better": m.better} for m in made.metrics],
            "keys": list(_keys(made)),
        }
        for kind, made in KINDS.items()
    ]
    _show(rows, [(row["kind"], row["about"], _metrics(row["metrics"])) for row in rows], output)


@listing.command("suites")
@_output
def suites(output: str) -> None:
    """Suites by name, and what each one is for."""
    from vbench.errors import SuiteError
    from vbench.suite import load, shipped

    rows: list[dict[str, Any]] = []
    for name, path in shipped().items():
        try:
            about = load(str(path)).about
        except SuiteError as error:
            about = f"cannot be used: {error.message}"
        rows.append({"name": name, "about": about, "path": str(path)})
    _show(rows, [(row["name"], row["about"], row["path"]) for row in rows], output)


def _about(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _keys(kind: type) -> tuple[str, ...]:
    return tuple(getattr(kind, "__struct_fields__", ()))


def _metrics(metrics: Sequence[dict[str, str]]) -> str:
    return "measures: " + ", ".join(f"{m['name']} ({m['unit']}, {m['better']} is better)" for m in metrics)


def _show(rows: Sequence[dict[str, Any]], lines: Sequence[tuple[str, str, str]], output: str) -> None:
    if output == "json":
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    width = max((len(name) for name, _, _ in lines), default=0)
    for name, about, more in lines:
        click.echo(f"{name:<{width}}  {about}")
        click.echo(f"{'':<{width}}  {more}")
