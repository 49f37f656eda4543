"""The walls: who may import whom, who may start processes, how large a file may grow."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import vbench
from tests.support.linting import refuse

ROOT = Path(vbench.__file__).parent
GUEST = ROOT / "guest"

# From the lowest to the highest: a module imports from lower lines only, or from within its own package.
RANKS = (
    ("errors", "units", "reasons", "guest"),
    ("__init__", "model"),
    ("text", "gates", "beneath"),
    ("contracts",),
    ("host", "stats"),
    ("facts",),
    ("image", "testbed", "benchmarks"),
    ("environments",),
    ("suite", "store"),
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


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """The syntax tree of a file, flat and with the module first."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, inside functions too."""
    for node in nodes(path):
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


def test_every_room_has_a_rank() -> None:
    refuse(sorted({top(path) for path in MODULES} - set(RANK)))


def test_a_module_imports_only_from_lower_ranks() -> None:
    offenders = []
    for path in MODULES:
        here = top(path)
        allowed = {here} | FACE.get(here, set())
        upward = [name for name in sorted(own_imports(path) - allowed) if RANK[name] >= RANK[here]]
        offenders += [f"{relative(path)} imports {name}" for name in upward]
    refuse(offenders)


def test_the_guest_needs_nothing_but_the_standard_library() -> None:
    siblings = {file.stem for file in GUEST.glob("*.py")}
    offenders = []
    for path in sorted(GUEST.glob("*.py")):
        allowed = siblings | set(sys.stdlib_module_names) | ({"pyperf"} if path.name == "driver.py" else set())
        foreign = sorted({name.partition(".")[0] for name in imports(path)} - allowed)
        offenders += [f"{relative(path)} imports {name}" for name in foreign]
    refuse(offenders)


def test_only_one_module_starts_processes() -> None:
    users = {relative(path) for path in MODULES for name in imports(path) if name.partition(".")[0] == "subprocess"}
    assert users == {"host/proc.py"}


def test_files_are_read_and_written_in_one_encoding_whatever_the_locale() -> None:
    offenders = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"read_text", "write_text"}
        and len(node.args) < (1 if node.func.attr == "read_text" else 2)
        and "encoding" not in {keyword.arg for keyword in node.keywords}
    ]
    refuse(offenders)


def test_only_one_module_imports_duckdb() -> None:
    users = {relative(path) for path in MODULES for name in imports(path) if name.partition(".")[0] == "duckdb"}
    assert users == {"frames/duck.py"}


def test_no_file_has_more_than_400_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in EVERY_FILE}
    refuse(f"{name}: {lines} lines" for name, lines in lengths.items() if lines > 400)


def test_nothing_catches_everything() -> None:
    handlers = [
        (relative(path), node) for path in EVERY_FILE for node in nodes(path) if isinstance(node, ast.ExceptHandler)
    ]
    refuse(f"{name}:{handler.lineno}" for name, handler in handlers if catches_everything(name, handler))


def catches_everything(name: str, handler: ast.ExceptHandler) -> bool:
    """Without a class, or Exception in a module that is no last resort, or BaseException that is not raised again."""
    if handler.type is None:
        return True
    classes = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    cleans_up = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
    return ("Exception" in classes and name not in LAST_RESORTS) or ("BaseException" in classes and not cleans_up)


def test_every_module_begins_with_what_it_is_for() -> None:
    refuse(relative(path) for path in EVERY_FILE if not says_what_it_is_for(nodes(path)[0]))


def says_what_it_is_for(module: ast.AST) -> bool:
    assert isinstance(module, ast.Module)
    lines = (ast.get_docstring(module) or "").splitlines()
    return len(lines) > 1 or bool(lines and lines[0].endswith((".", "?", ":", ";")))


def test_annotations_stay_readable_at_run_time() -> None:
    refuse(relative(path) for path in EVERY_FILE if "__future__.annotations" in set(imports(path)))


def test_environments_and_benchmarks_are_listed_in_one_table_each() -> None:
    from vbench import benchmarks, environments

    modules = [path for path in MODULES if top(path) != "validation"]  # it chooses for its experiments, as a suite does
    for table in (environments, benchmarks):
        lists = [(relative(path), texts & set(table.KINDS)) for path in modules for texts in literals(path)]
        refuse(f"{name} lists {', '.join(sorted(kinds))}" for name, kinds in lists if len(kinds) >= 3)
        assert all(kind == made.kind for kind, made in table.KINDS.items())


def test_the_name_of_an_environments_kind_stays_in_its_room() -> None:
    """Elsewhere its type answers. Validation chooses for its experiments, and a guest's witnesses name hypervisors."""
    from vbench.environments import KINDS

    rooms, witnesses = {"environments", "validation"}, {"facts/layers.py"}
    modules = [path for path in MODULES if top(path) not in rooms and relative(path) not in witnesses]
    quoted = re.compile(rf"""kind = ["']({"|".join(KINDS)})["']""")
    homes = {made.__module__ for made in KINDS.values()}
    refuse(f"{relative(path)} names {text}" for path in modules for text in texts(path) if text in KINDS)
    refuse(f"{relative(path)} says {text}" for path in modules for text in texts(path) if quoted.search(text))
    refuse(
        f"{relative(path)} imports {name}"
        for path in modules
        for name in imports(path)
        if homes & {name, name.rpartition(".")[0]}
    )


def texts(path: Path) -> Iterator[str]:
    for node in nodes(path):
        match node:
            case ast.Constant(str(value)):
                yield value


def literals(path: Path) -> Iterator[set[str]]:
    """The texts of every list, tuple, set and dictionary key written out in a file."""
    for node in nodes(path):
        match node:
            case ast.List(elements) | ast.Tuple(elements) | ast.Set(elements) | ast.Dict(elements):
                yield {e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)}
