"""Turns the tables of a suite's file into its structs, with the path of the key in every message."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from vbench import units
from vbench.contracts import Benchmark, Environment
from vbench.errors import SuiteError, nearest
from vbench.suite.names import in_family, named, shown
from vbench.suite.shape import Document, Method, Suite, TestbedSettings

T = TypeVar("T")


def suite_of(text: str, document: Document) -> Suite:
    environments = dict(_environments(document.environments))
    return Suite(
        name=named(document.name, "name"),
        about=document.about,
        text=text,
        method=convert(document.method, Method, "method"),
        testbed=convert(document.testbed, TestbedSettings, "testbed"),
        environments=environments,
        benchmarks=_benchmarks(document.benchmarks),
        arms=tuple(environments),
    )


def _environments(tables: Mapping[str, Any]) -> Iterator[tuple[str, Environment]]:
    from vbench.environments import KINDS

    for name, table in tables.items():
        path = f"environments.{name}"
        named(name, path)
        yield name, _of_kind(table, KINDS, path, "environment")


def _benchmarks(entries: Sequence[Any]) -> dict[str, Benchmark]:
    from vbench.benchmarks import KINDS

    found: dict[str, Benchmark] = {}
    for index, entry in enumerate(entries):
        path = f"benchmarks[{index}]"
        table = {"kind": entry} if isinstance(entry, str) else entry
        settings = {key: value for key, value in table.items() if key != "name"} if isinstance(table, dict) else table
        kind = settings.get("kind") if isinstance(settings, dict) else None
        name = table.get("name", kind if "." in str(kind) else None) if isinstance(table, dict) else None
        if kind in KINDS and name is None:
            in_family(name, str(kind), f"{path}.name")
        benchmark: Benchmark = _of_kind(settings, KINDS, path, "benchmark")
        in_family(name, benchmark.kind, f"{path}.name")
        if name in found:
            raise SuiteError(f"{path}: a second benchmark named {name!r}", hint="give one of them another `name`")
        found[str(name)] = benchmark
    return found


def _of_kind(table: Any, kinds: Mapping[str, type], path: str, what: str) -> Any:
    if not isinstance(table, dict):
        raise SuiteError(f"{path}: expected a table with a `kind`, got {shown(table)}")
    kind = table.get("kind")
    if kind is None:
        raise SuiteError(f"{path}.kind: missing", hint=f"known: {', '.join(kinds)}")
    if not isinstance(kind, str) or kind not in kinds:
        raise SuiteError(f"{path}.kind: no {what} is of kind {shown(kind)}", hint=nearest(str(kind), list(kinds)))
    return convert({key: value for key, value in table.items() if key != "kind"}, kinds[kind], path)


def convert(table: object, kind: type[T], path: str) -> T:
    """msgspec's strict decoding, its message turned into the suite's own words and path."""
    try:
        return msgspec.convert(table, kind, dec_hook=units.decode)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind, path) from error
    except (OverflowError, RecursionError) as error:
        raise SuiteError(f"{path}: a value is too large") from error


_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>)?\$(?P<at>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_REQUIRED = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_TYPES = re.compile(r"`([a-z |]+)`")
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
_WORDS |= {"array": "a list", "object": "a table"}


def _explained(message: str, kind: type, path: str) -> SuiteError:
    match = _MESSAGE.fullmatch(message)
    what, at = (match["what"], match["at"] or "") if match else (message, "")
    place = f"{path}{at}".lstrip(".")
    if unknown := _UNKNOWN.fullmatch(what):
        known = [] if at else list(getattr(kind, "__struct_fields__", ()))
        hint = nearest(unknown[1], known) if known else ""
        return SuiteError(f"{_join(place, unknown[1])}: unknown key", hint=hint)
    if required := _REQUIRED.fullmatch(what):
        return SuiteError(f"{_join(place, required[1])}: missing")
    what = _TYPES.sub(_plainly, what)
    return SuiteError(f"{place}: {what[:1].lower()}{what[1:]}" if place else what)


def _plainly(types: re.Match[str]) -> str:
    """`str | null` in words; TOML has no null, so it is not offered."""
    return " or ".join(_WORDS.get(word, f"`{word}`") for word in types[1].split(" | ") if word != "null")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
