"""Checks whether runs measured the same thing. A difference is a warning, or the reason why a cell has no ratio."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vbench.compare.grouping import name
from vbench.model import BenchmarkRecord, EnvironmentRecord, Metric, Run
from vbench.store import older
from vbench.suite import relations_of
from vbench.text import flat, listed
from vbench.units import show_bytes

_METHOD = ("trial", "warmup")
"""Keys of [method] that change the meaning of a trial's number."""


def warnings(runs: Sequence[Run]) -> tuple[str, ...]:
    """Differences between whole runs that could explain a difference of numbers instead of the hosts."""
    return tuple(_warnings(runs))


def refusal(runs: Sequence[Run], environment: str, benchmark: str, metric: str, *, paired: bool) -> str:
    """The reason why these runs measured different things under one metric of one environment. Empty if they did not.

    A run without the environment, the benchmark or the metric differs in nothing. For a paired cost the baselines are
    compared too.
    """
    texts = [
        _differing(benchmark, [_thing(_benchmark(run, benchmark)) for run in runs]),
        _differing(f"{benchmark} {metric}", [_meaning(_metric(run, benchmark, metric)) for run in runs]),
        _differing(environment, [_thing(environment_of(run, environment)) for run in runs]),
    ]
    if paired:
        texts.append(_differing("baseline", [_thing(environment_of(run, run.manifest.baseline)) for run in runs]))
    return "; ".join(text for text in texts if text)


def environment_of(run: Run, environment: str) -> EnvironmentRecord | None:
    return next((record for record in run.manifest.environments if record.name == environment), None)


def _benchmark(run: Run, benchmark: str) -> BenchmarkRecord | None:
    return next((record for record in run.manifest.benchmarks if record.name == benchmark), None)


def _metric(run: Run, benchmark: str, metric: str) -> Metric | None:
    record = _benchmark(run, benchmark)
    return next((m for m in record.metrics if m.name == metric), None) if record else None


def _thing(record: BenchmarkRecord | EnvironmentRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    if isinstance(record, BenchmarkRecord):
        return {"kind": record.kind, **record.settings}
    return {"kind": record.kind, **older.settings(record), **relations_of(record)}


def _meaning(metric: Metric | None) -> dict[str, Any] | None:
    return {"unit": metric.unit, "better": metric.better} if metric else None


def _differing(what: str, all_settings: Sequence[dict[str, Any] | None]) -> str:
    present = [settings for settings in all_settings if settings is not None]
    keys = dict.fromkeys(key for settings in present for key in settings)
    texts = []
    for key in keys:
        values = dict.fromkeys(_written(key, settings.get(key)) for settings in present)
        if len(values) > 1:
            texts.append(f"{key} {' / '.join(values)}")
    return flat(f"{what} differs: {', '.join(texts)}") if texts else ""


def _written(key: str, value: Any) -> str:
    if value is None:
        return "unset"
    if key in ("size", "memory") and isinstance(value, int) and not isinstance(value, bool):
        return show_bytes(value)
    return str(value)


def _warnings(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        yield from (f"{name(run)}: {flat(warning)}" for warning in run.warnings)
    yield from _spread(runs, "suites differ", lambda run: run.manifest.suite, "only what they share is compared")
    yield from _spread(runs, "images differ", _image, "a confound: other binaries were measured")
    yield from _spread(runs, "versions of vbench differ", lambda run: run.manifest.tool, "a confound: see CHANGELOG.md")
    yield from _spread(runs, "groups differ", _groups, "a confound: other environments were alive beside each")
    tables = {name(run): _suite(run) for run in runs}
    for table, keys in (("method", _METHOD), ("testbed", _keys(tables, "testbed"))):
        for key in keys:
            values = {run: _entry(suite, table, key) for run, suite in tables.items() if suite is not None}
            yield from _told(f"{table}.{key} differs", values, "a confound: trials were run in another way")


def _image(run: Run) -> str:
    return run.manifest.image[:19] or "none"


def _groups(run: Run) -> str:
    return " / ".join(" ".join(group) for group in run.manifest.plan.groups) or "none"


def _spread(runs: Sequence[Run], what: str, of: Callable[[Run], str], then: str) -> Iterator[str]:
    yield from _told(what, {name(run): of(run) for run in runs}, then)


def _told(what: str, values: dict[str, str], then: str) -> Iterator[str]:
    """One line: each value and how many runs have it, or which run where there is only one."""
    holders: dict[str, list[str]] = {}
    for run, value in values.items():
        holders.setdefault(flat(value), []).append(run)
    if len(holders) > 1:
        parts = [
            f"{value} ({names[0] if len(names) == 1 else f'{len(names)} runs'})" for value, names in holders.items()
        ]
        yield f"{what}: {listed(parts)}; {then}"


def _suite(run: Run) -> dict[str, Any] | None:
    """The suite as it was read; None when the text, which anybody may have written, is no TOML."""
    try:
        return tomllib.loads(run.manifest.suite_text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _keys(suites: dict[str, dict[str, Any] | None], table: str) -> list[str]:
    tables = [suite.get(table) for suite in suites.values() if suite]
    return list(dict.fromkeys(key for entries in tables if isinstance(entries, dict) for key in entries))


def _entry(suite: dict[str, Any], table: str, key: str) -> str:
    settings = suite.get(table)
    return str(settings[key]) if isinstance(settings, dict) and key in settings else "default"
