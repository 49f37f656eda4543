"""What a killed run left is undone from names alone: nothing that it recorded or that a stranger wrote is executed."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from vbench.cli.clean import clean
from vbench.contracts import Completed
from vbench.environments.removal import Container, delete
from vbench.errors import StartFailed, StopFailed
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import open_testbed
from vbench.testbed.undo import Undoing, abandoned, owner_of_this_process, recorded, sweep

NEVER = {"pid": 2**22 + 1, "started": 1}  # above the largest pid that Linux gives
NAMES = [f"vbench-{number:012x}" for number in range(3)]


def owner(**changes: Any) -> str:
    return json.dumps({**msgspec.to_builtins(owner_of_this_process()), **changes})


def folder_of(scratch: Path, text: str, name: str = "vbench-x") -> Path:
    folder = scratch / name
    folder.mkdir(mode=0o700)
    (folder / "owner.json").write_text(text)
    return folder


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    return folder_of(tmp_path, owner(**NEVER))


class Runtime:
    """A script in the place of an OCI runtime: it keeps a folder for each container and writes down what it is told."""

    def __init__(self, folder: Path, *, deletes: bool = True) -> None:
        self.path, self._log = folder / "a runtime", folder / "log"
        removal = 'rm -r "$2/$5"' if deletes else "echo device busy >&2; exit 1"
        self.path.write_text(f'#!/bin/sh\necho "$@" >>"{self._log}"\n{removal}\n')
        self.path.chmod(0o755)

    def container(self, folder: Path, name: str, at: int = 0) -> Container:
        state = folder / f"bundle-abcdef{at:02d}" / "state"
        (state / name).mkdir(parents=True)
        return Container(str(self.path), name, str(state.relative_to(folder)))

    def told(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(tmp_path)


def record(folder: Path, *made: Container, gone: Sequence[int] = ()) -> None:
    lines: list[dict[str, Any]] = [{"number": at, "made": msgspec.to_builtins(one)} for at, one in enumerate(made, 1)]
    lines += [{"number": number} for number in gone]
    (folder / "undo.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


# --- undoing -----------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_removed_the_last_first_and_then_the_folder(dead: Path, runtime: Runtime) -> None:
    made = [runtime.container(dead, name, at) for at, name in enumerate(NAMES)]
    record(dead, *made, gone=[2])
    assert list(sweep(LocalSession(), dead)) == [f"container {NAMES[2]}", f"container {NAMES[0]}", str(dead)]
    assert [line.split()[-1] for line in runtime.told()] == [NAMES[2], NAMES[0]]
    assert not dead.exists()


def test_what_ended_by_itself_needs_no_runtime(dead: Path) -> None:
    record(dead, Container("/nowhere/runc", NAMES[0], "bundle-abcdef00/state"))
    assert list(sweep(LocalSession(), dead)) == [f"container {NAMES[0]}", str(dead)]


def test_a_record_is_there_before_the_thing_and_gone_after_it(tmp_path: Path, runtime: Runtime) -> None:
    left = runtime.container(tmp_path, NAMES[0])
    with Undoing(tmp_path).of(left, lambda: None):
        assert recorded(tmp_path) == ((left,), ())
    assert recorded(tmp_path) == ((), ())


def test_a_removal_that_fails_ends_the_run_and_stays_for_clean(tmp_path: Path, runtime: Runtime) -> None:
    """The folders that the container may use stay too: its runtime finds it through them."""

    def fails() -> None:
        raise StopFailed("device busy")

    scratch, host = tmp_path / "scratch", LocalSession()
    scratch.mkdir()
    with (
        pytest.raises(StopFailed, match="device busy"),
        open_testbed(
            host=host, image=None, processors=Processors((0,), (0,)), memory_b=2**20, scratch=scratch, name="x"
        ) as bed,
        bed.folder("bundle") as bundle,
    ):
        left = Container(str(runtime.path), NAMES[0], f"{bundle.name}/state")
        (bundle / "state" / NAMES[0]).mkdir(parents=True)
        with bed.undo(left, fails):
            pass
    (folder,) = scratch.iterdir()
    assert list(sweep(host, folder)) == [f"container {NAMES[0]}", str(folder)]


@pytest.mark.parametrize("runtime", ["./runc", "../runc", "run c", "", "-runc", "/usr/../bin/sh", "a\nb", "/a/\x07"])
def test_what_could_not_be_undone_from_its_record_is_not_begun(tmp_path: Path, runtime: str) -> None:
    left = Container(runtime, NAMES[0], "bundle-abcdef00/state")
    with pytest.raises(StartFailed, match="cannot be recorded"), Undoing(tmp_path).of(left, lambda: None):
        raise AssertionError
    assert not (tmp_path / "undo.jsonl").exists()


def test_a_thing_that_cannot_be_removed_is_told_and_the_folder_stays(dead: Path, tmp_path: Path) -> None:
    runtime = Runtime(tmp_path, deletes=False)
    record(dead, runtime.container(dead, NAMES[0]))
    with pytest.raises(StopFailed, match="device busy") as raised:
        list(sweep(LocalSession(), dead))
    assert f"delete --force {NAMES[0]}" in raised.value.hint
    assert (dead / "undo.jsonl").exists()


def test_a_runtime_that_is_gone_is_told(dead: Path, runtime: Runtime) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    runtime.path.unlink()
    with pytest.raises(StopFailed, match=f"container {NAMES[0]} is left: there is no "):
        list(sweep(LocalSession(), dead))


@pytest.mark.parametrize("mode", [0o757, 0o777])
def test_a_runtime_that_others_can_write_is_not_run(dead: Path, runtime: Runtime, mode: int) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    runtime.path.chmod(mode)
    with pytest.raises(StopFailed, match="can be written by other users"):
        list(sweep(LocalSession(), dead))
    assert runtime.told() == []


def test_a_runtime_in_a_folder_that_others_can_write_is_not_run(dead: Path, runtime: Runtime, tmp_path: Path) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    tmp_path.chmod(0o777)
    with pytest.raises(StopFailed, match="other users can write to"):
        list(sweep(LocalSession(), dead))
    assert runtime.told() == []


# --- hostile records ---------------------------------------------------------------------------------------------

GOOD = {"kind": "container", "runtime": "runc", "name": NAMES[0], "state": "bundle-abcdef00/state"}
BAD = [
    {"runtime": ["sh", "-c", "touch MARK"], "name": "x"},
    GOOD | {"kind": "command"},
    GOOD | {"runtime": ["sh", "-c", "touch MARK"]},
    GOOD | {"runtime": "sh -c id"},
    GOOD | {"runtime": "runc\n"},
    GOOD | {"runtime": "../../bin/sh"},
    GOOD | {"runtime": "--help"},
    GOOD | {"name": "x"},
    GOOD | {"name": "--all"},
    GOOD | {"name": f"{NAMES[0]}\n"},
    GOOD | {"name": f"../{NAMES[0]}"},
    GOOD | {"state": "/"},
    GOOD | {"state": "../bundle-abcdef00/state"},
    GOOD | {"state": "bundle-abcdef00/../../state"},
    GOOD | {"options": ["--log", "/etc/passwd"]},
    {key: value for key, value in GOOD.items() if key != "state"},
    7,
    [],
    None,
]
LINES = [
    *(json.dumps({"number": 1, "made": made}) for made in BAD),
    *("", "{", "[]", "null", '{"number": 0}', '{"number": 1e400}', '{"number": 99999999999999999999}', '{"made": {}}'),
    *("[" * 100_000, '{"number": 1, "made": ' + "[" * 100_000, "\x00", '"\udcff"', '{"number": 1, "more": 2}'),
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_malformed_record_is_told_and_never_executed(dead: Path, runtime: Runtime, line: str) -> None:
    """What stands beside it is undone all the same."""
    good = runtime.container(dead, NAMES[1])
    record(dead, good)
    with (dead / "undo.jsonl").open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    (there, odd) = recorded(dead)
    assert there == (good,)
    assert len(odd) == 1
    assert "undo.jsonl line 2 is not what vbench writes" in odd[0]
    with pytest.raises(StopFailed, match="was left as it is") as raised:
        list(sweep(LocalSession(), dead))
    assert "by hand" in raised.value.hint
    assert [told.split()[-1] for told in runtime.told()] == [NAMES[1]]
    assert (dead / "undo.jsonl").exists()


def test_a_torn_last_line_is_of_a_thing_that_was_never_made(dead: Path) -> None:
    (dead / "undo.jsonl").write_text('{"number": 1, "made": {"ki')
    assert list(sweep(LocalSession(), dead)) == [str(dead)]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def gone(path: Path) -> None:
    path.symlink_to("nowhere")


def folder(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 60 * 10**9)


def everybodys(path: Path) -> None:
    path.write_text(owner(**NEVER))
    path.chmod(0o666)


ODD = [fifo, zeros, loop, gone, folder, endless, everybodys]


@pytest.mark.parametrize("make", ODD)
def test_a_journal_that_is_no_file_of_ours_is_told(dead: Path, make: Callable[[Path], None]) -> None:
    make(dead / "undo.jsonl")
    with pytest.raises(StopFailed, match=r"undo\.jsonl"):
        list(sweep(LocalSession(), dead))
    assert dead.exists()


@pytest.mark.parametrize("place", ["bundle-x", "scratch-x", "root-x"])
def test_nothing_is_read_where_an_environment_can_write(dead: Path, runtime: Runtime, place: str) -> None:
    inside = dead / place
    inside.mkdir()
    planted = json.dumps({"runtime": [str(runtime.path)], "name": NAMES[0]})
    (inside / "oci.json").write_text(planted)
    good = json.dumps({"number": 1, "made": msgspec.to_builtins(runtime.container(dead, NAMES[0]))})
    (inside / "undo.jsonl").write_text(good + "\n")
    assert list(sweep(LocalSession(), dead)) == [str(dead)]
    assert runtime.told() == []


# --- whose folder it is ------------------------------------------------------------------------------------------


def test_a_living_runs_folder_is_not_abandoned_and_a_dead_ones_is(tmp_path: Path) -> None:
    living = folder_of(tmp_path, owner(), "vbench-living")
    dead = folder_of(tmp_path, owner(**NEVER), "vbench-dead")
    reused = folder_of(tmp_path, owner(started=1), "vbench-reused-pid")
    assert abandoned(tmp_path) == (dead, reused)
    assert living.exists()


OWNERS = [
    *("", "{}", "[]", "7", "null", "{", '{"pid": "x"}', '{"pid": null, "started": 1, "namespace": "n"}', "\udcff"),
    *("[" * 100_000, owner(pid=10**30), owner(pid=-1), owner(pid=1e308), owner(started=-(2**70)), owner(pid=True)),
    *(owner(namespace=["n"]), owner(**NEVER)[:-1], owner(namespace="pid:[1]", **NEVER), owner(**NEVER) + " " * 5000),
]


@pytest.mark.parametrize("text", OWNERS, ids=range(len(OWNERS)))
def test_what_cannot_be_judged_is_left_alone(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "vbench-odd"
    folder.mkdir()
    (folder / "owner.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "vbench-no-owner").mkdir()
    (tmp_path / "vbench-file").write_text("")
    assert abandoned(tmp_path) == ()


@pytest.mark.parametrize("make", ODD)
def test_an_owner_file_that_is_no_file_of_ours_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "vbench-odd").mkdir()
    make(tmp_path / "vbench-odd" / "owner.json")
    assert abandoned(tmp_path) == ()


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = folder_of(tmp_path / "elsewhere", owner(**NEVER), "precious")
    (tmp_path / "vbench-link").symlink_to(target)
    assert abandoned(tmp_path) == ()


def test_a_folder_that_others_can_write_is_left_alone(dead: Path) -> None:
    assert abandoned(dead.parent) == (dead,)
    dead.chmod(0o777)
    assert abandoned(dead.parent) == ()


def test_another_users_folder_is_left_alone(dead: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert abandoned(dead.parent) == ()


# --- clean -------------------------------------------------------------------------------------------------------


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
    record(dead, runtime.container(dead, NAMES[0]))
    assert cleaned(dead.parent, "--dry-run") == (0, f"container {NAMES[0]}\n{dead}\n")
    assert runtime.told() == []
    assert dead.exists()


def test_nothing_left_is_said(tmp_path: Path) -> None:
    assert cleaned(tmp_path / "nowhere") == (0, "nothing was left behind\n")


def test_what_cannot_be_looked_for_does_not_count_as_gone(dead: Path, runtime: Runtime) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    without_find = LocalSession(prefix=("env", "PATH=/nowhere"))
    with pytest.raises(StopFailed, match=f"whether container {NAMES[0]} is left cannot be told"):
        list(sweep(without_find, dead))
    assert dead.exists()


def test_a_runtime_that_does_not_end_is_told(tmp_path: Path) -> None:
    class Hanging(LocalSession):
        def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
            from vbench.errors import CommandTimeout

            raise CommandTimeout(f"{argv[0]} did not end")

    with pytest.raises(StopFailed, match="did not end"):
        delete(Hanging(), ["runc"], tmp_path, NAMES[0])
