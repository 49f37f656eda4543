"""The published run gives the numbers that it gave when it was published, whatever became of the code since.

`python -m tests.unit.test_same_numbers` writes the expected numbers anew, from the code as it is: only a change of the
method may ask for it, and CHANGELOG.md names such a change.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vbench import report, store

ROOT = Path(__file__).parents[2]
RUN = ROOT / "results" / "quick-20261122T214659Z-9303"
EXPECTED = ROOT / "tests" / "data" / "quick-numbers.json"
TOLERANCE = 1e-12
"""Relative: the logarithms of two systems differ in their last bit."""
_NAMES = ("benchmark", "metric", "family", "environment")


def numbers(document: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a JSON document by its path; a cost in a list goes by its names, not by its place."""
    match document:
        case bool():
            return
        case int() | float():
            yield path, document
        case dict():
            for key, inner in document.items():
                yield from numbers(inner, f"{path}/{key}")
        case list():
            for place, inner in enumerate(document):
                yield from numbers(inner, f"{path}/{_name(inner, place)}")


def _name(element: Any, place: int) -> str:
    named = [element[key] for key in _NAMES if key in element] if isinstance(element, dict) else []
    return " ".join(named) or str(place)


def grouped(found: dict[str, float]) -> dict[str, dict[str, float]]:
    """The numbers of each thing of each list on one line: `/costs/cpu.hash time runc` and below it `per_block/1`."""
    result: dict[str, dict[str, float]] = {}
    for path, number in found.items():
        top, leaf = path.split("/", 3)[1:3], path.split("/", 3)[3:]
        result.setdefault("/".join(top), {})["".join(leaf)] = number
    return result


def current() -> dict[str, float]:
    found = list(numbers(report.json_document(store.load(RUN))))
    assert len(dict(found)) == len(found), "two numbers have one path"
    return dict(found)


def test_every_number_of_the_published_run_is_what_it_was() -> None:
    groups = json.loads(EXPECTED.read_text())
    expected = {f"/{top}/{leaf}".rstrip("/"): number for top, group in groups.items() for leaf, number in group.items()}
    found = current()
    assert len(expected) > 4000
    assert not sorted(expected.keys() - found.keys())
    changed = {
        path: (was, found[path])
        for path, was in expected.items()
        if not math.isclose(was, found[path], rel_tol=TOLERANCE, abs_tol=0)
    }
    assert not changed


if __name__ == "__main__":
    lines = (f"{json.dumps(top)}: {json.dumps(group)}" for top, group in grouped(current()).items())
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
