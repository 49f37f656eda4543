"""The program as its user meets it: no rights, no space, no tool, Ctrl-C and kill -9, and what is left after each."""

import json
import os
import re
import select
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.traces import left_by
from tests.real.program import (
    LIMIT_S,
    NOBODY,
    SMALL_DISK,
    VBENCH,
    endless,
    only,
    rest,
    running,
    suite,
    vbench,
    wait_for,
    wait_for_container,
)
from vbench import store
from vbench.cost import Analysis
from vbench.host import interrupts, proc
from vbench.model import State


@pytest.fixture
def nobodys(tmp_path: Path) -> Path:
    folder = tmp_path / "nobody"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    return folder


def test_without_root_the_hosts_own_files_can_be_measured(nobodys: Path, tmp_path: Path) -> None:
    written = suite(tmp_path, base='kind = "bare"\nroot = "host"', scratch=nobodys)
    words = ("run", written, "--results", str(nobodys / "results"))
    done = vbench(*words, before=NOBODY, env={"HOME": str(nobodys)})
    assert done.status == 0, done.stderr.decode()
    run = store.load(Path(done.text.strip()))
    assert run.manifest.state is State.COMPLETE
    assert {cost.blocks for cost in Analysis.of(run).costs} == {1}
    assert [path.name for path in nobodys.iterdir() if path.name.startswith("vbench-")] == []


def test_without_root_a_container_is_refused_before_anything_starts(nobodys: Path, tmp_path: Path) -> None:
    more = '[environments.runc]\nkind = "oci"'
    written = suite(tmp_path, base='kind = "bare"\nroot = "host"', more=more, scratch=nobodys)
    done = vbench("run", written, "--results", str(nobodys / "r"), before=NOBODY, env={"HOME": str(nobodys)})
    assert (done.status, done.stdout) == (4, b"")
    assert b"nothing of small is left to compare; left out: runc (root rights of the host are needed)" in done.stderr
    assert b"hint: run it as root: `sudo /" in done.stderr
    assert not (nobodys / "r").exists()


def test_without_root_scratch_space_of_others_is_refused(nobodys: Path, tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir(mode=0o755)
    written = suite(tmp_path, scratch=tmp_path / "roots")
    done = vbench("run", written, "--results", str(nobodys / "r"), before=NOBODY, env={"HOME": str(nobodys)})
    assert done.status == 2
    assert b"as scratch space: Permission denied" in done.stderr
    assert b"hint: set `scratch` in [testbed]" in done.stderr


def test_results_that_may_not_be_written_are_refused(nobodys: Path, tmp_path: Path) -> None:
    written = suite(tmp_path, scratch=nobodys)
    done = vbench("run", written, "--results", str(tmp_path / "r"), before=NOBODY, env={"HOME": str(nobodys)})
    assert (done.status, done.stdout) == (2, b"")
    assert b"cannot be written: Permission denied" in done.stderr
    assert b"hint: choose a folder that you may write to" in done.stderr


WITHOUT_QEMU = """
for tool in /usr/bin/qemu-system-*; do mount --bind /dev/null "$tool"; done
exec "$@"
"""


@pytest.mark.parametrize(
    ("kind", "tool"),
    [('kind = "oci"\nruntime = "no-such-runtime"', "no-such-runtime"), ('kind = "qemu"', "qemu-system")],
)
def test_a_missing_tool_is_named_with_the_way_to_get_it(tmp_path: Path, kind: str, tool: str) -> None:
    written = suite(tmp_path, more=f"[environments.it]\n{kind}")
    hidden = ("unshare", "--mount", "--", "sh", "-c", WITHOUT_QEMU, "sh")
    done = vbench("run", written, "--results", str(tmp_path / "r"), before=hidden)
    assert (done.status, done.stdout) == (4, b""), done.stderr.decode()
    assert b"environment it (" in done.stderr
    assert f"cannot run here, missing: {tool}".encode() in done.stderr
    assert b"hint: install it as its project says" in done.stderr or b"hint: apt-get install qemu" in done.stderr


def test_without_an_image_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    written = suite(tmp_path, base='kind = "bare"')
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "VBENCH_SYSTEM_CACHE": str(tmp_path / "system")}
    done = vbench("run", written, "--results", str(tmp_path / "r"), env=caches)
    assert (done.status, done.stdout) == (4, b"")
    assert b"missing: the image\n  hint: run `vbench image build`" in done.stderr


def test_trials_that_failed_are_counted_and_the_rest_is_stored(tmp_path: Path) -> None:
    written = suite(tmp_path, more='[environments.it]\nkind = "fake"\nfails = "session"')
    done = vbench("run", written, "--results", str(tmp_path / "results"))
    assert done.status == 3
    assert b"2 trials failed, 2 skipped; the rest is stored" in done.stderr
    first = re.search(rb"it (\S+) failed: the fake environment went away", done.stderr)  # which one is the seed's
    assert first and first[1] in (b"cpu.hash", b"syscall.getpid"), done.stderr
    document = json.loads(vbench("report", done.text.strip(), "--format", "json").stdout)
    measured = {cost["environment"] for cost in document["costs"] if cost["cost"] and cost["benchmark"] == "cpu.hash"}
    assert measured == {"control"}


def test_a_full_results_disk_ends_the_run_and_what_was_stored_reads_back(tmp_path: Path) -> None:
    """The disk exists in the test's own mount namespace; what it held is copied out before it goes."""
    written = suite(tmp_path, blocks=500)
    results, out = tmp_path / "results", tmp_path / "out"
    script = f'{SMALL_DISK} cp -r "{results}" "{out}"; exit $status'
    before = ("unshare", "--mount", "--", "sh", "-c", script, "sh", str(results), "600k")
    done = vbench("run", written, "--results", str(results), before=before)
    assert done.status == 3, done.stderr.decode()
    assert b"cannot be written: No space left on device" in done.stderr
    assert b"hint: free space; what was stored before is whole and can be reported" in done.stderr
    run = store.load(only(out))
    assert len(run.trials) > 20
    assert run.manifest.state is not State.COMPLETE
    assert {cost.blocks for cost in Analysis.of(run).costs} >= {run.trials[-1].block - 1}
    assert done.text.strip() == str(results / run.manifest.run_id)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert str(results) not in Path("/proc/self/mounts").read_text()


def test_a_full_scratch_disk_costs_the_trials_that_need_it(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    written = suite(tmp_path, more='[environments.large]\nkind = "bare"\nroot = "host"', scratch=scratch)
    script = f"{SMALL_DISK} exit $status"
    before = ("unshare", "--mount", "--", "sh", "-c", script, "sh", str(scratch), "64k")
    done = vbench("run", written, "--results", str(tmp_path / "results"), before=before)
    assert done.status == 3, done.stderr.decode()
    assert b"No space left on device" in done.stderr
    assert store.load(only(tmp_path / "results")).manifest.state is State.COMPLETE


# --- ends from outside --------------------------------------------------------------------------------------------


def alive(pid: int) -> list[str]:
    return [f"process {pid}"] if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" else []


@pytest.mark.usefixtures("runc")
@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda number: number.name)
def test_an_interrupted_run_is_whole_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    scratch = tmp_path / "scratch"
    with running(endless(tmp_path), "--results", str(tmp_path / "results")) as (process, pid):
        wait_for(process, b"block 2 of 1000")
        wait_for_container(scratch)
        os.kill(pid, number)
        wait_for(process, b"stopping what was started")
        for again in (*interrupts.SIGNALS, signal.SIGINT):
            os.kill(pid, again)
        said = rest(process)
        assert process.wait(timeout_s=LIMIT_S) == 130
    assert "Traceback" not in said
    assert "vbench: interrupted" in said
    assert [*left_by(scratch), *alive(pid)] == []
    run = store.load(only(tmp_path / "results"))
    assert str(run.path) in said
    assert run.manifest.state is State.PARTIAL
    assert [warning for warning in run.warnings if "torn" in warning or "changed" in warning] == []
    assert {cost.blocks for cost in Analysis.of(run).costs} <= {run.trials[-1].block - 1, run.trials[-1].block}


@pytest.mark.usefixtures("runc")
def test_clean_removes_what_a_killed_run_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "living").mkdir()
    lasting = suite(tmp_path / "living", blocks=1000, scratch=scratch)
    with running(lasting, "--results", str(tmp_path / "l")) as (lives, _):
        wait_for(lives, b"block 1 of 1000")
        mine = set(scratch.iterdir())
        with running(endless(tmp_path), "--results", str(tmp_path / "results")) as (dies, pid):
            wait_for(dies, b"block 2 of 1000")
            wait_for_container(scratch)
            ended = [os.pidfd_open(child.pid) for child in psutil.Process(pid).children(recursive=True)]
            os.kill(pid, signal.SIGKILL)
            dies.wait(timeout_s=LIMIT_S)
        for descriptor in ended:
            assert select.select([descriptor], [], [], LIMIT_S)[0], "a process of the killed run outlived it"
            os.close(descriptor)
        (folder,) = set(scratch.iterdir()) - mine
        assert vbench("clean", "--scratch", str(scratch), "--dry-run").text.endswith(f"{folder}\n")
        assert folder.exists()
        done = vbench("clean", "--scratch", str(scratch))
        assert done.status == 0
        assert done.text.endswith(f"{folder}\n")
        assert set(scratch.iterdir()) == mine
        wait_for(lives, b"block")
        assert lives.poll() is None
        os.kill(lives.pid, signal.SIGINT)
        rest(lives)
        assert lives.wait(timeout_s=LIMIT_S) == 130
    assert [*left_by(scratch), *alive(pid)] == []
    assert vbench("clean", "--scratch", str(scratch)).stderr == b"nothing was left behind\n"
    run = store.load(only(tmp_path / "results"))
    assert run.manifest.state is State.RUNNING
    assert run.trials[-1].block >= 1
    assert {cost.blocks for cost in Analysis.of(run).costs} <= {run.trials[-1].block - 1, run.trials[-1].block}


def test_a_damaged_journal_is_reported_with_a_warning(tmp_path: Path) -> None:
    done = vbench("run", suite(tmp_path), "--results", str(tmp_path / "results"))
    assert done.status == 0, done.stderr.decode()
    journal = Path(done.text.strip()) / "journal.jsonl"
    journal.chmod(0o644)
    journal.write_bytes(journal.read_bytes()[:-7])
    reported = vbench("report", done.text.strip(), "--format", "json")
    assert reported.status == 0
    document: dict[str, Any] = json.loads(reported.stdout)
    assert document["costs"]
    assert "torn" in reported.text


def test_a_reader_that_goes_away_and_a_full_output_end_in_words(tmp_path: Path) -> None:
    done = vbench("run", suite(tmp_path), "--results", str(tmp_path / "results"))
    script = '"$@" > /dev/full'
    full = proc.run(
        ["sh", "-c", script, "sh", VBENCH, "report", done.text.strip(), "--format", "json"], timeout_s=LIMIT_S
    )
    assert (full.status, full.stderr) == (3, b"vbench: No space left on device\n")
    closed = proc.run(["sh", "-c", '"$@" | true', "sh", VBENCH, "list", "benchmarks"], timeout_s=LIMIT_S)
    assert closed.stderr == b""
