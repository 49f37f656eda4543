"""Commands on this machine: a limit kills the whole group, the environment is the same for every user."""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from vbench.errors import CommandFailed, CommandTimeout, NoSpace
from vbench.host import proc
from vbench.host.proc import LocalSession
from vbench.text import program

LIMIT_S = 60.0


def test_a_status_a_signal_and_a_missing_command_are_told_apart() -> None:
    assert proc.run(["sh", "-c", "exit 42"], timeout_s=LIMIT_S).status == 42
    assert proc.run(["sh", "-c", "kill -9 $$"], timeout_s=LIMIT_S).status == -9
    assert proc.run(["no-such-command"], timeout_s=LIMIT_S).status == 127


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sh", "-c", "echo why >&2; exit 3"], "sh ended with status 3: why"),
        (["sh", "-c", "kill -9 $$"], "sh was killed by signal 9"),
        (["no-such-command"], "no-such-command was not found"),
        (["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "exit 3"], "^sh ended with status 3"),
        (["taskset", "-c", "0", "env", "-C", "/", "A=b", "sh", "-c", "exit 3"], "^sh ended with status 3"),
    ],
)
def test_a_failure_is_a_decision_and_says_how_it_ended(argv: list[str], said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        proc.run(argv, timeout_s=LIMIT_S).check()


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("setpriv", "--pdeathsig", "KILL", "--", "nsenter", "--net=/x", "--", "taskset", "-c", "1", "qemu"), "qemu"),
        (("nsenter", "--mount=/x", "--", "chroot", "/root", "/usr/bin/env", "A=b", "/opt/python", "--"), "/opt/python"),
        (("unshare", "--net", "tc", "qdisc"), "unshare"),
        (("taskset", "--version"), "taskset"),
        (("env",), "env"),
        (("setpriv", "--"), "setpriv"),
    ],
)
def test_a_message_names_the_program_and_not_what_leads_to_it(argv: tuple[str, ...], name: str) -> None:
    assert program(argv) == name


def test_a_limit_kills_what_the_command_started_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    script = 'exec 9> "$1"; sleep 984 & wait'
    with held_open(tmp_path / "fifo") as ended:
        with pytest.raises(CommandTimeout, match="sh did not end within 2 s and was killed"):
            proc.run(["sh", "-c", script, "sh", str(tmp_path / "fifo")], timeout_s=2)
        assert ended()


def test_a_limit_holds_though_a_daemon_keeps_the_output_open(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = 'setsid sh -c "echo \\$\\$ > $1; exec sleep 981" & wait'
    for limit_s in (1, 5, 25):  # on a busy machine the daemon may not be there within the first
        with pytest.raises(CommandTimeout):
            proc.run(["sh", "-c", script, "sh", str(mark)], timeout_s=limit_s)
        if mark.exists() and mark.read_text():
            break
    os.kill(int(mark.read_text()), signal.SIGKILL)


def test_a_spawned_group_dies_with_its_context(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    script = 'exec 9> "$1"; sleep 983 & echo up; wait'
    with held_open(tmp_path / "fifo") as ended:
        with proc.spawn(["sh", "-c", script, "sh", str(tmp_path / "fifo")]) as process:
            assert process.stdout.readline() == b"up\n"
        assert ended()


@contextmanager
def held_open(fifo: Path) -> Iterator[Callable[[], bool]]:
    """Whether all who opened the FIFO for writing have ended; the kernel tells, however late it buries them."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield lambda: bool(select.select([reader], [], [], LIMIT_S)[0]) and os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_the_end_of_a_long_stderr_is_kept() -> None:
    script = (
        "import sys; sys.stderr.write('x' * 100000 + 'end'); sys.stderr.flush(); print('done', flush=True); input()"
    )
    with proc.spawn([sys.executable, "-c", script]) as process:
        assert process.stdout.readline() == b"done\n"
        assert len(process.stderr()) == 64 * 1024
        assert process.stderr().endswith(b"end")


def test_only_what_tools_need_reaches_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("LANG", "tlh")
    monkeypatch.setenv("LD_PRELOAD", "")
    words = dict(line.split("=", 1) for line in proc.run(["env"], timeout_s=LIMIT_S).text.splitlines())
    assert not {"SECRET_TOKEN", "LANG", "LD_PRELOAD"} & set(words)
    assert words["LC_ALL"] == "C.UTF-8"
    assert "/usr/sbin" in words["PATH"].split(":")


def test_a_command_is_found_as_it_will_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "vbench-tool"
    tool.write_text("#!/bin/sh\necho here\n")
    tool.chmod(0o755)
    assert proc.which("vbench-tool") is None
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert proc.which("vbench-tool") == str(tool)
    assert proc.run(["vbench-tool"], timeout_s=LIMIT_S).text == "here\n"


def test_a_copy_that_fails_says_what_and_where(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 100)
    with pytest.raises(CommandFailed, match="could not be copied"):
        LocalSession().put(tmp_path / "nothing", PurePosixPath(tmp_path / "target"))
    with pytest.raises(NoSpace, match="could not be copied to /dev/full"):
        LocalSession().put(source, PurePosixPath("/dev/full"))


def test_words_stand_before_every_command_of_a_session() -> None:
    session = LocalSession(prefix=("env", "VBENCH_X=1"))
    assert session.run(["sh", "-c", "echo $VBENCH_X"], timeout_s=LIMIT_S).text == "1\n"
    with session.spawn(["sh", "-c", "echo $VBENCH_X"]) as process:
        assert process.stdout.readline() == b"1\n"
