"""Resolves `like`: a table of `[environments]` that takes over another's keys and changes some of them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vbench.errors import SuiteError, nearest
from vbench.suite.shape import Relations
from vbench.text import quoted

RELATIONS = tuple(field.encode_name for field in msgspec.structs.fields(Relations))


def resolved(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Each table with all the keys that hold for it.

    A table of the same kind takes over every key. One that names another `kind` takes over relations only, since the
    other keys belong to the kind that they were written for. What is no table stays as it is. Raises SuiteError for
    a name that there is not, and for tables that are like each other in a circle.
    """
    done: dict[str, Any] = {}
    for name in tables:
        waiting = [name]
        while waiting[-1] not in done and (other := _other(tables, waiting[-1])) is not None:
            if other in waiting:
                raise SuiteError(
                    f"environments.{waiting[-1]}.like: is like itself: {' like '.join([*waiting, other])}",
                    hint="one of them needs its own keys instead of `like`",
                )
            waiting.append(other)
        while waiting:
            table, other = tables[last := waiting.pop()], _other(tables, last)
            done.setdefault(last, table if other is None else _changed(done[other], table))
    return done


def _other(tables: Mapping[str, Any], name: str) -> str | None:
    """The table that this one is like."""
    table = tables[name]
    if not isinstance(table, dict) or "like" not in table:
        return None
    other = table["like"]
    if not isinstance(other, str) or other not in tables:
        hint = nearest(str(other)[:60], [each for each in tables if each != name])
        raise SuiteError(f"environments.{name}.like: no environment is named {quoted(other)}", hint=hint)
    return other


def _changed(other: Any, table: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(other, dict):
        return table  # decoding says of the other what was expected
    same_kind = table.get("kind", other.get("kind")) == other.get("kind")
    return {key: value for key, value in other.items() if same_kind or key in RELATIONS} | table
