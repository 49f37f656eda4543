"""What a killed run left is undone by the words that it recorded; words that a stranger wrote are never run."""

import itertools
import json
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from vbench.cli.clean import clean
from vbench.contracts import Completed, Workplace
from vbench.errors import CommandTimeout, SessionLost, StartFailed, StopFailed
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import LocalTestbed, open_testbed
from vbench.testbed.nested import NestedTestbed
from vbench.testbed.undo import Removal, abandoned, owner_of_this_process, recorded, removal, remove, sweep

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


def container(runtime: str, bundle: Path, name: str) -> Removal:
    """As a container's environment records it."""
    return removal(
        [runtime, "--root", f"{bundle}/state", "delete", "--force", name],
        ["find", str(bundle), "-mindepth", "2", "-name", f"*{name}*"],
    )


class Runtime:
    """A script in the place of an OCI runtime: it keeps a folder for each container and writes down what it is told."""

    def __init__(self, folder: Path, *, deletes: bool = True) -> None:
        self.path, self._log = folder / "a runtime", folder / "log"
        removal = 'rm -r "$2/$5"' if deletes else "echo device busy >&2; exit 1"
        self.path.write_text(f'#!/bin/sh\necho "$@" >>"{self._log}"\n{removal}\n')
        self.path.chmod(0o755)

    def container(self, folder: Path, name: str, at: int = 0) -> Removal:
        bundle = folder / f"bundle-abcdef{at:02d}"
        (bundle / "state" / name).mkdir(parents=True)
        return container(str(self.path), bundle, name)

    def told(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(tmp_path)


def record(folder: Path, *made: Removal, gone: Sequence[int] = ()) -> None:
    lines: list[dict[str, Any]] = [{"number": at, "undo": msgspec.to_builtins(one)} for at, one in enumerate(made, 1)]
    lines += [{"number": number} for number in gone]
    (folder / "undo.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


# --- undoing -----------------------------------------------------------------------------------------------------


def test_what_is_recorded_is_removed_the_last_first_and_then_the_folder(dead: Path, runtime: Runtime) -> None:
    made = [runtime.container(dead, name, at) for at, name in enumerate(NAMES)]
    record(dead, *made, gone=[2])
    assert list(sweep(LocalSession(), dead)) == [str(made[2]), str(made[0]), str(dead)]
    assert [line.split()[-1] for line in runtime.told()] == [NAMES[2], NAMES[0]]
    assert not dead.exists()


def test_what_ended_by_itself_needs_no_runtime(dead: Path) -> None:
    gone = container("/nowhere/runc", dead / "bundle-abcdef00", NAMES[0])
    record(dead, gone)
    assert list(sweep(LocalSession(), dead)) == [str(gone), str(dead)]


def opened(scratch: Path) -> AbstractContextManager[LocalTestbed]:
    return open_testbed(
        host=LocalSession(), image=None, processors=Processors((0,), (0,)), memory_b=2**20, scratch=scratch, name="x"
    )


def test_a_record_is_there_before_the_thing_and_gone_after_it(tmp_path: Path) -> None:
    thing = tmp_path / "thing"
    with opened(tmp_path) as bed:
        with bed.undo(["rm", str(thing)]):
            assert recorded(bed.base) == ((removal(["rm", str(thing)]),), ())
            thing.touch()
        assert recorded(bed.base) == ((), ())
        assert not thing.exists()


def test_a_removal_that_fails_ends_the_run_and_stays_for_clean(tmp_path: Path) -> None:
    """The folders that the thing may use stay too: what removes it finds it through them."""
    scratch, mark = tmp_path / "scratch", tmp_path / "mark"
    scratch.mkdir()
    with (
        pytest.raises(StopFailed, match=f"what `rm {mark}` removes is left: .*No such file") as raised,
        opened(scratch) as bed,
        bed.folder("bundle") as bundle,
        bed.undo(["rm", str(mark)]),
    ):
        pass
    assert raised.value.hint == f"run: rm {mark}"
    (folder,) = scratch.iterdir()
    assert Path(bundle).exists()
    mark.touch()
    assert list(sweep(LocalSession(), folder)) == [f"rm {mark}", str(folder)]
    assert not mark.exists()


def test_a_removal_that_fails_for_a_thing_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, bed.undo(["rm", str(tmp_path / "x")], there=["find", str(tmp_path), "-name", "x"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_thing_that_is_still_there_after_its_removal_failed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with (
        pytest.raises(StopFailed, match="Is a directory"),
        opened(tmp_path) as bed,
        bed.undo(["rm", str(tmp_path / "x")], there=["find", str(tmp_path), "-name", "x"]),
    ):
        pass


@pytest.mark.parametrize(
    "words",
    [
        *([], ["./runc"], ["../runc"], ["run c"], [""], ["-runc"], ["/usr/../bin/sh"], ["a\nb"], ["/a/\x07"]),
        *(["rm", "a\nb"], ["rm", "\x1b[2J"], ["rm", "a\0"], ["rm", "x" * 5000], ["rm"] * 65),
    ],
)
def test_what_could_not_be_undone_from_its_record_is_not_begun(tmp_path: Path, words: list[str]) -> None:
    with opened(tmp_path) as bed:
        with pytest.raises(StartFailed, match="cannot be recorded"), bed.undo(words):
            raise AssertionError
        assert not (bed.base / "undo.jsonl").exists()


# --- in an environment -------------------------------------------------------------------------------------------


class Beneath(LocalSession):
    """An environment with the image as root, whose commands run here."""

    is_lost = False

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        if self.is_lost:
            raise SessionLost("the environment went away")
        return super().run(argv, timeout_s=timeout_s, stdin=stdin)


class Lost(Beneath):
    is_lost = True


def nested(outer: LocalTestbed, kind: type[Beneath] = Beneath) -> NestedTestbed:
    workplace = Workplace(image="1" * 64, scratch=PurePosixPath(outer.base))
    return NestedTestbed(kind(workplace=workplace), outer, itertools.count(2))


def test_in_an_environment_a_removal_that_fails_is_an_error_too(tmp_path: Path) -> None:
    with (
        opened(tmp_path) as bed,
        pytest.raises(StopFailed, match="No such file"),
        nested(bed).undo(["rm", str(tmp_path / "x")]),
    ):
        pass


def test_in_an_environment_a_folder_that_cannot_be_removed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as bed:
        (tmp_path / "bin").mkdir()
        with pytest.raises(StopFailed, match="device busy"), nested(bed).folder("bundle") as folder:
            script = tmp_path / "bin/rm"
            script.write_text("#!/bin/sh\necho device busy >&2; exit 1\n")
            script.chmod(0o755)
            monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
        assert Path(folder).exists()


def test_what_went_with_its_environment_needs_no_removal(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, nested(bed, Lost).undo(["rm", str(tmp_path / "x")]):
        pass


def test_on_the_hosts_own_files_a_stacked_thing_is_recorded_like_every_other(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, bed.within(LocalSession()).undo(["rm", "-f", str(tmp_path / "x")]):
        assert recorded(bed.base) == ((removal(["rm", "-f", str(tmp_path / "x")]),), ())


# --- after a kill ------------------------------------------------------------------------------------------------


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
    with pytest.raises(StopFailed, match=r"there is no .* here to run") as raised:
        list(sweep(LocalSession(), dead))
    assert "again" in raised.value.hint


@pytest.mark.parametrize("mode", [0o757, 0o777])
def test_a_runtime_that_others_can_write_is_not_run(dead: Path, runtime: Runtime, mode: int) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    runtime.path.chmod(mode)
    with pytest.raises(StopFailed, match="can be written by other users"):
        list(sweep(LocalSession(), dead))
    assert runtime.told() == []


def test_a_runtime_in_a_folder_that_others_can_write_is_not_run(dead: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    runtime = Runtime(tmp_path / "bin")
    record(dead, runtime.container(dead, NAMES[0]))
    (tmp_path / "bin").chmod(0o777)
    with pytest.raises(StopFailed, match="other users can write to"):
        list(sweep(LocalSession(), dead))
    assert runtime.told() == []


# --- hostile records ---------------------------------------------------------------------------------------------

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
    (dead / "undo.jsonl").write_text('{"number": 1, "undo": {"wor')
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
    good = json.dumps({"number": 1, "undo": msgspec.to_builtins(runtime.container(dead, NAMES[0]))})
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


def test_a_folder_that_another_user_could_have_swapped_is_told_and_nothing_of_it_is_run(
    dead: Path, runtime: Runtime, tmp_path: Path
) -> None:
    record(dead, runtime.container(dead, NAMES[0]))
    tmp_path.chmod(0o777)
    with pytest.raises(StopFailed, match=f"{dead} was left as it is: other users can write to {tmp_path}"):
        list(sweep(LocalSession(), dead))
    assert runtime.told() == []
    assert dead.exists()


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
    left = runtime.container(dead, NAMES[0])
    record(dead, left)
    assert cleaned(dead.parent, "--dry-run") == (0, f"{shlex.join(left.words)}\n{dead}\n")
    assert runtime.told() == []
    assert dead.exists()


def test_nothing_left_is_said(tmp_path: Path) -> None:
    assert cleaned(tmp_path / "nowhere") == (0, "nothing was left behind\n")


def test_what_cannot_be_looked_for_does_not_count_as_gone(dead: Path, runtime: Runtime) -> None:
    left = runtime.container(dead, NAMES[0])
    record(dead, Removal(left.words, ("no-such-find", *left.there[1:])))
    with pytest.raises(StopFailed, match="there is no no-such-find here to run"):
        list(sweep(LocalSession(), dead))
    assert dead.exists()
    assert runtime.told() == []


def test_a_runtime_that_does_not_end_is_told(tmp_path: Path) -> None:
    class Hanging(LocalSession):
        def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
            raise CommandTimeout(f"{argv[0]} did not end")

    with pytest.raises(StopFailed, match="did not end"):
        remove(Hanging(), container("runc", tmp_path, NAMES[0]))
