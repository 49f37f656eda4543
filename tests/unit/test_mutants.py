"""The standing list of mutants fits the code: `make mutants` applies them, and nothing here does."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.proof import surviving
from tests.proof.mutant import Mutant
from tests.proof.mutants import MUTANTS
from tests.support.linting import refuse

ROOT = Path(__file__).parents[2]
LEAST = 25
# Where a change makes results wrong.
PARTS = ("vbench/stats", "vbench/cost", "vbench/gates.py", "vbench/units.py", "vbench/suite/plan.py", "vbench/runner")


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_the_old_text_of_every_mutant_stands_exactly_once_in_its_file() -> None:
    refuse(f"{one.file}: {one.old!r}: {one.found(ROOT)} times" for one in MUTANTS if one.found(ROOT) != 1)


def test_every_mutant_is_another_program() -> None:
    for one in MUTANTS:
        text = (ROOT / one.file).read_text(encoding="utf-8")
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(text.replace(one.old, one.new))), one


def test_every_test_that_must_notice_a_mutant_is_there() -> None:
    named = {name for mutant in MUTANTS for name in mutant.node_ids}
    refuse(
        name
        for name in sorted(named)
        for path, function in [name.split("::")]
        if not (ROOT / path).is_file() or function not in functions(ROOT / path)
    )
    assert all(mutant.tests for mutant in MUTANTS)


def test_the_list_is_long_and_has_every_part() -> None:
    assert len(MUTANTS) >= LEAST
    assert len({(one.file, one.old) for one in MUTANTS}) == len(MUTANTS)
    refuse(f"no mutant of {part}" for part in PARTS if not any(one.file.startswith(part) for one in MUTANTS))


CODE = "def twice(value):\n    return 2 * value\n"
TEST = """\
import pytest
from code_of_it import twice

@pytest.mark.parametrize("value", [0, 3])
def test_twice(value):
    assert twice(value) == value + value

def test_zero():
    assert twice(0) == 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "code_of_it.py").write_text(CODE)
    (tmp_path / "tests" / "unit" / "test_it.py").write_text(TEST)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "tests", "said"),
    [
        ("2 *", "3 *", ("it::twice",), "caught"),
        ("2 *", "3 *", ("it::twice", "it::zero"), "SURVIVED: passed: tests/unit/test_it.py::test_zero"),
        ("2 *", "value +", ("it::twice",), "SURVIVED: passed: tests/unit/test_it.py::test_twice"),
        ("4 *", "3 *", ("it::twice",), "PROBLEM: its old text stands 0 times in the file"),
        ("value", "v", ("it::twice",), "PROBLEM: its old text stands 2 times in the file"),
        ("2 *", "3 *", ("it::gone",), "PROBLEM: pytest ended with 4"),
    ],
)
def test_a_mutant_is_caught_by_every_test_that_it_names_or_not_at_all(
    tree: Path, old: str, new: str, tests: tuple[str, ...], said: str
) -> None:
    outcome = surviving.outcome(Mutant("code_of_it.py", old, new, "what it breaks", tests), tree)
    word, colon, why = said.partition(": ")
    assert outcome.line.startswith(word)
    assert f"code_of_it.py: what it breaks{colon}{why}" in outcome.line
    assert outcome.is_caught == (word == "caught")
    assert (tree / "code_of_it.py").read_text() == CODE
