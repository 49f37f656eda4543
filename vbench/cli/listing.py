"""`vbench list`: the names that a suite can use, from the very tables that decode it, and the runs that are there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vbench.cli import options
from vbench.cli.output import as_json, deliver
from vbench.text import printable
from vbench.units import DASH, show_duration

if TYPE_CHECKING:
    from vbench.serving.runs import Summary


class Listed(NamedTuple):
    """One topic: `rows` for a program; `lines` for a reader, each with a name, what it is, and more."""

    rows: list[dict[str, Any]]
    lines: list[tuple[str, str, str]]


def environments(results: Path) -> Listed:
    """Kinds of environments, their suite keys and the relations that each of them can have."""
    del results
    from vbench.environments import KINDS
    from vbench.suite import Relations

    rows: list[dict[str, Any]] = [
        {"kind": kind, "about": _about(kind_type), "keys": list(_keys(kind_type)), "relations": list(_keys(Relations))}
        for kind, kind_type in KINDS.items()
        if kind_type.is_offered
    ]
    return Listed(rows, [(row["kind"], row["about"], _all_keys(row)) for row in rows])


def benchmarks(results: Path) -> Listed:
    """Benchmarks, their metrics and their suite keys."""
    del results
    from vbench.benchmarks import KINDS

    rows: list[dict[str, Any]] = [
        {
            "kind": kind,
            "about": kind_type.about,
            "metrics": [{"name": m.name, "unit": m.unit, "better": m.better} for m in kind_type.metrics],
            "keys": list(_keys(kind_type)),
        }
        for kind, kind_type in KINDS.items()
    ]
    return Listed(rows, [(row["kind"], row["about"], _metrics(row["metrics"])) for row in rows])


def suites(results: Path) -> Listed:
    """Suites by name, and what each one is for."""
    del results
    from vbench.errors import SuiteError
    from vbench.suite import load, shipped

    rows: list[dict[str, Any]] = []
    for name, path in shipped().items():
        try:
            about = load(str(path)).about
        except SuiteError as error:
            about = f"cannot be used: {error.message}"
        rows.append({"name": name, "about": about, "path": str(path)})
    return Listed(rows, [(row["name"], row["about"], row["path"]) for row in rows])


def runs(results: Path) -> Listed:
    """Runs in a folder, the newest first, and what of them cannot be read."""
    import msgspec

    from vbench.serving.runs import summaries

    in_folder = summaries(results)
    return Listed([msgspec.to_builtins(run) for run in in_folder], [_run(run) for run in in_folder])


TOPICS: dict[str, Callable[[Path], Listed]] = {
    "environments": environments,
    "benchmarks": benchmarks,
    "suites": suites,
    "runs": runs,
}


@click.command("list")
@click.argument("topic", required=False, type=click.Choice(list(TOPICS)))
@options.formats("text", "json")
@options.output(formats=("text", "json"))
@options.results("Folder with the runs.")
def listing(topic: str | None, *, kind: str, output: Path | None, results: Path) -> None:
    """List environments, benchmarks, suites or runs; without a word all of them."""
    topics = {name: TOPICS[name](results) for name in ([topic] if topic else TOPICS)}
    if kind == "json":
        rows = {name: listed.rows for name, listed in topics.items()}
        deliver(as_json(rows[topic] if topic else rows), output)
        return
    if topic == "runs" and not topics["runs"].rows:
        click.echo(f"there is no run in {printable(str(results))}; `vbench run SUITE` makes one", err=True)
    parts = [("" if topic else f"{name}\n") + _text(listed.lines) for name, listed in topics.items()]
    deliver("\n".join(parts), output)


def _text(lines: Sequence[tuple[str, str, str]]) -> str:
    width = max((len(name) for name, _, _ in lines), default=0)
    both = ((f"{name:<{width}}  {about}", f"{'':<{width}}  {more}") for name, about, more in lines)
    return "".join(f"{printable(first)}\n{printable(second)}\n" for first, second in both)


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


def _all_keys(row: dict[str, Any]) -> str:
    return f"keys: {', '.join(row['keys'])}; and {', '.join(row['relations'])}"


def _metrics(metrics: Sequence[dict[str, str]]) -> str:
    return "measures: " + ", ".join(f"{m['name']} ({m['unit']}, {m['better']} is better)" for m in metrics)
