"""What a command prints is kept up to a bound: more kills it, with an error that names the bound, wherever it runs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from vbench.benchmarks.lines import Lines, listen
from vbench.contracts import Session, Workplace
from vbench.environments import qemu
from vbench.environments.oci import Oci
from vbench.environments.starting import agent_command, started
from vbench.errors import CommandFailed, OutputTooLarge, SessionLost, StartFailed
from vbench.facts import tools
from vbench.guest.collecting import MOST_B, TAIL_B, Tail, TooMuch, lines
from vbench.host import proc
from vbench.host.inbox import Inbox
from vbench.host.proc import LocalSession
from vbench.model import Status

LIMIT_S = 60.0
HERE = Workplace(sys.executable, PurePosixPath(proc.GUEST), PurePosixPath("/tmp"), "host")
BOUND = f"more than {MOST_B // 2**20} MiB"
ENDLESS = {
    "lines": ["yes"],
    "a line": ["sh", "-c", "exec tr '\\0' x </dev/zero"],
    "empty lines": ["sh", "-c", "exec tr '\\0' '\\n' </dev/zero"],
}
COMMON = {"workplace": HERE, "layers": (), "mechanisms": (), "attach_s": 0.0, "limit_s": LIMIT_S}


@pytest.fixture(params=["host", "agent"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    if request.param == "host":
        yield LocalSession()
        return
    with started(LocalSession(), agent_command(HERE), **COMMON) as made:  # type: ignore[arg-type]
        yield made


@pytest.mark.parametrize("argv", ENDLESS.values(), ids=ENDLESS)
def test_a_command_without_end_is_killed_and_the_session_goes_on(session: Session, argv: list[str]) -> None:
    with pytest.raises(OutputTooLarge, match=f"{argv[0]} printed {BOUND} and was killed"):
        session.run(argv, timeout_s=LIMIT_S)
    assert session.run(["echo", "on"], timeout_s=LIMIT_S).text == "on\n"


def test_errors_count_as_output_does(session: Session) -> None:
    with pytest.raises(OutputTooLarge, match=BOUND):
        session.run(["sh", "-c", "exec yes >&2"], timeout_s=LIMIT_S)


def test_what_is_just_within_the_bound_is_kept_whole(session: Session) -> None:
    script = 'head -c "$1" /dev/zero; head -c 9 /dev/zero >&2'
    done = session.run(["sh", "-c", script, "sh", str(MOST_B - 9)], timeout_s=LIMIT_S)
    assert (len(done.stdout), len(done.stderr)) == (MOST_B - 9, 9)


@pytest.mark.parametrize("argv", ENDLESS.values(), ids=ENDLESS)
def test_a_command_that_is_followed_is_bounded_too(session: Session, argv: list[str]) -> None:
    with pytest.raises(OutputTooLarge, match=rf"{argv[0]} printed .*{MOST_B // 2**20} MiB"):
        listen(session, argv, lambda line: None, timeout_s=LIMIT_S)
    assert session.run(["echo", "on"], timeout_s=LIMIT_S).text == "on\n"


def test_a_server_that_nobody_listens_to_is_bounded(session: Session) -> None:
    with session.spawn(["yes"]) as process:
        said = Lines(process)
        with pytest.raises(OutputTooLarge, match=f"yes printed {BOUND} that nobody reads"):
            process.wait(timeout_s=LIMIT_S)  # tells it too, where it has come that far
            while said.next(timeout_s=LIMIT_S) is not None:
                pass


def test_a_command_whose_output_nobody_reads_is_bounded() -> None:
    with started(LocalSession(), agent_command(HERE), **COMMON) as agent:  # type: ignore[arg-type]  # noqa: SIM117
        with agent.spawn(["yes"]) as process, pytest.raises(OutputTooLarge, match=f"yes printed {BOUND}"):
            process.wait(timeout_s=LIMIT_S)


def test_many_lines_that_are_read_as_they_come_have_no_bound(session: Session) -> None:
    count, most = 0, MOST_B // 900
    with session.spawn(["sh", "-c", 'yes $(printf %01000d 0) | head -n "$1"', "sh", str(most)]) as process:
        said = Lines(process)
        while said.next(timeout_s=LIMIT_S) is not None:
            count += 1
    assert count == most


def test_of_a_long_stderr_the_end_is_kept(session: Session) -> None:
    script = "head -c 5000000 /dev/zero >&2; echo end >&2; echo done"
    with session.spawn(["sh", "-c", script]) as process:
        assert process.stdout.read() == b"done\n"
        process.wait(timeout_s=LIMIT_S)
        assert len(process.stderr()) == TAIL_B
        assert process.stderr().endswith(b"\0end\n")


def test_a_daemon_that_keeps_stderr_open_holds_nobody_up(tmp_path: Path) -> None:
    session = LocalSession()
    mark = tmp_path / "pid"
    script = 'setsid sh -c "echo \\$\\$ >$1; exec sleep 979 >/dev/null" & while [ ! -s "$1" ]; do :; done; echo why >&2'
    with session.spawn(["sh", "-c", script, "sh", str(mark)]) as process:
        assert process.wait(timeout_s=LIMIT_S) == 0
        assert process.stderr() == b"why\n"
    os.kill(int(mark.read_text()), 9)


def test_the_tail_of_a_pipe_has_all_that_was_written_before_it_is_asked() -> None:
    tail = Tail()
    other = os.dup(tail.writer)
    tail.begin()
    for number in range(100):
        os.write(other, b"%d," % number)
        assert tail.text().endswith(b"%d," % number)
    tail.close()
    with pytest.raises(BrokenPipeError):
        os.write(other, b"late")
    os.close(other)


def test_lines_are_whole_however_they_come() -> None:
    chunks = iter([b"a", b"b\nc\n", b"\nd", b"e\n", b"torn"])
    assert list(lines(lambda: next(chunks, b""), 10)) == [b"ab", b"c", b"", b"de"]


def test_a_line_has_a_bound() -> None:
    chunks = iter([b"ok\n", b"x" * 6, b"x" * 6])
    found = lines(lambda: next(chunks, b""), 10)
    assert next(found) == b"ok"
    with pytest.raises(TooMuch):
        next(found)


def test_an_inbox_has_room_again_for_what_was_taken() -> None:
    inbox: Inbox[bytes] = Inbox(10)
    inbox.put(b"123456", 6)
    with pytest.raises(TooMuch):
        inbox.put(b"12345", 5)
    assert inbox.get() == b"123456"
    inbox.put(b"1234567890", 10)
    assert inbox.get() == b"1234567890"


# --- an agent that is none ----------------------------------------------------------------------------------------


def flood(script: str) -> list[str]:
    return [sys.executable, "-c", f"import sys\nw = sys.stdout.write\n{script}"]


def test_an_agent_that_sends_a_line_without_end_fails_the_start() -> None:
    argv = flood("while True: w('x' * 65536)")
    with (
        pytest.raises(StartFailed, match="it sent a line of more than 32 MiB"),
        started(LocalSession(), argv, **COMMON),
    ):  # type: ignore[arg-type]
        pass


def test_an_agent_that_answers_without_end_is_lost() -> None:
    answer = '{"id": 1, "out": "' + "x" * 65536 + '"}\\n'
    argv = flood(f"w('{{\"hello\": 1}}\\n'); sys.stdout.flush(); input()\nfor _ in range(900): w('{answer}')")
    with started(LocalSession(), argv, **COMMON) as agent, pytest.raises(SessionLost):  # type: ignore[arg-type]
        agent.run(["true"], timeout_s=LIMIT_S)


@pytest.mark.parametrize(
    "reply",
    [
        b'{"id": 1}',
        b'{"id": 1, "status": true, "stdout": "", "stderr": ""}',
        b'{"id": 1, "status": 0, "stdout": "?", "stderr": ""}',
        b'{"id": 1, "status": 0, "stdout": null, "stderr": ""}',
        b'{"id": 1, "error": 7}',
    ],
)
def test_a_reply_that_no_agent_sends_loses_the_session(reply: bytes) -> None:
    argv = flood(f"w('{{\"hello\": 1}}\\n'); sys.stdout.flush(); input(); w({reply.decode()!r} + '\\n')")
    with (
        started(LocalSession(), argv, **COMMON) as agent,  # type: ignore[arg-type]
        pytest.raises(SessionLost, match="answer cannot be read"),
    ):
        agent.run(["true"], timeout_s=LIMIT_S)


def test_a_line_nested_without_end_and_a_boolean_id_are_noise() -> None:
    noise = "[' * 200000 + '"
    script = f'w(\'{noise}\\n{{"id": false, "hello": 1}}\\n{{"hello": 1}}\\n\'); sys.stdout.flush(); input()'
    with started(LocalSession(), flood(script), **COMMON) as agent:  # type: ignore[arg-type]
        assert len(agent.channel.garbage) == 2


# --- who asks for a version ----------------------------------------------------------------------------------------


def test_a_runtime_whose_version_never_ends_is_a_fact_in_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "runc"
    runtime.write_text("#!/bin/sh\nexec yes runc version 1\n")
    runtime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert tools.engines(LocalSession(), Oci().engines())["tool.runc"].status is Status.ERROR


@pytest.mark.parametrize("word", ["a\0b", "/etc/passwd", "/"])
def test_what_cannot_be_started_is_a_failure_with_its_reason(word: str) -> None:
    if word == "/etc/passwd":
        assert proc.run([word], timeout_s=LIMIT_S).status == 127
        return
    with pytest.raises(CommandFailed, match="could not be started") if "\0" in word else pytest.raises(CommandFailed):
        proc.run([word], timeout_s=LIMIT_S).check()


# --- a guest's console ---------------------------------------------------------------------------------------------


def test_of_a_console_without_end_the_beginning_is_kept_and_its_guest_goes_on(tmp_path: Path) -> None:
    with qemu._console(LocalSession(), tmp_path):
        script = 'printf first; head -c "$1" /dev/zero; printf last'
        write = ["sh", "-c", f'exec >"$2"; {script}', "sh", str(3 * qemu.CONSOLE_B), str(tmp_path / qemu.SERIAL)]
        assert proc.run(write, timeout_s=LIMIT_S).status == 0
    kept = (tmp_path / qemu.CONSOLE).read_bytes()
    assert len(kept) == qemu.CONSOLE_B
    assert kept.startswith(b"first\0")


def test_what_a_guest_says_is_kept_when_it_says_it(tmp_path: Path) -> None:
    with qemu._console(LocalSession(), tmp_path), (tmp_path / qemu.SERIAL).open("wb", buffering=0) as serial:
        for number in range(3):
            serial.write(b"%d" % number)
            wait = 'while [ "$(wc -c <"$1")" -le "$2" ]; do :; done'
            proc.run(["sh", "-c", wait, "sh", str(tmp_path / qemu.CONSOLE), str(number)], timeout_s=LIMIT_S).check()
    assert (tmp_path / qemu.CONSOLE).read_bytes() == b"012"
