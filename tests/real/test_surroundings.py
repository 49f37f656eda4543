"""A process without the usual surroundings: each verb ends as it always ends, and never with a traceback.

The verbs come from the command line's own tree, so a new one is tried in every surrounding by itself.
"""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tests.real.program import LIMIT_S, VBENCH, suite
from vbench import store
from vbench.cli import fault, vbench
from vbench.host.lock import VARIABLE

POSIX = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
NO_TRACEBACK = "Traceback (most recent call last)"


class Command(NamedTuple):
    words: tuple[str, ...]
    writes: bool = False  # a file, or temporary files

    def __str__(self) -> str:
        return " ".join(word.rsplit("/", maxsplit=1)[-1] for word in self.words)


class Ended(NamedTuple):
    status: int
    said: str


@dataclass(frozen=True)
class Surrounding:
    """What differs from a usual process. `before` are words in front; `streams` opens other standard streams."""

    before: tuple[str, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    streams: "Callable[[ExitStack], dict[str, int]] | None" = None
    writes: bool = True  # whether anything can be written there


def shell(script: str) -> tuple[str, ...]:
    return "sh", "-c", f'{script} exec "$@"', "sh"


def redirected(to: str) -> tuple[str, ...]:
    return "sh", "-c", f'exec "$@" {to}', "sh"


def unread_pipe(stack: ExitStack) -> dict[str, int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stack.callback(os.close, writer)
    return {"stdout": writer}


def slow_pipe(stack: ExitStack) -> dict[str, int]:
    """A pipe that takes one page, does not block, and is emptied by a reader of its own."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    _drained(stack, reader, writer)
    return {"stdout": writer}


def terminal(stack: ExitStack) -> dict[str, int]:
    master, slave = os.openpty()
    _drained(stack, master, slave)
    return {"stdout": slave, "stderr": slave}


def lost_terminal(stack: ExitStack) -> dict[str, int]:
    """The window was closed: reading and writing fail."""
    master, slave = os.openpty()
    os.close(master)
    stack.callback(os.close, slave)
    return {"stdin": slave, "stdout": slave, "stderr": slave}


def _drained(stack: ExitStack, reader: int, writer: int) -> None:
    def drain() -> None:
        try:
            while os.read(reader, 4096):
                pass
        except OSError:  # a terminal ends with an error
            pass
        os.close(reader)

    thread = threading.Thread(target=drain)
    thread.start()
    stack.callback(thread.join)
    stack.callback(os.close, writer)  # the other end is then the command's alone, and ends with it


READ_ONLY = """
for folder in /tmp /var/tmp /dev/shm "$HOME" "$PWD"; do
    mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder" || exit 99
done
"""
IN_NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "--")
AS_NOBODY_KNOWN = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")

SURROUNDINGS = {
    "stdin closed": Surrounding(redirected("<&-")),
    "stdout closed": Surrounding(redirected(">&-")),
    "stderr closed": Surrounding(redirected("2>&-")),
    "all streams closed": Surrounding(redirected("<&- >&- 2>&-")),
    "stderr full": Surrounding(redirected("2>/dev/full")),
    "stderr not writable": Surrounding(redirected("2</dev/null")),
    "a pipe that nobody reads": Surrounding(streams=unread_pipe),
    "a pipe that does not block": Surrounding(streams=slow_pipe),
    "a terminal that went away": Surrounding(streams=lost_terminal),
    "a terminal of one column": Surrounding(env={"COLUMNS": "1", "LINES": "1", "TERM": "xterm"}, streams=terminal),
    "a terminal that nobody knows": Surrounding(env={"TERM": "no\x1bsuch", "COLUMNS": "-5"}, streams=terminal),
    "a dumb terminal": Surrounding(env={"TERM": "dumb", "COLUMNS": "x", "LINES": "0"}, streams=terminal),
    "latin-1": Surrounding(env={"PYTHONIOENCODING": "latin-1"}),
    "ascii": Surrounding(env={"PYTHONIOENCODING": "ascii:strict"}),
    "ascii for files too": Surrounding(env=POSIX),
    "no environment": Surrounding(("sh", "-c", f'exec env -i {VARIABLE}="${VARIABLE}" "$@"', "sh")),
    "no home and no entry in passwd": Surrounding(AS_NOBODY_KNOWN, env={"HOME": None, "XDG_CACHE_HOME": None}),
    "a home that is no path": Surrounding(env={"HOME": "relative", "XDG_CACHE_HOME": None}),
    "a home that cannot be written": Surrounding(env={"HOME": "/proc", "XDG_CACHE_HOME": "/proc/cache"}),
    "a cache that is a file": Surrounding(env={"XDG_CACHE_HOME": "/dev/null"}),
    "a working folder that was deleted": Surrounding(shell('gone=$(mktemp -d); cd "$gone"; rmdir "$gone";')),
    "nothing can be written": Surrounding((*IN_NAMESPACES, *shell(READ_ONLY)), writes=False),
}


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every verb with its own verbs, as the command line knows them."""
    if not isinstance(command, click.Group):
        yield words
    else:
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*words, name))


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[Command]:
    """What each verb does with a small run; one that is not here yet is asked for its help."""
    folder = tmp_path_factory.mktemp("surroundings")
    small = suite(folder, more='[environments."b"]\nkind = "fake"\nslowdown = 2.0', benchmarks='"cpu.hash"', blocks=2)
    results = folder / "results"
    ended = subprocess.run(
        [VBENCH, "run", "-q", small, "--results", str(results)], capture_output=True, text=True, check=True
    )
    run = ended.stdout.strip()
    work = [
        Command(("doctor", "--no-start", "--scratch", str(folder)), writes=True),
        Command(("facts",)),
        Command(("image", "list")),
        Command(("list", "benchmarks")),
        Command(("list", "suites")),
        Command(("list", "runs", "--results", str(results))),
        Command(("plan", small), writes=True),  # it looks whether a run could write
        Command(("run", small, "--results", str(folder / "more")), writes=True),
        Command(("report", run, "--format", "table")),
        Command(("report", run, "-o", str(folder / "reports" / "page.html")), writes=True),
        Command(("compare", run)),
        Command(("export", run, "--format", "ndjson"), writes=True),
        Command(("check", run)),
        Command(("view", "--address", "192.0.2.1")),
        Command(("clean", "--scratch", str(folder))),
        Command(("schema", "suite")),
    ]
    rest = [words for words in leaves(vbench) if all(command.words[: len(words)] != words for command in work)]
    return [Command(("--help",)), Command(("no-such-verb",)), *(Command((*words, "--help")) for words in rest), *work]


def end(command: Command, surrounding: Surrounding, folder: Path) -> Ended:
    usual = {**os.environ, VARIABLE: str(folder / f"lock-{threading.get_ident()}")}
    env = {name: value for name, value in (usual | surrounding.env).items() if value is not None}
    with ExitStack() as stack:
        streams = surrounding.streams(stack) if surrounding.streams else {}
        done = subprocess.run(
            [*surrounding.before, VBENCH, *command.words],
            env=env,
            cwd=folder,
            timeout=LIMIT_S,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )
    return Ended(done.returncode, ((done.stdout or b"") + (done.stderr or b"")).decode(errors="replace"))


@contextmanager
def ends(commands: list[Command], surrounding: Surrounding, folder: Path) -> Iterator[Iterator[Ended]]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool.map(lambda command: end(command, surrounding, folder), commands)


@pytest.fixture(scope="module")
def usual(commands: list[Command], tmp_path_factory: pytest.TempPathFactory) -> dict[Command, int]:
    with ends(commands, Surrounding(), tmp_path_factory.mktemp("usual")) as found:
        return {command: ended.status for command, ended in zip(commands, found, strict=True)}


def test_the_usual_surroundings_are_those_in_which_all_works(usual: dict[Command, int]) -> None:
    odd = {str(command): status for command, status in usual.items() if status not in (0, 2)}
    assert odd == {}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_verb_ends_as_it_always_does(
    name: str, commands: list[Command], usual: dict[Command, int], tmp_path: Path
) -> None:
    surrounding = SURROUNDINGS[name]
    possible(surrounding)
    with ends(commands, surrounding, tmp_path) as found:
        for command, (status, said) in zip(commands, found, strict=True):
            assert NO_TRACEBACK not in said, f"{command}: {said}"
            assert "Exception ignored" not in said, f"{command}: {said}"
            if surrounding.writes or not command.writes:
                assert status == usual[command], f"{command}: {said}"
            else:
                assert status in (2, 3, 4), f"{command}: {said}"
                assert said.startswith("vbench: "), f"{command}: {said}"
            assert status != fault.EXIT_CODE, f"{command}: {said}"


def possible(surrounding: Surrounding) -> None:
    if surrounding.before[:1] == ("unshare",):
        words = surrounding.before[: surrounding.before.index("--") + 1]
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
            pytest.skip("user namespaces are not allowed here")


NO_UTF_8 = os.fsdecode(b"\xff\xfe")


def test_files_are_utf_8_in_a_locale_of_another_encoding(tmp_path: Path) -> None:
    (scratch := tmp_path / "scrätch").mkdir()
    small = suite(tmp_path, benchmarks='"cpu.hash"', scratch=scratch)
    words = ("run", "-q", small, "--tag", "size=größer", "--results", str(tmp_path / "ü"))
    ended = end(Command(words), Surrounding(env=POSIX), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "ü").iterdir()
    assert store.read_manifest(run).tags == {"size": "größer"}


def test_a_suite_whose_name_is_not_utf_8_runs(tmp_path: Path) -> None:
    small = Path(suite(tmp_path, benchmarks='"cpu.hash"')).rename(tmp_path / f"{NO_UTF_8}.toml")
    ended = end(Command(("run", "-q", str(small), "--results", "results")), Surrounding(), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "results").iterdir()
    assert "??.toml" in store.read_manifest(run).command[2]


@pytest.mark.parametrize("words", [("run", "x", "--results", NO_UTF_8), ("report", "x", "-o", NO_UTF_8)])
def test_a_folder_whose_name_is_not_utf_8_is_refused_first(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = end(Command(words), Surrounding(), tmp_path)
    assert ended.status == 2
    assert "a name that is not UTF-8" in ended.said
