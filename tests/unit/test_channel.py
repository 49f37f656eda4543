"""The guest channel against an agent of this machine, and against ends that babble, fall silent or go away."""

import gc
import json
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from tests.unit.sleepers import SLEEP, sleepers
from vbench.benchmarks.lines import listen
from vbench.contracts import Completed, Workplace
from vbench.environments.channel import AgentSession, Channel
from vbench.environments.starting import agent_command, started
from vbench.errors import CommandFailed, CommandTimeout, SessionLost, StartFailed
from vbench.host import proc
from vbench.host.proc import LocalSession

LIMIT_S = 60.0
HERE = Workplace(sys.executable, PurePosixPath(proc.GUEST), PurePosixPath("/tmp"), "host")
HELLO = '{"hello": 1}'
# Says hello, then what it is told to for each line it reads; `python -c` so that nothing of a shell is in between.
SCRIPTED = "import sys; print(sys.argv[1], flush=True); [print(w, flush=True) for w, _ in zip(sys.argv[2:], sys.stdin)]"


@contextmanager
def session(argv: Sequence[str], *, limit_s: float = LIMIT_S) -> Iterator[AgentSession]:
    common = {"workplace": HERE, "layers": (), "mechanisms": (), "attach_s": 0.0}
    with started(LocalSession(), argv, limit_s=limit_s, **common) as made:  # type: ignore[arg-type]
        yield made


def scripted(*words: str) -> list[str]:
    return [sys.executable, "-c", SCRIPTED, *words]


@pytest.fixture
def agent() -> Iterator[AgentSession]:
    with session(agent_command(HERE)) as made:
        yield made


def test_an_end_that_goes_away_before_hello_fails_the_start_with_its_words() -> None:
    dying = [sys.executable, "-c", "import sys; sys.exit('no such machine')"]
    with pytest.raises(StartFailed, match=r"ended with status 1; no such machine"), session(dying):
        pass


def test_an_end_that_says_something_else_fails_the_start_and_is_quoted() -> None:
    with pytest.raises(StartFailed, match="Kernel panic"), session([sys.executable, "-c", "print('Kernel panic')"]):
        pass


def test_an_end_that_says_nothing_fails_the_start_in_time() -> None:
    silent = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(StartFailed, match=r"no answer from the agent within 0.1 s"), session(silent, limit_s=0.1):
        pass


def test_a_command_that_is_not_there_fails_the_start() -> None:
    with pytest.raises(StartFailed, match="no-such-runtime was not found"), session(["no-such-runtime"]):
        pass


def test_noise_between_messages_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = "\n".join(["[    0.000000] Linux version", "{not json", "[]", "7", '{"id": []}', '{"id": "x"}', HELLO])
    with session(scripted(noise, '{"id": 1, "status": 3, "stdout": "", "stderr": ""}')) as made:
        assert made.run(["true"], timeout_s=LIMIT_S).status == 3
        assert len(made.channel.garbage) == 6


def test_endless_noise_is_not_kept() -> None:
    with session(scripted("\n".join(["noise"] * 5000 + [HELLO]))) as made:
        assert len(made.channel.garbage) == 100


def test_an_end_that_goes_away_while_it_is_asked_is_a_lost_session() -> None:
    with session(scripted(HELLO)) as made:
        with pytest.raises(SessionLost, match="went away"):
            made.run(["true"], timeout_s=LIMIT_S)
        with pytest.raises(SessionLost, match="went away"):
            made.run(["true"], timeout_s=LIMIT_S)


def test_an_end_that_does_not_answer_is_a_lost_session() -> None:
    with session(scripted(HELLO, "silence", "more")) as made:
        made.channel.grace_s = 0.1
        with pytest.raises(SessionLost, match=r"did not answer within 0.2 s"):
            made.run(["true"], timeout_s=0.1)


def test_a_stopped_reader_never_hangs_the_harness(agent: AgentSession) -> None:
    agent.channel.grace_s = 0.1
    pid = agent.channel.carrier.pid
    try:
        LocalSession().run(["kill", "-STOP", str(pid)], timeout_s=LIMIT_S).check()
        with pytest.raises(SessionLost):  # more than any pipe holds
            agent.run(["cat"], timeout_s=0.1, stdin=bytes(2**21))
    finally:
        LocalSession().run(["kill", "-CONT", str(pid)], timeout_s=LIMIT_S)


def test_a_spawned_process_of_a_lost_end_says_so_and_its_output_ends(agent: AgentSession) -> None:
    with agent.spawn(["sh", "-c", "echo $$; exec sleep 986"]) as process:
        orphan = int(process.stdout.readline())
        agent.channel.carrier.kill()
        os.kill(orphan, signal.SIGKILL)
        assert process.stdout.read() == b""
        with pytest.raises(SessionLost, match="went away"):
            process.wait(timeout_s=LIMIT_S)
    with pytest.raises(SessionLost), agent.spawn(["true"]):
        pass


def test_a_spawned_process_outlives_no_limit(agent: AgentSession) -> None:
    with agent.spawn(["cat"]) as process, pytest.raises(CommandTimeout, match=r"cat was still running after 0.01 s"):
        process.wait(timeout_s=0.01)


def test_garbage_collected_within_a_request_does_not_ask_for_the_channel_that_is_held() -> None:
    done: list[bool] = []

    def ask() -> None:
        with session(agent_command(HERE)) as made:
            with made.spawn(["true"]) as process:  # its input is left open, and its output and it know each other
                assert process.stdout.read() == b""
            gone, write = weakref.ref(process), made.channel._write
            del process

            def collect_first(data: memoryview) -> int:
                gc.collect()
                return write(data)

            made.channel._write = collect_first  # type: ignore[method-assign]
            done.append(made.run(["true"], timeout_s=LIMIT_S).status == 0 and gone() is None)

    asking = threading.Thread(target=ask, daemon=True)  # one that waits for itself is left to the end of the tests
    asking.start()
    asking.join(LIMIT_S)
    assert done == [True]


def test_a_limit_holds_though_a_daemon_keeps_the_output_open(agent: AgentSession) -> None:
    with pytest.raises(CommandTimeout, match="sh did not end within 1 s"):
        # Nobody's child and in a session of its own: the end of the agent's takes it along.
        agent.run(["sh", "-c", "setsid sh -c 'sleep 982 &'; sleep 983"], timeout_s=1)
    assert agent.run(["true"], timeout_s=LIMIT_S).status == 0


Run = Callable[..., Completed]


def timed(run: Run, script: str, *, timeout_s: float) -> Completed:
    """A command behind the program that times it, which gives it a process group of its own."""
    request = {"argv": ["sh", "-c", script], "folder": "/", "trial_s": 60, "warmup_s": 0, "timeout_s": 600, "runs": 1}
    stdin = json.dumps(request | {"regex": None, "pointer": None}).encode()
    return run([sys.executable, "-I", "-S", "-B", f"{proc.GUEST}/timed.py"], timeout_s=timeout_s, stdin=stdin)


def listened(agent: AgentSession) -> Run:
    return partial(listen, agent, hear=lambda line: None)


WAYS = pytest.mark.parametrize("way", [lambda agent: agent.run, listened], ids=["run", "listen"])


@WAYS
def test_a_limit_ends_a_timed_command_with_all_that_left_its_group(
    agent: AgentSession, way: Callable[[AgentSession], Run], tmp_path: Path
) -> None:
    script = f"setsid {SLEEP}1 & setsid sh -c '{SLEEP}2 &'; touch {tmp_path}/begun; {SLEEP}3"
    with pytest.raises(CommandTimeout):
        timed(way(agent), script, timeout_s=2)
    assert (tmp_path / "begun").exists()
    assert sleepers() == []


@WAYS
def test_a_timed_command_does_not_outlive_who_times_it(agent: AgentSession, way: Callable[[AgentSession], Run]) -> None:
    assert timed(way(agent), f"{SLEEP}4 & kill -KILL $PPID; {SLEEP}5", timeout_s=LIMIT_S).status == -signal.SIGKILL
    assert sleepers() == []


def test_a_file_that_cannot_be_read_or_written_is_an_error_in_words(agent: AgentSession, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.write_text("x")
    with pytest.raises(CommandFailed, match=r"inside the environment: .*No such file"):
        agent.get(PurePosixPath(tmp_path / "nowhere"), tmp_path / "back")
    with pytest.raises(CommandFailed, match=r"inside the environment: .*No such file"):
        agent.put(here, PurePosixPath(tmp_path / "no folder" / "file"))
    assert agent.run(["true"], timeout_s=LIMIT_S).status == 0


def test_the_end_of_a_session_takes_every_process_with_it(tmp_path: Path) -> None:
    left = tmp_path / "pid"
    with session(agent_command(HERE)) as made:
        inner = 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 985'
        outer = 'setsid sh -c "$2" sh "$1" >/dev/null 2>&1 & while [ ! -e "$1" ]; do :; done'
        made.run(["sh", "-c", outer, "sh", str(left), inner], timeout_s=LIMIT_S).check()
        assert Path(f"/proc/{left.read_text().strip()}").exists()
    assert not Path(f"/proc/{left.read_text().strip()}").exists()


def test_requests_are_lines_and_replies_find_their_asker() -> None:
    replies = [json.dumps({"id": number, "status": number, "stdout": "", "stderr": ""}) for number in (1, 2)]
    with session(scripted(HELLO, *replies)) as made:
        assert [made.run(["true"], timeout_s=LIMIT_S).status for _ in replies] == [1, 2]


def test_the_reason_names_the_signal_that_ended_the_carrier() -> None:
    with session(agent_command(HERE)) as made:
        made.channel.carrier.kill()
        with pytest.raises(SessionLost, match=f"ended with status -{signal.SIGKILL.value}"):
            made.run(["true"], timeout_s=LIMIT_S)


def test_a_channel_describes_its_loss_by_its_own_words() -> None:
    with proc.spawn([sys.executable, "-c", ""]) as process:
        ended = Channel(process, lambda: "the cable was cut")
        with pytest.raises(StartFailed, match="the cable was cut"):
            ended.hello(timeout_s=LIMIT_S)
