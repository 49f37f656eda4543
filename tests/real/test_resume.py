"""Runs that were killed, from the outside: kill -9 and --resume until they are whole, full and read-only folders."""

import os
import random
from pathlib import Path

from tests.contract.traces import left_by
from tests.proof import kills, kills_writing
from tests.real.program import NOBODY, SMALL_DISK, VBENCH, only, rest, running, suite, vbench, wait_for
from vbench import store
from vbench.cost import Analysis
from vbench.host import lock, proc
from vbench.model import State

LIMIT_S = 180.0


def test_a_run_that_is_killed_again_and_again_becomes_whole(tmp_path: Path) -> None:
    """`make kills` does this sixty times, with containers and a machine."""
    one = kills.killer(tmp_path, kills.HOST, blocks=2, seed=1, say=lambda line: None)
    one.prove(3)
    assert one.runs >= 1
    assert sum(one.moments.values()) == 3
    (run, *_) = one.results.iterdir()
    kills_writing.kill_reports(run, tmp_path / "reports", kills=2, draw=random.Random(1), say=lambda line: None)


def interrupted(tmp_path: Path, *, results: Path, scratch: Path | None = None) -> Path:
    """The folder of a run of fakes that Ctrl-C ended in an early block of 20."""
    with running(suite(tmp_path, blocks=20, scratch=scratch), "--results", str(results)) as (process, pid):
        wait_for(process, b"block 2 of 20")
        os.kill(pid, 2)
        said = rest(process)
        assert process.wait(timeout_s=LIMIT_S) == 130
    assert f"to go on: vbench run --resume {only(results)}" in said
    return only(results)


def test_an_interrupted_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, results=tmp_path / "results")
    before = (folder / "journal.jsonl").read_bytes()
    done = vbench("run", "--resume", folder.name, "--results", str(tmp_path / "results"))
    assert done.status == 0, done.stderr.decode()
    assert done.text == f"{folder}\n"
    assert (folder / "journal.jsonl").read_bytes().startswith(before)
    assert {cost.blocks for cost in Analysis.of(store.load(folder)).costs} == {20}
    assert vbench("check", str(folder)).status == 0
    again = vbench("run", "--resume", str(folder))
    assert (again.status, again.stdout) == (2, b"")
    assert f"{folder} is complete".encode() in again.stderr


def test_a_full_disk_ends_a_resumption_and_nothing_is_lost(tmp_path: Path) -> None:
    """The disk exists in the test's own mount namespace; what it held is copied out before it goes."""
    results, small, out = tmp_path / "results", tmp_path / "small", tmp_path / "out"
    folder = interrupted(tmp_path, results=results)
    before = (folder / "journal.jsonl").read_bytes()
    fill = f'cp -r "{folder}" "{small}" && {{ dd if=/dev/zero of="{small}/filler" bs=1k 2>/dev/null; '
    fill += f'truncate -s -12k "{small}/filler"; }}; '
    script = SMALL_DISK.replace('"$@";', fill + '"$@";') + f'cp -r "{small}/{folder.name}" "{out}"; exit $status'
    before_words = ("unshare", "--mount", "--", "sh", "-c", script, "sh", str(small), "2m")
    done = vbench("run", "--resume", str(small / folder.name), before=before_words)
    assert done.status == 3, done.stderr.decode()
    assert b"cannot be written: No space left on device" in done.stderr
    assert (out / "journal.jsonl").read_bytes().startswith(before)
    run = store.load(out)
    assert run.manifest.state is not State.COMPLETE
    assert vbench("run", "--resume", str(out)).status == 0
    assert {cost.blocks for cost in Analysis.of(store.load(out)).costs} == {20}


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, results=tmp_path / "results")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    own = {"HOME": str(tmp_path), lock.VARIABLE: "/dev/shm/vbench-test.lock"}
    done = vbench("run", "--resume", str(folder), before=NOBODY, env=own)
    Path(own[lock.VARIABLE]).unlink()
    assert (done.status, done.stdout) == (2, b"")
    assert f"{folder / 'journal.jsonl'} cannot be written: Permission denied".encode() in done.stderr
    readonly = ("unshare", "--mount", "--", "sh", "-c", f'mount --bind -o ro "{folder}" "{folder}"; exec "$@"', "sh")
    done = vbench("run", "--resume", str(folder), before=readonly)
    assert (done.status, done.stdout) == (2, b"")
    assert b"cannot be written: Read-only file system" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_second_measurement_is_refused_or_waits(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = [VBENCH, "run", suite(tmp_path / "second"), "--results", str(tmp_path / "r")]
    with running(suite(tmp_path, blocks=1000), "--results", str(tmp_path / "results")) as (first, pid):
        wait_for(first, b"block 1 of 1000")
        shared = {lock.VARIABLE: f"{tmp_path / 'results'}.lock"}
        done = proc.run(second, timeout_s=LIMIT_S, env=shared)
        assert (done.status, done.stdout) == (4, b"")
        assert f"this host is being measured by vbench run {tmp_path}/small.toml (process {pid}, since ".encode() in (
            done.stderr
        )
        assert b"hint: add --wait to begin when it has ended" in done.stderr
        assert not (tmp_path / "r").exists()
        with proc.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", *second, "--wait"], env=shared) as waits:
            wait_for(waits, b"waiting for vbench run ")
            os.kill(pid, 9)
            rest(waits)
            assert waits.wait(timeout_s=LIMIT_S) == 0
    assert store.load(only(tmp_path / "r")).manifest.state is State.COMPLETE
    vbench("clean", "--scratch", str(tmp_path / "scratch"))
    assert left_by(tmp_path / "scratch") == []
