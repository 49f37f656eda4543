"""What a killed run left is undone by the words that it recorded; words that a stranger wrote are never run."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from tests.unit.leftovers import HOST, NAMES, NEVER, ODD, Runtime, container, folder_of, owner, record
from vbench.benchmarks.lines import Lines
from vbench.cli.clean import clean
from vbench.errors import StopFailed
from vbench.host import proc
from vbench.testbed.undo import Removal, recorded, sweep


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    return folder_of(tmp_path, owner(**NEVER))


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(tmp_path)


def test_what_is_recorded_is_removed_the_last_first_and_then_the_folder(dead: Path, runtime: Runtime) -> None:
    made = [runtime.container(dead, name, at) for at, name in enumerate(NAMES)]
    record(dead, *made, gone=[2])
    assert list(sweep(HOST, dead)) == [str(made[2]), str(made[0]), str(dead)]
    assert [line.split()[-1] for line in runtime.told()] == [NAMES[2], NAMES[0]]
    assert not dead.exists()


def test_an_engine_that_was_started_in_the_moment_of_the_kill_is_waited_for(dead: Path) -> None:
    """It makes a folder of its own when it goes on, and nothing of that is left."""
    late = ["sh", "-c", 'echo ready; sleep 0.3; mkdir -p "$1"', "runc", str(dead / "bundle-abcdef00/state")]
    with proc.spawn(late) as engine:
        assert Lines(engine).next(timeout_s=10) == b"ready"
        assert list(sweep(HOST, dead)) == [str(dead)]
        assert engine.wait(timeout_s=10) == 0
    assert not dead.exists()


def test_what_ended_by_itself_needs_no_runtime(dead: Path) -> None:
    gone = container("/nowhere/runc", dead / "bundle-abcdef00", NAMES[0])
    record(dead, gone)
    assert list(sweep(HOST, dead)) == [str(gone), str(dead)]


def test_a_thing_that_cannot_be_removed_is_told_and_the_folder_stays(dead: Path, tmp_path: Path) -> None:
    runtime = Runtime(tmp_path, deletes=False)
    record(dead, runtime.container(dead, NAMES[0]))
    with pytest.raises(StopFailed, match="device busy") as raised:
        list(sweep(HOST, dead))
    assert f"delete --force {NAMES[0]}" in raised.value.hint
    assert (dead / "undo.jsonl").exists()


def test_a_runtime_that_is_gone_is_told(dead: Path, runtime: Runtime) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    runtime.path.unlink()
    with pytest.raises(StopFailed, match=r"there is no .* here to run") as raised:
        list(sweep(HOST, dead))
    assert "again" in raised.value.hint


def test_what_cannot_be_looked_for_does_not_count_as_gone(dead: Path, runtime: Runtime) -> None:
    left = runtime.container(dead, NAMES[0])
    record(dead, Removal(left.words, ("no-such-find", *left.there[1:])))
    with pytest.raises(StopFailed, match="there is no no-such-find here to run"):
        list(sweep(HOST, dead))
    assert dead.exists()
    assert runtime.told() == []


@pytest.mark.parametrize("mode", [0o757, 0o777])
def test_a_runtime_that_others_can_write_is_not_run(dead: Path, runtime: Runtime, mode: int) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    runtime.path.chmod(mode)
    with pytest.raises(StopFailed, match="can be written by other users"):
        list(sweep(HOST, dead))
    assert runtime.told() == []


def test_a_runtime_in_a_folder_that_others_can_write_is_not_run(dead: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    runtime = Runtime(tmp_path / "bin")
    record(dead, runtime.container(dead, NAMES[0]))
    (tmp_path / "bin").chmod(0o777)
    with pytest.raises(StopFailed, match="other users can write to"):
        list(sweep(HOST, dead))
    assert runtime.told() == []


def test_a_folder_that_another_user_could_have_swapped_is_told_and_nothing_of_it_is_run(
    dead: Path, runtime: Runtime, tmp_path: Path
) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    tmp_path.chmod(0o777)
    with pytest.raises(StopFailed, match=f"{dead} was left as it is: other users can write to {tmp_path}"):
        list(sweep(HOST, dead))
    assert runtime.told() == []
    assert dead.exists()


# --- hostile records --------------------------------------------------------------------------------------------------


GOOD: dict[str, Any] = {"words": ["rm", "-f", "MARK"], "there": ["find", "MARK"]}


BAD: list[Any] = [
    {"kind": "container", "runtime": "runc", "name": NAMES[0], "state": "bundle-abcdef00/state"},
    GOOD | {"words": "rm -f MARK"},
    GOOD | {"words": []},
    GOOD | {"words": [7]},
    GOOD | {"words": ["rm -f MARK"]},
    GOOD | {"words": ["runc\n"]},
    GOOD | {"words": ["../../bin/sh", "-c", "touch MARK"]},
    GOOD | {"words": ["--help"]},
    GOOD | {"words": ["rm", "a\nb"]},
    GOOD | {"words": ["rm", "\x1b[2J"]},
    GOOD | {"words": ["rm", "\x00"]},
    GOOD | {"words": ["rm", "x" * 5000]},
    GOOD | {"words": ["rm"] * 65},
    GOOD | {"there": ["./find"]},
    GOOD | {"there": None},
    GOOD | {"more": 1},
    {"there": ["find"]},
    7,
    [],
]


LINES = [
    *(json.dumps({"number": 1, "undo": undo}) for undo in BAD),
    *("", "{", "[]", "null", '{"number": 0}', '{"number": 1e400}', '{"number": 99999999999999999999}', '{"undo": {}}'),
    *("[" * 100_000, '{"number": 1, "undo": ' + "[" * 100_000, "\x00", '"\udcff"', '{"number": 1, "more": 2}'),
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_malformed_record_is_told_and_never_executed(dead: Path, runtime: Runtime, line: str) -> None:
    """What stands beside it is undone all the same."""
    good = runtime.container(dead, NAMES[1])
    record(dead, good)
    with (dead / "undo.jsonl").open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    (there, odd) = recorded(HOST, dead)
    assert there == (good,)
    assert len(odd) == 1
    assert "undo.jsonl line 2 is not what vbench writes" in odd[0]
    with pytest.raises(StopFailed, match="was left as it is") as raised:
        list(sweep(HOST, dead))
    assert "by hand" in raised.value.hint
    assert [told.split()[-1] for told in runtime.told()] == [NAMES[1]]
    assert (dead / "undo.jsonl").exists()


def test_a_torn_last_line_is_of_a_thing_that_was_never_made(dead: Path) -> None:
    (dead / "undo.jsonl").write_text('{"number": 1, "undo": {"wor')
    assert list(sweep(HOST, dead)) == [str(dead)]


@pytest.mark.parametrize("make", ODD)
def test_a_journal_that_is_no_file_of_ours_is_told(dead: Path, make: Callable[[Path], None]) -> None:
    make(dead / "undo.jsonl")
    with pytest.raises(StopFailed, match=r"undo\.jsonl"):
        list(sweep(HOST, dead))
    assert dead.exists()


@pytest.mark.parametrize("place", ["bundle-x", "scratch-x", "root-x"])
def test_nothing_is_read_where_an_environment_can_write(dead: Path, runtime: Runtime, place: str) -> None:
    inside = dead / place
    inside.mkdir()
    good = json.dumps({"number": 1, "undo": msgspec.to_builtins(runtime.container(dead, NAMES[0]))})
    (inside / "undo.jsonl").write_text(good + "\n")
    assert list(sweep(HOST, dead)) == [str(dead)]
    assert runtime.told() == []


# --- clean ------------------------------------------------------------------------------------------------------------


def cleaned(scratch: Path, *options: str) -> tuple[int, str]:
    ended = CliRunner().invoke(clean, ["--scratch", str(scratch), *options])
    return ended.exit_code, ended.output


def test_clean_goes_on_after_a_folder_that_it_must_leave(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    scratch, stubborn = tmp_path / "scratch", Runtime(tmp_path / "bin", deletes=False)
    scratch.mkdir()
    first, second = (folder_of(scratch, owner(**NEVER), name) for name in ("vbench-1", "vbench-2"))
    record(first, stubborn.container(first, NAMES[0]))
    status, said = cleaned(scratch)
    assert status == 3
    assert "device busy" in said
    assert f"{second}\n" in said
    assert list(scratch.iterdir()) == [first]


def test_a_dry_run_says_what_would_go_and_removes_nothing(dead: Path, runtime: Runtime) -> None:
    left = runtime.container(dead, NAMES[0])
    record(dead, left)
    assert cleaned(dead.parent, "--dry-run") == (0, f"{shlex.join(left.words)}\n{dead}\n")
    assert runtime.told() == []
    assert dead.exists()


def test_nothing_left_is_said(tmp_path: Path) -> None:
    assert cleaned(tmp_path / "nowhere") == (0, "nothing was left behind\n")
