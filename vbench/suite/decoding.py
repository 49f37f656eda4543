"""Turns the tables of a suite's file into its structs, with the path of the key in every message."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import replace

from vbench import units
from vbench.contracts import Benchmark
from vbench.errors import SuiteError, nearest
from vbench.model import Ladder
from vbench.suite import likeness
from vbench.suite.keys import families
from vbench.suite.names import in_family, named, shown
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
)

T = TypeVar("T")


def suite_of(text: str, document: Document) -> Suite:
    environments = dict(_environments(document.environments))
    benchmarks = _benchmarks(document.benchmarks)
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
    )


def _method(table: dict[str, Any], environments: Mapping[str, Arm]) -> Method:
    """With the defaults that depend on the rest of the suite."""
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


def _benchmarks(entries: Sequence[Any]) -> dict[str, Benchmark]:
    from vbench.benchmarks import KINDS

    found: dict[str, Benchmark] = {}
    named_families = families(KINDS)
    for index, entry in enumerate(entries):
        path = f"benchmarks[{index}]"
        if isinstance(entry, str) and entry in named_families:
            found |= _family(named_families[entry], found, path)
            continue
        table = {"kind": entry} if isinstance(entry, str) else entry
        settings = {key: value for key, value in table.items() if key != "name"} if isinstance(table, dict) else table
        kind = settings.get("kind") if isinstance(settings, dict) else None
        name = table.get("name", kind if "." in str(kind) else None) if isinstance(table, dict) else None
        if kind in KINDS and name is None:
            in_family(name, str(kind), f"{path}.name")
        benchmark: Benchmark = _of_kind(settings, KINDS, path)
        in_family(name, benchmark.kind, f"{path}.name")
        if name in found:
            raise _second(str(name), path)
        found[str(name)] = benchmark
    return found


def _family(kinds: Sequence[str], found: Mapping[str, Benchmark], path: str) -> dict[str, Benchmark]:
    """All kinds of a family, each with its defaults."""
    from vbench.benchmarks import KINDS

    for kind in kinds:
        if kind in found:
            raise _second(kind, path)
    return {kind: KINDS[kind]() for kind in kinds}


def _ladders(tables: Mapping[str, Any], benchmarks: Mapping[str, Benchmark]) -> Iterator[Ladder]:
    """Where no metric is named, the benchmark's first; `ladders.check` refuses a benchmark that there is not."""
    for name, entry in tables.items():
        path = f"ladders.{name}"
        named(name, path)
        table = convert(entry, LadderTable, path)
        metrics = benchmarks[table.benchmark].metrics if table.benchmark in benchmarks else ()
        metric = table.metric if table.metric is not None else next((known.name for known in metrics), "")
        yield Ladder(name, table.benchmark, metric, table.arms)


def _second(name: str, path: str) -> SuiteError:
    return SuiteError(f"{path}: a second benchmark named {name!r}", hint="give one of them another `name`")


def _of_kind(table: Any, kinds: Mapping[str, type], path: str) -> Any:
    if not isinstance(table, dict):
        raise SuiteError(f"{path}: expected a table with a `kind`, got {shown(table)}")
    settings = {key: value for key, value in table.items() if key != "kind"}
    return convert(settings, kinds[table["kind"]], path)


def convert(table: object, kind: type[T], path: str) -> T:
    """msgspec's strict decoding, its message turned into the suite's own words and path."""
    try:
        return msgspec.convert(table, kind, dec_hook=units.decode)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind, path) from error
    except (OverflowError, RecursionError) as error:
        raise SuiteError(f"{path}: a value is too large") from error


_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>)?\$(?P<at>.*)`)?", re.DOTALL)
_VALUE = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_TYPES = re.compile(r"`([a-z |]+)`")
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
_WORDS |= {"array": "a list", "object": "a table"}


def _explained(message: str, kind: type, path: str) -> SuiteError:
    match = _MESSAGE.fullmatch(message)
    what, at = (match["what"], match["at"] or "") if match else (message, "")
    place = f"{path}{at}".lstrip(".")
    if value := _VALUE.fullmatch(what):
        allowed = _values(kind, at)
        word = value[1].strip("'")
        return SuiteError(f"{place}: {shown(word)} is not one of its values", hint=nearest(word[:60], allowed))
    what = _TYPES.sub(_plainly, what)
    return SuiteError(f"{place}: {what[:1].lower()}{what[1:]}" if place else what)


def _plainly(types: re.Match[str]) -> str:
    """`str | null` in words; TOML has no null, so it is not offered."""
    return " or ".join(_WORDS.get(word, f"`{word}`") for word in types[1].split(" | ") if word != "null")


def _values(kind: type, at: str) -> list[str]:
    """Which texts the key at this path takes, as its type lists them."""
    key = at.removeprefix(".").partition("[")[0].partition(".")[0]
    return [str(value) for value in _literals(get_type_hints(kind).get(key))]


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _literals(part))
