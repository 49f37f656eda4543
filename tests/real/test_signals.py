"""A closed terminal, Ctrl-C and SIGTERM end every verb that starts something: in order, with 130, leaving nothing."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.traces import left_by
from tests.proof.kills_writing import another_cache
from tests.real.program import LIMIT_S, VBENCH, endless, only, rest, suite, wait_for, wait_for_container
from vbench import store
from vbench.host import interrupts, lock, proc
from vbench.model import State


@dataclass
class Terminal:
    """A program that has a terminal of its own: `master` is what a terminal's window holds."""

    program: "subprocess.Popen[bytes]"
    master: int

    def read_until(self, word: bytes) -> None:
        said = b""
        while word not in said:
            said += os.read(self.master, 65536)

    def close(self) -> None:
        """The window is closed: the kernel sends SIGHUP, and whatever is written later fails with EIO."""
        os.close(self.master)
        self.master = -1


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    """As the leader of a session, which a shell in a terminal or sshd makes of it."""
    master, slave = pty.openpty()
    script = ("setsid", "--ctty", "--wait", VBENCH, *words)
    env = {**os.environ, lock.VARIABLE: f"{words[1]}.lock", "TERM": "xterm"}
    shown = Terminal(subprocess.Popen(script, stdin=slave, stdout=slave, stderr=slave, env=env), master)
    os.close(slave)
    try:
        yield shown
    finally:
        shown.program.kill()
        shown.program.wait()
        if shown.master >= 0:
            os.close(shown.master)


@pytest.mark.usefixtures("runc")
def test_a_closed_terminal_ends_a_run_with_a_container_in_order(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with terminal("run", endless(tmp_path), "--results", str(results)) as shown:
        wait_for_container(tmp_path / "scratch")
        shown.close()
        assert shown.program.wait(LIMIT_S) == 130
    assert left_by(tmp_path / "scratch") == []
    assert store.read_manifest(only(results)).state is State.PARTIAL


def test_a_closed_terminal_ends_a_run_of_fakes_which_goes_on_later(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with terminal("run", suite(tmp_path, blocks=24), "--results", str(results)) as shown:
        shown.read_until(b"2 of 24")
        shown.close()
        assert shown.program.wait(LIMIT_S) == 130
    assert list((tmp_path / "scratch").iterdir()) == []
    assert store.read_manifest(only(results)).state is State.PARTIAL
    done = proc.run([VBENCH, "run", "--resume", str(only(results)), "--quiet"], timeout_s=LIMIT_S)
    assert done.status == 0, done.stderr.decode()


VERBS = {
    "doctor": ("doctor", "--scratch", "{scratch}"),
    "facts": ("facts", "runc", "--suite", "{suite}"),
    "validate": ("validate", "--part", "same", "--results", "{results}"),
    "run": ("run", "{suite}", "--results", "{results}"),
}
BEGUN = {"doctor": b"runc", "facts": b"", "validate": b"same", "run": b"calibration"}


@pytest.mark.usefixtures("runc")
@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_ends_each_verb_that_starts_something(tmp_path: Path, verb: str, number: int) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    places = {"scratch": str(scratch), "results": str(tmp_path / "results"), "suite": endless(tmp_path)}
    words = [word.format(**places) for word in VERBS[verb]]
    own = {lock.VARIABLE: str(tmp_path / "lock")}
    with proc.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", VBENCH, *words], env=own) as process:
        if verb == "facts":
            wait_for_container(scratch)
        else:
            wait_for(process, BEGUN[verb])
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        said = rest(process)
        assert process.wait(timeout_s=LIMIT_S) == 130, said
    assert "stopping what was started" in said
    assert "again" in said or "to go on: " in said
    assert "Traceback" not in said
    assert left_by(scratch) == []


@pytest.mark.usefixtures("runc")
@pytest.mark.parametrize("number", interrupts.SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_the_build_of_an_image(tmp_path: Path, number: int) -> None:
    with another_cache(tmp_path) as (images, own):
        with proc.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", VBENCH, "image", "build"], env=own) as process:
            wait_for(process, "root file system …".encode())
            os.kill(process.pid, number)
            said = rest(process)
            assert process.wait(timeout_s=LIMIT_S) == 130, said
        assert "`vbench image build` begins again" in said
        assert {path.name for path in images.iterdir()} <= {".layers", ".lock"}
    assert [line for line in left_by(tmp_path / "none") if str(tmp_path) in line] == []


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    """SIGHUP is ignored there before vbench starts, and stays so."""
    results = str(tmp_path / "results")
    words = ["nohup", VBENCH, "run", suite(tmp_path, blocks=10), "--results", results]
    with proc.spawn(["sh", "-c", 'exec "$@" 2>&1', "sh", *words], env={lock.VARIABLE: str(tmp_path / "lock")}) as run:
        wait_for(run, b"block 2 of 10")
        os.kill(run.pid, signal.SIGHUP)
        rest(run)
        assert run.wait(timeout_s=LIMIT_S) == 0
    assert store.read_manifest(only(Path(results))).state is State.COMPLETE
