"""Converts a table of a suite into a struct, with the path of the key in every message."""

import re
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from vbench import units
from vbench.errors import SuiteError, nearest
from vbench.text import quoted

T = TypeVar("T")


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
    at_path = f"{path}{at}".lstrip(".")
    if value := _VALUE.fullmatch(what):
        allowed = _values(kind, at)
        word = value[1].strip("'")
        return SuiteError(f"{at_path}: {quoted(word)} is not one of its values", hint=nearest(word[:60], allowed))
    what = _TYPES.sub(_plainly, what)
    return SuiteError(f"{at_path}: {what[:1].lower()}{what[1:]}" if at_path else what)


def _plainly(types: re.Match[str]) -> str:
    """`str | null` in words; TOML has no null, so it is not offered."""
    return " or ".join(_WORDS.get(word, f"`{word}`") for word in types[1].split(" | ") if word != "null")


def _values(kind: type, at: str) -> list[str]:
    """The texts that the key at this path takes, as its type lists them."""
    key = at.removeprefix(".").partition("[")[0].partition(".")[0]
    return [str(value) for value in _literals(get_type_hints(kind).get(key) if key else kind)]


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _literals(part))
