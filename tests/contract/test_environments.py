"""What every environment promises, proved on each of them by the same checks."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import pytest

from tests.contract.stacks import Floors, Stack
from tests.contract.traces import adopting, command_lines, own_traces, traces_in
from vbench.contracts import Session, Started, Testbed
from vbench.environments.bare import Bare
from vbench.errors import CommandFailed, CommandTimeout
from vbench.host import proc
from vbench.host.proc import LocalSession
from vbench.testbed.undo import JOURNAL


def sleep_of(digit: int) -> str:
    """A command that no other test on this machine runs: `bare` sees the processes of all."""
    return f"sleep 98{digit}{os.getpid()}"


def running(session: Session) -> str:
    return session.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], timeout_s=60).text


def test_words_are_never_split(session: Session) -> None:
    words = ["a b", "$HOME", "*", "'\"", "", "ümlaut", "line\nbreak"]
    script = "import sys; print(sys.argv[1:])"
    assert session.run([session.workplace.python, "-c", script, *words], timeout_s=60).text.strip() == str(words)


def test_stdout_and_stderr_stay_apart(session: Session) -> None:
    ended = session.run(["sh", "-c", "echo out; echo err >&2"], timeout_s=60)
    assert (ended.stdout, ended.stderr) == (b"out\n", b"err\n")


def test_a_status_comes_through(session: Session) -> None:
    assert session.run(["sh", "-c", "exit 42"], timeout_s=60).status == 42


def test_a_signal_is_told_from_a_status(session: Session) -> None:
    assert session.run(["sh", "-c", "kill -9 $$"], timeout_s=60).status == -9


def test_an_unknown_command_is_status_127_with_a_clear_error(session: Session) -> None:
    ended = session.run(["no-such-command"], timeout_s=60)
    assert ended.status == 127
    with pytest.raises(CommandFailed, match="no-such-command was not found"):
        ended.check()


def test_standard_input_and_large_binary_output_arrive_whole(session: Session) -> None:
    data = bytes(range(256)) * 2000
    assert session.run(["cat"], timeout_s=60, stdin=data).stdout == data


def test_a_timeout_leaves_no_process(session: Session) -> None:
    with pytest.raises(CommandTimeout):
        session.run(["sh", "-c", f"{sleep_of(7)} & {sleep_of(7)}"], timeout_s=1)
    assert (
        sleep_of(7).replace(" ", "\0").encode()
        not in session.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"], timeout_s=60).stdout
    )


def test_put_then_get_gives_the_same_bytes(session: Session, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    target = PurePosixPath(session.workplace.scratch) / "put file"
    for data in (b"", bytes(range(256)) * 1000):
        source.write_bytes(data)
        session.put(source, target)
        session.get(target, back)
        assert back.read_bytes() == data


def test_a_spawned_command_is_talked_to_line_by_line_and_told_when_it_ends(session: Session) -> None:
    with session.spawn(["sh", "-c", "while read line; do echo got $line; done; echo bye >&2; exit 7"]) as process:
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            assert process.stdout.readline() == b"got " + word + b"\n"
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(timeout_s=60) == 7
        assert process.stderr() == b"bye\n"


def test_a_spawned_group_dies_with_its_context(session: Session) -> None:
    with session.spawn(["sh", "-c", f"{sleep_of(8)} & echo up; wait"]) as process:
        assert process.stdout.readline() == b"up\n"
    assert (
        sleep_of(8).replace(" ", "\0").encode()
        not in session.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"], timeout_s=60).stdout
    )


def test_spawning_an_unknown_command_says_so(session: Session) -> None:
    with pytest.raises(FileNotFoundError), session.spawn(["no-such-command"]):
        pass


def test_the_scratch_space_is_on_a_disk_and_writable(session: Session) -> None:
    scratch = session.workplace.scratch
    session.run(
        ["dd", "if=/dev/zero", f"of={scratch}/direct", "bs=4096", "count=8", "oflag=direct"], timeout_s=60
    ).check()


def test_it_runs_on_the_testbeds_processors_alone(stack: Stack, session: Session) -> None:
    if stack.makes_up:
        assert session.layers[-1].name == "fake"  # it runs nothing of its own that could be pinned
        return
    assert session.run(["nproc"], timeout_s=60).text.strip() == str(len(stack.testbed.cpus))


def test_it_says_how_it_was_started_and_what_is_in_force(stack: Stack, session: Session) -> None:
    assert isinstance(session, Started)
    assert session.timing.ready_s > 0
    assert session.mechanisms
    assert session.layers
    if not stack.makes_up:
        assert session.argv[-1][0]


@pytest.mark.first
def test_an_exception_inside_leaves_nothing_and_a_second_start_is_clean(stack: Stack, floors: Floors) -> None:
    """Other tests share the second start. What a stack stands on stays, and has no traces either."""
    base, sleep = stack.testbed.base, sleep_of(9)  # type: ignore[attr-defined]
    beneath, _ = floors.on(stack.environments[:-1])
    before, before_beneath = own_traces(base), traces_in(beneath)
    with adopting():
        with pytest.raises(ZeroDivisionError), ExitStack() as exits:
            session, _ = stack.start(exits, floors)
            scratch = str(session.workplace.scratch)
            session.run(["touch", f"{scratch}/left"], timeout_s=60)
            if not stack.makes_up:  # a fake one runs its commands on the host, as the host's own
                session.run(["sh", "-c", f"setsid {sleep} >/dev/null 2>&1 &"], timeout_s=60)
            raise ZeroDivisionError
        after = own_traces(base)
    assert {name: after[name] - before[name] for name in after} == {name: frozenset() for name in after}
    assert not [words for words in command_lines() if sleep in words]
    assert traces_in(beneath) == before_beneath
    with ExitStack() as exits:
        session, _ = stack.start(exits, floors) if floors.has(stack.environments) else floors.on(stack.environments)
        assert session.run(["test", "-e", f"{session.workplace.scratch}/left"], timeout_s=60).status == 1


def test_no_isolated_environment_reaches_the_undo_journal(stack: Stack, session: Session) -> None:
    journal = stack.testbed.base / JOURNAL  # type: ignore[attr-defined]
    with stack.testbed.undo(["true"]):
        seen = session.run(["test", "-e", str(journal)], timeout_s=60).status == 0
        assert seen is stack.is_on_host


def test_the_network_of_every_arm_reaches_the_same_peer(stack: Stack, session: Session) -> None:
    if stack.testbed.peer_address is None or stack.is_on_host:
        assert session.on_network() is not None  # nothing of its own to prove
        return
    script = "import socket, sys; s = socket.create_server((sys.argv[1], 7007)); print('up', flush=True); "
    script += "c, _ = s.accept(); c.sendall(b'hello'); c.close()"
    ask = "import socket, sys; print(socket.create_connection((sys.argv[1], 7007), 30).recv(9))"
    peer, address = stack.testbed.peer, stack.testbed.peer_address
    with peer.spawn([peer.workplace.python, "-c", script, address]) as server:
        assert server.stdout.readline() == b"up\n"
        inside = session.on_network()
        assert inside.run([inside.workplace.python, "-c", ask, address], timeout_s=60).text == "b'hello'\n"


SERVE = """
import socket, sys
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect((sys.argv[1], 9))
server = socket.create_server(("", 7008))
print(probe.getsockname()[0], flush=True)
connection, peer = server.accept()
connection.sendall(peer[0].encode())
"""


def test_the_peer_reaches_every_arm_at_an_address_of_its_own(stack: Stack, session: Session) -> None:
    if stack.testbed.peer_address is None or stack.makes_up or stack.is_on_host:
        assert session.on_network() is not None  # nothing of its own to prove
        return
    peer, inside = stack.testbed.peer, session.on_network()
    ask = "import socket, sys; print(socket.create_connection((sys.argv[1], 7008), 30).recv(99).decode())"
    with inside.spawn([inside.workplace.python, "-c", SERVE, stack.testbed.peer_address]) as server:
        address = server.stdout.readline().decode().strip()
        assert address.startswith("198.18.") and address != stack.testbed.peer_address
        done = peer.run([peer.workplace.python, "-c", ask, address], timeout_s=60)
        assert done.check().text.strip() == stack.testbed.peer_address


def test_bare_adds_no_cgroup_and_no_namespace_but_the_runs_mounts(host: LocalSession, testbed: Testbed) -> None:
    script = "cat /proc/self/cgroup; for n in pid net uts ipc user cgroup; do readlink /proc/self/ns/$n; done"
    with Bare().start(host, testbed) as session:
        assert session.run(["sh", "-c", script], timeout_s=60).text == host.run(["sh", "-c", script], timeout_s=60).text


LIMITED = """
import sys
from pathlib import Path
from vbench import image
from vbench.environments.bare import Bare
from vbench.environments.oci import Oci
from vbench.host import processors
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.testbed.host import open_testbed

host = LocalSession()
with open_testbed(
    host=LocalHost(host),
    image=image.find(),
    processors=processors.find(host, 1),
    memory_b=2**30,
    scratch=Path(sys.argv[1]),
    name="limited",
) as bed:
    for environment in (Bare(), Oci()):
        with environment.start(host, bed) as session:
            print(session.run(["cat", "/proc/self/cgroup"], timeout_s=60).check().text)
"""


@pytest.mark.parametrize("stack", ["oci-runc"], indirect=True)
def test_a_processor_limit_of_the_caller_is_the_containers_too(stack: Stack) -> None:
    hierarchy = Path("/sys/fs/cgroup/cpu")
    if not hierarchy.is_dir():
        pytest.skip("no v1 hierarchy: what v2 cannot have is told before, see test_container.py")
    group = hierarchy / f"vbench-limited-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text("90000")
        enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group)]
        done = proc.run([*enter, sys.executable, "-c", LIMITED, str(stack.testbed.base)], timeout_s=120)  # type: ignore[attr-defined]
        native, inside = [line.rpartition(":")[2] for line in done.check().text.split() if ":cpu:" in line]
        assert native == f"/{group.name}"
        assert inside.startswith(f"/{group.name}/vbench-")
    finally:
        group.rmdir()
