"""Rules for the tests themselves: a test module stands alone, and what several share is in a module that is no test."""

import ast
from pathlib import Path

from tests.support.linting import refuse

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
MOST_LINES = 400


def relative(path: Path) -> str:
    return str(path.relative_to(TESTS))


def imported(path: Path) -> set[str]:
    """Dotted names of the modules from which a file imports, and of what it imports from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(str(module), aliases):
                names |= {f"{module}.{alias.name}" for alias in aliases}
    return names


def is_collected(name: str) -> bool:
    """Whether pytest collects a module of this dotted name: a module of tests, or a conftest with its fixtures."""
    parts = name.split(".")
    return parts[0] == "tests" and any(part.startswith("test_") or part == "conftest" for part in parts[1:])


def test_no_file_imports_from_a_module_of_tests() -> None:
    refuse(
        f"{relative(path)} imports {name}" for path in FILES for name in sorted(imported(path)) if is_collected(name)
    )


def test_no_file_has_more_than_400_lines() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    refuse(f"{name}: {lines} lines" for name, lines in lengths.items() if lines > MOST_LINES)
