"""The walls: who may import whom, who may start processes, how large a file may grow."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vbench

ROOT = Path(vbench.__file__).parent
GUEST = ROOT / "guest"

# From the lowest to the highest: a module imports from lower lines only, or from within its own package.
RANKS = (
    ("errors", "units", "guest"),
    ("__init__", "model"),
    ("text", "contracts"),
    ("gates",),
    ("host", "stats"),
    ("facts",),
    ("image", "environments", "benchmarks"),
    ("testbed", "suite", "store"),
    ("cost",),
    ("frames",),
    ("api",),
    ("runner", "report"),
    ("validation", "compare", "serving", "exports"),
    ("cli",),
    ("__main__",),
)
FACE = {"__init__": {"errors", "api"}}  # what `import vbench` offers, and loads only when it is asked for
# Where a fault of vbench itself becomes a report or, in a run, a failed trial.
LAST_RESORTS = {"cli/__init__.py", "cli/fault.py", "runner/catching.py"}
RANK = {name: rank for rank, line in enumerate(RANKS) for name in line}
MODULES = sorted(path for path in ROOT.rglob("*.py") if GUEST not in path.parents)
EVERY_FILE = [*MODULES, *sorted(GUEST.glob("*.py"))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                assert level == 0, f"{relative(path)} imports relatively"
                yield from (f"{module}.{alias.name}" for alias in names)


def own_imports(path: Path) -> set[str]:
    """First parts below vbench of what a file imports from vbench."""
    found = set()
    for name in imports(path):
        first, *rest = name.split(".")
        if first == "vbench" and rest:
            known = (ROOT / rest[0]).is_dir() or (ROOT / f"{rest[0]}.py").is_file()
            found.add(rest[0] if known else "__init__")
    return found


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_imports_only_from_lower_ranks(path: Path) -> None:
    here = top(path)
    assert here in RANK, f"{here} has no rank"
    allowed = {here} | FACE.get(here, set())
    assert [name for name in own_imports(path) if name not in allowed and RANK[name] >= RANK[here]] == []


@pytest.mark.parametrize("path", sorted(GUEST.glob("*.py")), ids=relative)
def test_the_guest_needs_nothing_but_the_standard_library(path: Path) -> None:
    siblings = {file.stem for file in GUEST.glob("*.py")}
    allowed = siblings | ({"pyperf"} if path.name == "driver.py" else set())
    first = {name.partition(".")[0] for name in imports(path)}
    assert first - set(sys.stdlib_module_names) - allowed == set()


def test_only_one_module_starts_processes() -> None:
    users = {relative(path) for path in MODULES for name in imports(path) if name.partition(".")[0] == "subprocess"}
    assert users == {"host/proc.py"}


def test_files_are_read_and_written_in_one_encoding_whatever_the_locale() -> None:
    offenders = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"read_text", "write_text"}
        and len(node.args) < (1 if node.func.attr == "read_text" else 2)
        and "encoding" not in {keyword.arg for keyword in node.keywords}
    ]
    assert offenders == []


def test_only_one_module_imports_duckdb() -> None:
    users = {relative(path) for path in MODULES for name in imports(path) if name.partition(".")[0] == "duckdb"}
    assert users == {"frames/duck.py"}


@pytest.mark.parametrize("path", EVERY_FILE, ids=relative)
def test_no_file_has_more_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", EVERY_FILE, ids=relative)
def test_nothing_catches_everything(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            assert "Exception" not in names or relative(path) in LAST_RESORTS
            cleans_up = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            assert "BaseException" not in names or cleans_up


@pytest.mark.parametrize("path", EVERY_FILE, ids=relative)
def test_every_module_begins_with_what_it_is_for(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text
    assert text.splitlines()[0].endswith((".", "?", ":", ";")) or len(text.splitlines()) > 1


@pytest.mark.parametrize("path", EVERY_FILE, ids=relative)
def test_annotations_stay_readable_at_run_time(path: Path) -> None:
    assert "__future__.annotations" not in set(imports(path))


def test_environments_and_benchmarks_are_listed_in_one_table_each() -> None:
    from vbench import benchmarks, environments

    modules = [path for path in MODULES if top(path) != "validation"]  # it chooses for its experiments, as a suite does
    for table in (environments, benchmarks):
        lists = [found for path in modules for found in literals(path) if len(found & set(table.KINDS)) >= 3]
        assert lists == []
        assert all(kind == made.kind for kind, made in table.KINDS.items())


def literals(path: Path) -> Iterator[set[str]]:
    """The texts of every list, tuple, set and dictionary key written out in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements) | ast.Dict(elements):
                yield {e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)}
