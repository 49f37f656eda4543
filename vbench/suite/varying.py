"""Makes one benchmark of each combination of values that an entry of a suite varies."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from vbench.errors import SuiteError
from vbench.suite.converting import convert
from vbench.suite.shape import MOST_COMBINATIONS
from vbench.text import quoted

LONGEST_END = 80  # with a name of 40 characters as long as the name of a file of a run can be
_FREE = re.compile(r"[^A-Za-z0-9._-]+")


def combinations(table: Mapping[str, Any], kind: type, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The end of each combination's name, and its table of settings, in the order in which they are written.

    Without `vary` it is the table alone. Raises SuiteError.
    """
    fixed = {key: value for key, value in table.items() if key != "vary"}
    if "vary" not in table:
        yield "", fixed
        return
    varied = _lists(table["vary"], fixed, kind, f"{path}.vary")
    for values in itertools.product(*varied.values()):
        chosen = dict(zip(varied, values, strict=True))
        end = "".join(f".{key}-{_written(value)}" for key, value in chosen.items())
        if len(end) > LONGEST_END:
            raise SuiteError(f"{path}.vary: {quoted(end)} is too long for the end of a name", hint="vary fewer keys")
        yield end, fixed | chosen


def _lists(vary: Any, fixed: Mapping[str, Any], kind: type, path: str) -> dict[str, Sequence[Any]]:
    if not isinstance(vary, dict) or not vary:
        raise SuiteError(
            f"{path}: expected a table of keys with a list of values each", hint="vary = { depth = [1, 4] }"
        )
    types = get_type_hints(kind, include_extras=True)
    for key, values in vary.items():
        at = f"{path}.{key}"
        if key in fixed:
            raise SuiteError(f"{at}: {key!r} stands in the entry too", hint="leave it out there, or do not vary it")
        if not isinstance(values, list) or not values:
            raise SuiteError(f"{at}: expected a list of values, got {quoted(values)}")
        _check_values(values, types[key], at)
    count = math.prod(len(values) for values in vary.values())
    if count > MOST_COMBINATIONS:
        raise SuiteError(
            f"{path}: {count:,} combinations, at most {MOST_COMBINATIONS} can be measured", hint="vary fewer"
        )
    return vary


def _check_values(values: Sequence[Any], kind: Any, at: str) -> None:
    names: set[str] = set()
    for index, value in enumerate(values):
        if not isinstance(value, str | int | float):
            raise SuiteError(f"{at}[{index}]: expected a text, a number or true or false, got {quoted(value)}")
        convert(value, kind, f"{at}[{index}]")
        if _written(value) in names:
            raise SuiteError(f"{at}[{index}]: {quoted(value)} stands there twice", hint="each value gives a name")
        names.add(_written(value))


def _written(value: Any) -> str:
    """The part of a name that stands for a value: `4KiB`, `16`, `true`."""
    text = str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")
    return _FREE.sub("_", text)
