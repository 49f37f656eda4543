"""Every verb of the program, and the proof that it ends in odd surroundings as in the usual ones.

In each surrounding one interpreter is started, and its children are the program (forking.py); one verb, another in each
surrounding, is a process of its own as well. The verbs come from the command line's own tree, so that a new one is
tried by itself.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tests.real.program import VBENCH, suite
from tests.real.surroundings import Ended, Surrounding, end, forking
from tests.support.giving_up import give_up
from vbench.cli import fault, vbench

NO_TRACEBACK = "Traceback (most recent call last)"


class Command(NamedTuple):
    words: tuple[str, ...]
    writes: bool = False  # a file, or temporary files
    status: int = 0  # with which it ends where all works

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


def commands(folder: Path) -> list[Command]:
    """What each verb does with a small run; one that is not here yet is asked for its help."""
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
        Command(("view", "--address", "192.0.2.1"), status=2),
        Command(("clean", "--scratch", str(folder))),
        Command(("schema", "suite")),
        # The last ones, since they are those that load pandas.
        Command(("run", least, "--results", str(folder / "more")), writes=True),
        Command(("export", run, "--format", "ndjson"), writes=True),
        Command(("check", run)),
    ]
    rest = [words for words in leaves(vbench) if all(command.words[: len(words)] != words for command in work)]
    return [
        Command(("--help",)),
        Command(("no-such-verb",), status=2),
        *(Command((*words, "--help")) for words in rest),
        *work,
    ]


def prove(config: pytest.Config, commands: list[Command], surrounding: Surrounding, folder: Path, *, own: int) -> None:
    """Every command ends as it always does, and never with a traceback. `own` is the number of a surrounding."""
    give_up_where_impossible(config, surrounding)
    with forking(surrounding, folder) as program:
        for command in commands:
            check(command, surrounding, program.end(command.words))
    alone = commands[-1 - own % len(commands)]
    check(alone, surrounding, end(alone.words, surrounding, folder))


def check(command: Command, surrounding: Surrounding, ended: Ended) -> None:
    status, said = ended
    assert NO_TRACEBACK not in said, f"{command}: {said}"
    assert "Exception ignored" not in said, f"{command}: {said}"
    if surrounding.writes or not command.writes:
        assert status == command.status, f"{command}: {said}"
    else:
        assert status in (2, 3, 4), f"{command}: {said}"
        assert said.startswith("vbench: "), f"{command}: {said}"
    assert status != fault.EXIT_CODE, f"{command}: {said}"


def give_up_where_impossible(config: pytest.Config, surrounding: Surrounding) -> None:
    """Skips where the kernel allows no user namespaces. Fails on a machine that is said to run `bare`."""
    if surrounding.before[:1] == ("unshare",):
        words = surrounding.before[: surrounding.before.index("--") + 1]
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
            give_up(config, "bare", why="user namespaces are not allowed here")
