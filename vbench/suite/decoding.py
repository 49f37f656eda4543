"""Turns the tables of a suite's file into its structs, with the path of the key in every message."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from vbench.contracts import Benchmark
from vbench.errors import SuiteError
from vbench.model import Ladder
from vbench.suite import likeness, varying
from vbench.suite.converting import convert
from vbench.suite.keys import families
from vbench.suite.names import in_family, named
from vbench.suite.narrowing import settings as settings_of
from vbench.suite.relations import check_paths
from vbench.suite.shape import (
    ADAPTIVE,
    FIXED_BLOCKS,
    Arm,
    Document,
    LadderTable,
    Method,
    Relations,
    Suite,
    TestbedSettings,
    Variation,
)
from vbench.text import quoted


def suite_of(text: str, document: Document) -> Suite:
    environments = dict(_environments(document.environments))
    benchmarks, variations = _benchmarks(document.benchmarks)
    return Suite(
        name=named(document.name, "name"),
        about=document.about,
        text=text,
        method=_method(document.method, environments),
        testbed=convert(document.testbed, TestbedSettings, "testbed"),
        environments=environments,
        benchmarks=benchmarks,
        arms=tuple(environments),
        ladders=tuple(_ladders(document.ladders, benchmarks)),
        variations=variations,
    )


def _method(table: dict[str, Any], environments: Mapping[str, Arm]) -> Method:
    """The method, with the defaults that depend on the rest of the suite."""
    method = convert(table, Method, "method")
    if method.blocks is None and not method.confirmatory and not any(key in table for key in ADAPTIVE):
        method = replace(method, blocks=FIXED_BLOCKS)
    if "baseline" not in table:
        method = replace(method, baseline=next(iter(environments), ""))
    return method


def _environments(tables: Mapping[str, Any]) -> Iterator[tuple[str, Arm]]:
    from vbench.environments import KINDS

    for name, table in likeness.resolved(tables).items():
        path = f"environments.{name}"
        named(name, path)
        own, related = _parted(table)
        relations = convert(related, Relations, path)
        arm = Arm(_of_kind(own, KINDS, path), relations.on, relations.network)
        check_paths(path, relations, arm)
        yield name, arm


def _parted(table: Any) -> tuple[Any, dict[str, Any]]:
    """The keys of the kind, and the relations."""
    if not isinstance(table, dict):
        return table, {}
    own = {key: value for key, value in table.items() if key not in likeness.RELATIONS}
    return own, {key: value for key, value in table.items() if key in likeness.RELATIONS}


def _benchmarks(entries: Sequence[Any]) -> tuple[dict[str, Benchmark], dict[str, Variation]]:
    """Benchmarks by name, and the variations of those that `vary` made."""
    from vbench.benchmarks import KINDS

    benchmarks: dict[str, Benchmark] = {}
    variations: dict[str, Variation] = {}
    named_families = families(KINDS)
    for index, entry in enumerate(entries):
        path = f"benchmarks[{index}]"
        if isinstance(entry, str) and entry in named_families:
            benchmarks |= _family(named_families[entry], benchmarks, path)
            continue
        table = {"kind": entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict):
            raise SuiteError(f"{path}: expected a table with a `kind`, got {quoted(table)}")
        kind = table["kind"]
        base: Any = table.get("name", kind if "." in kind else None)
        in_family(base, kind, f"{path}.name")
        settings = {key: value for key, value in table.items() if key not in ("kind", "name")}
        for end, combination in varying.combinations(settings, KINDS[kind], path):
            name, benchmark = f"{base}{end}", convert(combination, KINDS[kind], path)
            if name in benchmarks:
                raise _second(name, path)
            benchmarks[name] = benchmark
            if end:
                plain = settings_of(benchmark)
                variations[name] = Variation(base, {key: plain[key] for key in table["vary"]})
    return benchmarks, variations


def _family(kinds: Sequence[str], benchmarks: Mapping[str, Benchmark], path: str) -> dict[str, Benchmark]:
    """All kinds of a family, each with its defaults."""
    from vbench.benchmarks import KINDS

    for kind in kinds:
        if kind in benchmarks:
            raise _second(kind, path)
    return {kind: KINDS[kind]() for kind in kinds}


def _ladders(tables: Mapping[str, Any], benchmarks: Mapping[str, Benchmark]) -> Iterator[Ladder]:
    """The ladders. The metric is the benchmark's first if none is named; `ladders.check` refuses unknown benchmarks."""
    for name, entry in tables.items():
        path = f"ladders.{name}"
        named(name, path)
        table = convert(entry, LadderTable, path)
        metrics = benchmarks[table.benchmark].metrics if table.benchmark in benchmarks else ()
        first = next((metric.name for metric in metrics), "")
        yield Ladder(name, table.benchmark, first if table.metric is None else table.metric, table.arms)


def _second(name: str, path: str) -> SuiteError:
    return SuiteError(f"{path}: a second benchmark named {name!r}", hint="give one of them another `name`")


def _of_kind(table: Any, kinds: Mapping[str, type], path: str) -> Any:
    if not isinstance(table, dict):
        raise SuiteError(f"{path}: expected a table with a `kind`, got {quoted(table)}")
    settings = {key: value for key, value in table.items() if key != "kind"}
    return convert(settings, kinds[table["kind"]], path)
