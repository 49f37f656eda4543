"""The keys and kinds of a suite's file, judged all at once: who writes a first suite mends it once, not key by key."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from vbench.errors import SuiteError, nearest
from vbench.suite import likeness
from vbench.suite.shape import Document, LadderTable, Method, TestbedSettings
from vbench.text import quoted

LONGEST_KEY = 60  # of a key that nobody knows, as a message shows it


class Problem(NamedTuple):
    """One key that is unknown or missing, and what to do about it."""

    at: str
    what: str
    hint: str = ""


def refuse(document: Mapping[str, Any]) -> None:
    """Raises SuiteError with every key of the file that is unknown or missing; what a key holds is not looked at."""
    problems = list(_problems(document))
    if len(problems) == 1:
        raise SuiteError(f"{problems[0].at}: {problems[0].what}", hint=problems[0].hint)
    if problems:
        lines = [f"{at}: {what}" + (f" ({hint})" if hint else "") for at, what, hint in problems]
        raise SuiteError(
            f"{len(problems)} keys are wrong: {'; '.join(lines)}", hint="`vbench suite new` writes a template"
        )


def families(kinds: Mapping[str, type]) -> dict[str, tuple[str, ...]]:
    """Family to its kinds: the name of a family stands for all of them, each with its defaults."""
    kinds_of: dict[str, tuple[str, ...]] = {}
    for kind in kinds:
        family, dot, _ = kind.partition(".")
        if dot:
            kinds_of[family] = (*kinds_of.get(family, ()), kind)
    return kinds_of


def _problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    from vbench.benchmarks import KINDS

    yield from _of_table(document, Document, "")
    for path, kind in (("method", Method), ("testbed", TestbedSettings)):
        yield from _of_table(document.get(path), kind, path)
    yield from _of_environments(document.get("environments"))
    ladders = document.get("ladders")
    for name, table in ladders.items() if isinstance(ladders, dict) else ():
        yield from _of_table(table, LadderTable, f"ladders.{name}")
    entries = document.get("benchmarks")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, str) and entry in families(KINDS):
            continue
        table = {"kind": entry} if isinstance(entry, str) else entry
        yield from _of_benchmark(table, f"benchmarks[{index}]")


def _of_benchmark(table: Any, path: str) -> Iterator[Problem]:
    """Problems of one benchmark entry. A varied key counts as a key of the entry."""
    from vbench.benchmarks import KINDS

    vary = table.get("vary") if isinstance(table, dict) else None
    varied = vary if isinstance(vary, dict) else {}
    whole = {**varied, **table} if isinstance(table, dict) else table
    own = table if isinstance(table, dict) else {}
    yield from _of_kind(whole, KINDS, path, "benchmark", also=("name", "vary"), own=own)
    benchmark_type: Any = KINDS.get(str(own.get("kind")))
    own_keys = (
        [field.encode_name for field in msgspec.structs.fields(benchmark_type)] if benchmark_type else list(varied)
    )
    for key in varied:
        if key not in own_keys:
            yield Problem(f"{path}.vary.{key[:LONGEST_KEY]}", "unknown key", nearest(key, own_keys) if own_keys else "")


def _of_environments(tables: Any) -> Iterator[Problem]:
    """Problems of the environments. A key that a table takes over from another is judged where it is written."""
    from vbench.environments import KINDS

    for name, table in likeness.resolved(tables).items() if isinstance(tables, dict) else ():
        path, own = f"environments.{name}", tables[name]
        yield from _of_kind(table, KINDS, path, "environment", also=likeness.RELATIONS, own=own)


def _of_table(table: Any, kind: type, path: str, *, also: tuple[str, ...] = (), own: Any = None) -> Iterator[Problem]:
    """`own` are the keys that stand in the table itself, where it has taken over others."""
    if not isinstance(table, dict):
        return  # decoding says what was expected
    fields = msgspec.structs.fields(kind)
    names = [*(field.encode_name for field in fields), *also]
    for key in table if own is None else own:
        if key not in names:
            yield Problem(
                _join(path, key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…"),
                "unknown key",
                nearest(key, names) if names else "",
            )
    for field in fields:
        if field.required and field.encode_name not in table:
            yield Problem(_join(path, field.encode_name), "missing")


def _of_kind(
    table: Any, kinds: Mapping[str, type], path: str, what: str, *, also: tuple[str, ...] = (), own: Any = None
) -> Iterator[Problem]:
    if not isinstance(table, dict):
        return
    kind = table.get("kind")
    if kind is None:
        yield Problem(f"{path}.kind", "missing", f"known: {', '.join(_offered(kinds))}")
    elif not isinstance(kind, str) or kind not in kinds:
        yield Problem(f"{path}.kind", f"no {what} is of kind {quoted(kind)}", _meant(str(kind), kinds))
    else:
        yield from _of_table(table, kinds[kind], path, also=("kind", *also), own=own)


def _meant(kind: str, kinds: Mapping[str, type]) -> str:
    """The hint for an unknown kind: the kind that has this other name, a family, or the nearest spelling."""
    for kind_type in kinds.values():
        known_as: Mapping[str, str] = getattr(kind_type, "known_as", {})
        if kind.lower() in known_as:
            return known_as[kind.lower()]
    named = families(kinds)
    family = kind.lower().removesuffix(".*").removesuffix(".")
    if family in named:
        return f'"{family}" as a text of its own stands for {", ".join(named[family])}'
    return nearest(kind, [*_offered(kinds), *named])


def _offered(kinds: Mapping[str, type]) -> list[str]:
    return [kind for kind, kind_type in kinds.items() if getattr(kind_type, "is_offered", True)]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
