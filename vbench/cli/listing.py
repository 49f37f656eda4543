"""`vbench list`: the names that a suite can use, from the very tables that decode it, and the runs that are there."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vbench.cli.progress import printable
from vbench.units import DASH, show_duration

if TYPE_CHECKING:
    from vbench.viewing.runs import Summary

RESULTS = Path("results")

_output = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("list")
def listing() -> None:
    """List environments, benchmarks, suites or runs."""


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


@listing.command("runs")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
@_output
def runs(results: Path, output: str) -> None:
    """Runs below results/, the newest first, and what of them cannot be read."""
    import msgspec

    from vbench.viewing.runs import summaries

    found = summaries(results)
    if not found and output == "text":
        click.echo(f"there is no run in {printable(str(results))}; `vbench run SUITE` makes one", err=True)
    rows = [msgspec.to_builtins(run) for run in found]
    _show(rows, [_run(run) for run in found], output)


def _run(run: "Summary") -> tuple[str, str, str]:
    """State, time and size on the first line; arms, trials and tags on the second."""
    if run.blocks is None:
        return run.name, run.state, run.problem
    took = DASH if run.duration_s is None else show_duration(run.duration_s)
    about = f"{run.state}  {run.started or DASH}  {took}  {_blocks(run)}"
    counts = [(run.measured, "measured"), (run.failed, "failed"), (run.skipped, "skipped")]
    trials = ", ".join(f"{DASH if count is None else count} {word}" for count, word in counts)
    tags = [f"{key}={value}" for key, value in run.tags.items()]
    more = [", ".join(run.environments), trials, *tags, *([run.problem] if run.problem else [])]
    return run.name, about, " · ".join(more)


def _blocks(run: "Summary") -> str:
    begun = DASH if run.blocks_begun is None else run.blocks_begun
    blocks = "1 block" if run.blocks == 1 else f"{run.blocks} blocks"
    return blocks if begun == run.blocks else f"{begun} of {blocks}"


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
        click.echo(printable(f"{name:<{width}}  {about}"))
        click.echo(printable(f"{'':<{width}}  {more}"))
