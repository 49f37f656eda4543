"""A process without the usual surroundings: each verb ends as it always ends, and never with a traceback.

The verbs come from the command line's own tree, so a new one is tried in every surrounding by itself. In each
surrounding one interpreter is started, and its children are the program (forking.py); one verb, another in each
surrounding, is a process of its own as well.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tests.real.program import VBENCH, suite
from tests.real.surroundings import POSIX, SURROUNDINGS, Ended, Surrounding, end, forking
from vbench import store
from vbench.cli import fault, vbench

NO_TRACEBACK = "Traceback (most recent call last)"


class Command(NamedTuple):
    words: tuple[str, ...]
    writes: bool = False  # a file, or temporary files

    def __str__(self) -> str:
        return " ".join(word.rsplit("/", maxsplit=1)[-1] for word in self.words)


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
    words = [VBENCH, "run", "-q", small, "--results", str(results)]
    run, other = (subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2))
    (folder / "least").mkdir()
    least = suite(folder / "least", benchmarks='"cpu.hash"')
    work = [
        Command(("doctor", "--no-start", "--scratch", str(folder)), writes=True),
        Command(("facts",)),
        Command(("image", "list")),
        Command(("list", "benchmarks")),
        Command(("list", "suites")),
        Command(("list", "runs", "--results", str(results))),
        Command(("plan", small), writes=True),  # it looks whether a run could write
        Command(("report", run, "--format", "table")),
        Command(("report", run, "-o", str(folder / "reports" / "page.html")), writes=True),
        Command(("compare", run, other)),
        Command(("view", "--address", "192.0.2.1")),
        Command(("clean", "--scratch", str(folder))),
        Command(("schema", "suite")),
        # The last ones, since they are those that load pandas.
        Command(("run", least, "--results", str(folder / "more")), writes=True),
        Command(("export", run, "--format", "ndjson"), writes=True),
        Command(("check", run)),
    ]
    rest = [words for words in leaves(vbench) if all(command.words[: len(words)] != words for command in work)]
    return [Command(("--help",)), Command(("no-such-verb",)), *(Command((*words, "--help")) for words in rest), *work]


@pytest.fixture(scope="module")
def usual(commands: list[Command], tmp_path_factory: pytest.TempPathFactory) -> dict[Command, int]:
    """The statuses of processes of their own."""
    folder = tmp_path_factory.mktemp("usual")
    return {command: end(command.words, Surrounding(), folder).status for command in commands}


def test_the_usual_surroundings_are_those_in_which_all_works(usual: dict[Command, int]) -> None:
    refused = {str(command): status for command, status in usual.items() if status}
    assert refused == {"no-such-verb": 2, "view --address 192.0.2.1": 2}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_verb_ends_as_it_always_does(
    name: str, commands: list[Command], usual: dict[Command, int], tmp_path: Path
) -> None:
    surrounding = SURROUNDINGS[name]
    possible(surrounding)
    with forking(surrounding, tmp_path) as program:
        for command in commands:
            check(command, surrounding, program.end(command.words), usual[command])
    own = commands[-1 - list(SURROUNDINGS).index(name) % len(commands)]
    check(own, surrounding, end(own.words, surrounding, tmp_path), usual[own])


def check(command: Command, surrounding: Surrounding, ended: Ended, usual: int) -> None:
    status, said = ended
    assert NO_TRACEBACK not in said, f"{command}: {said}"
    assert "Exception ignored" not in said, f"{command}: {said}"
    if surrounding.writes or not command.writes:
        assert status == usual, f"{command}: {said}"
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
    ended = end(words, Surrounding(env=POSIX), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "ü").iterdir()
    assert store.read_manifest(run).tags == {"size": "größer"}


def test_a_suite_whose_name_is_not_utf_8_runs(tmp_path: Path) -> None:
    small = Path(suite(tmp_path, benchmarks='"cpu.hash"')).rename(tmp_path / f"{NO_UTF_8}.toml")
    ended = end(("run", "-q", str(small), "--results", "results"), Surrounding(), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "results").iterdir()
    assert "??.toml" in store.read_manifest(run).command[2]


@pytest.mark.parametrize("words", [("run", "x", "--results", NO_UTF_8), ("report", "x", "-o", NO_UTF_8)])
def test_a_folder_whose_name_is_not_utf_8_is_refused_first(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = end(words, Surrounding(), tmp_path)
    assert ended.status == 2
    assert "a name that is not UTF-8" in ended.said
