"""Three walls: who opens files of this machine, who knows that the host of a run is this machine, who knows kinds."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vbench
from tests.support.linting import refuse
from vbench.environments import KINDS

ROOT = Path(vbench.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# A host may be another machine: what lies on it is reached through the Host and its sessions. These rooms are of this
# machine.
LOCAL_ROOMS = {
    "cli": "what users call: files that they name",
    "guest": "runs inside an environment, whose files are its own",
    "host": "the local host's own",
    "image": "builds images here",
    "store": "run folders",
}
LOCAL_FILES = {
    "benchmarks/carrying.py": "a user's own files, beside the suite",
    "environments/channel.py": "put and get: the other end is a file of vbench's",
    "exports/ndjson.py": "the file that a user names, and one beside it until it is whole",
    "frames/checking.py": "tables of a run folder",
    "frames/duck.py": "tables of a run folder",
    "report/page/html.py": "resources of the package",
    "runner/resumption.py": "vbench's own sources",
    "serving/pages.py": "resources of the package",
    "serving/reports.py": "run folders",
    "serving/runs.py": "run folders",
    "serving/site.py": "run folders",
    "suite/reading.py": "the suite that a user names, and those of the package",
    "validation/document.py": "a validation, stored beside run folders",
}
METHODS = {
    *("absolute", "chmod", "cwd", "exists", "expanduser", "glob", "hardlink_to", "home", "is_dir", "is_fifo"),
    *("is_file", "is_mount", "is_socket", "is_symlink", "iterdir", "lchmod", "lstat", "mkdir", "open", "owner"),
    *("read_bytes", "read_text", "readlink", "resolve", "rglob", "rmdir", "samefile", "stat", "symlink_to"),
    *("touch", "unlink", "write_bytes", "write_text"),
}
"""Of pathlib.Path alone: a path on a host is a PurePosixPath, which has none of them."""

MODULES = {
    "fileinput": None,
    "glob": None,
    "grp": None,
    "mmap": None,
    "platform": {"node", "uname", "machine", "freedesktop_os_release"},
    "pwd": None,
    "shutil": {
        *("chown", "copy", "copy2", "copyfile", "copymode", "copystat", "copytree", "disk_usage", "move", "rmtree"),
        *("make_archive", "unpack_archive", "which"),
    },
    "socket": {"gethostname", "getfqdn"},
    "tempfile": None,
    "os": {
        *("access", "chmod", "chown", "cpu_count", "getcwd", "getloadavg", "link", "listdir", "lstat", "makedirs"),
        *("mkdir", "mkfifo", "mknod", "open", "readlink", "remove", "removedirs", "rename", "renames", "replace"),
        *("rmdir", "scandir", "sched_getaffinity", "sched_setaffinity", "stat", "statvfs", "symlink", "sysconf"),
        *("truncate", "uname", "unlink", "utime", "walk"),
    },
}
"""Functions of the standard library that open or read something of this machine; None: all of the module."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def local_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each call that opens a file of this machine or reads something of it."""
    nodes = list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module in MODULES]
    named = {alias.asname or alias.name: (str(node.module), alias.name) for node in imports for alias in node.names}
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name("open")):
                yield node.lineno, "open"
            case ast.Call(func=ast.Name(name)) if name in named and is_local(*named[name]):
                yield node.lineno, ".".join(named[name])
            case ast.Call(func=ast.Attribute(ast.Name(module), name)) if module in MODULES:
                if is_local(module, name):
                    yield node.lineno, f"{module}.{name}"
            case ast.Call(func=ast.Attribute(_, name)) if name in METHODS:
                yield node.lineno, name


def is_local(module: str, name: str) -> bool:
    names = MODULES[module]
    return names is None or name in names


def test_files_of_this_machine_are_opened_where_they_belong() -> None:
    """Anywhere else the host of a run would have to be this machine."""
    walled = [path for path in FILES if room(path) not in LOCAL_ROOMS and relative(path) not in LOCAL_FILES]
    refuse(
        f"{relative(path)}:{line}: {name}" for path in walled for line, name in local_calls(ast.parse(path.read_text()))
    )


def test_every_exception_is_still_one() -> None:
    opening = {relative(path) for path in FILES if any(local_calls(ast.parse(path.read_text())))}
    refuse(sorted(set(LOCAL_FILES) - opening))
    refuse(sorted(set(LOCAL_ROOMS) - {name.partition("/")[0] for name in opening}))


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "Path('x').read_text()",
        "folder.exists()",
        "import os\nos.uname()",
        "from os import uname as name\nname()",
        "from tempfile import TemporaryDirectory\nTemporaryDirectory()",
        "import shutil\nshutil.rmtree('x')",
        "Path.home()",
    ],
)
def test_a_file_that_is_opened_is_seen(text: str) -> None:
    assert len(list(local_calls(ast.parse(text)))) == 1


@pytest.mark.parametrize("text", ["os.getpid()", "host.run(['cat', 'x'])", "path.with_name('x')", "os.fdopen(3)"])
def test_what_opens_nothing_is_not_refused(text: str) -> None:
    assert list(local_calls(ast.parse(text))) == []


# --- the host of a run ------------------------------------------------------------------------------------------------

LOCAL_MODULES = {"cgroups", "counters", "files", "home", "local", "lock", "owners", "proc", "processes"}
CHOOSING = {
    "cli": "says which host a run measures, and cleans this one",
    "image": "builds images here",
    "runner": "measures this machine where no other host is named",
    "validation": "validates this machine",
}


def local_imports(text: str) -> set[str]:
    """Modules that know this machine alone, of those that a module imports from vbench.host."""
    named = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module="vbench.host", names=names):
                named |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module)) if module.startswith("vbench.host."):
                named.add(module.split(".")[2])
            case ast.Import(names=names):
                named |= {alias.name.split(".")[2] for alias in names if alias.name.startswith("vbench.host.")}
    return named & LOCAL_MODULES


def test_nobody_between_the_host_and_its_user_knows_that_it_is_this_machine() -> None:
    """Testbeds, environments, benchmarks and facts are the same on every host."""
    walled = [path for path in FILES if room(path) not in {"host", *CHOOSING}]
    refuse(f"{relative(path)} imports {name}" for path in walled for name in local_imports(path.read_text()))


def test_every_room_that_chooses_a_host_still_does() -> None:
    choosing = {room(path) for path in FILES if local_imports(path.read_text())}
    refuse(sorted(set(CHOOSING) - choosing))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("from vbench.host import proc, rights", {"proc"}),
        ("from vbench.host.local import LocalHost", {"local"}),
        ("import vbench.host.files", {"files"}),
        ("from vbench.host.interrupts import held", set()),
        ("from vbench.runner.host import rooted", set()),
    ],
)
def test_an_import_that_knows_this_machine_is_seen(text: str, named: set[str]) -> None:
    assert local_imports(text) == named


# --- kinds -------------------------------------------------------------------------------------------------------

NOT_KINDS = {"facts/layers.py": "what firmware and systemd call a machine monitor"}
KNOWING = {"environments", "validation"}  # their own room, and the suites that vbench validates itself by


def kinds_by_name(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is the name of a kind or writes one into a suite, and each such import."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and is_prose(node.body)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if id(node) not in prose and names_a_kind(text):
                yield node.lineno, text
            case ast.ImportFrom(str(module)) if module.removeprefix("vbench.environments.") in KINDS:
                yield node.lineno, module


def is_prose(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[0], ast.Expr)


def names_a_kind(text: str) -> bool:
    return text in KINDS or any(f'kind = "{kind}"' in text or f"kind = '{kind}'" in text for kind in KINDS)


def test_nobody_outside_its_room_knows_a_kind_by_its_name() -> None:
    """A new kind is one file and one line: choices, hints, versions and facts come from the types."""
    walled = [path for path in FILES if room(path) not in KNOWING and relative(path) not in NOT_KINDS]
    refuse(f"{relative(path)}:{line}: {text!r}" for path in walled for line, text in kinds_by_name(path))


def test_every_file_that_means_something_else_by_the_name_of_a_kind_still_does() -> None:
    refuse(name for name in NOT_KINDS if not any(kinds_by_name(ROOT / name)))


def test_the_name_of_a_kind_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    lines = ('"""oci"""', 'x == "oci"', "f\"like kind = 'oci'\"", "from vbench.environments.oci import Oci", '"an oci"')
    file.write_text("\n".join(lines))
    assert {line for line, _ in kinds_by_name(file)} == {2, 3, 4}
