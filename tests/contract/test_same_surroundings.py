"""A command has the same surroundings in every environment, whatever the caller of vbench brings."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.contract.stacks import ALONE, Floors, Stack, a_testbed
from tests.contract.surroundings import assert_usual
from tests.support.giving_up import give_up
from vbench.contracts import Testbed
from vbench.environments.bare import Bare
from vbench.host import processors
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.testbed.host import open_testbed

# What stands on another environment has that one's surroundings: test_stacked.py.
single = pytest.mark.parametrize("stack", ALONE, indirect=True, scope="package")
SECRETS = {
    "https_proxy": "http://user:password@proxy.example:3128",
    "PIP_INDEX_URL": "https://token@pypi.example/simple",
    "PATH": f"/opt/caller/bin:{os.environ['PATH']}",
    "HOME": "/home/caller",
    "TMPDIR": "/var/tmp/caller-has-none",
    "XDG_RUNTIME_DIR": "/run/user/4711",
    "DOCKER_HOST": "tcp://caller.example:2375",
    "LD_LIBRARY_PATH": "/opt/caller/lib",
    "LC_CTYPE": "de_DE.ISO-8859-1",
}


@contextmanager
def odd_caller(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as a careless caller left it: secrets, a private umask, ignored and blocked signals, low limits."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as undo:
        undo.callback(os.umask, os.umask(0o077))
        undo.callback(os.setgroups, os.getgroups())
        os.setgroups([0, 1, 4711])
        undo.callback(os.chdir, Path.cwd())
        os.chdir("/var/tmp")
        undo.callback(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, signal.SIG_IGN))
        undo.callback(signal.pthread_sigmask, signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_BLOCK, [34, 35]))
        undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 777), hard))
        undo.callback(os.setpriority, os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        leak = os.open("/dev/null", os.O_RDONLY)
        os.dup2(leak, 150, inheritable=True)
        undo.callback(os.close, leak)
        undo.callback(os.close, 150)
        yield


@pytest.fixture(scope="module")
def beside() -> Iterator[Testbed]:
    """A testbed that such a caller opened."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        odd_caller(monkeypatch),
        a_testbed(LocalSession(), "surroundings") as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def floors(beside: Testbed) -> Iterator[Floors]:
    with ExitStack() as exits:
        yield Floors(exits, LocalSession(), beside)


@single
def test_a_command_sees_the_same_in_every_environment(stack: Stack, floors: Floors) -> None:
    if stack.makes_up:
        assert stack.environments[-1].variants() == ()  # it runs its commands on the host, as the host's own
        return
    native, _ = floors.on((Bare(),))
    assert assert_usual(floors.on(stack.environments)[0]) == assert_usual(native)


def test_the_peer_sees_the_same_too(beside: Testbed, request: pytest.FixtureRequest) -> None:
    if beside.peer_address is None:
        give_up(request.config, "bare", why=beside.no_network)
    assert_usual(beside.peer)


@single
def test_nothing_of_the_caller_is_in_what_leads_to_an_agent(stack: Stack, floors: Floors) -> None:
    if stack.name not in ("bare", "bare-host", "oci-runc"):
        assert stack.name  # no process of the host can be looked at from inside
        return
    look = 'tr "\\0" "\\n" </proc/$PPID/environ; cat /proc/1/environ | tr "\\0" "\\n"'
    words = look if stack.name == "oci-runc" else look.partition(";")[0]
    session, _ = floors.on(stack.environments)
    text = session.run(["sh", "-c", words], timeout_s=60).text
    assert text
    assert [name for name, value in SECRETS.items() if name != "PATH" and value in text] == []


def test_a_run_gives_the_caller_its_own_priority_back(tmp_path: Path) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + 3)
    try:
        host = LocalSession()
        with open_testbed(
            host=LocalHost(host),
            image=None,
            processors=processors.find(host, 1),
            memory_b=2**20,
            scratch=tmp_path,
            name="x",
        ):
            inside = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, 0) == before + 3
        assert inside == 0
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)
