"""A command has the same surroundings in every environment, whatever the caller of vbench brings."""

import json
import os
import resource
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.contract.stacks import Stack, a_testbed
from tests.support.giving_up import give_up
from vbench.contracts import Session, Started, Testbed
from vbench.host import processors
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.testbed.host import open_testbed

LOOK = """
import json, os, resource, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
json.dump({
    "environment": dict(os.environ),
    "bytes": len(open("/proc/self/environ", "rb").read()),
    "folder": os.getcwd(),
    "umask": status["Umask"].strip(),
    "blocked": status["SigBlk"].strip(),
    "ignored": int(status["SigIgn"], 16) & ~(1 << 12 | 1 << 24),
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in names},
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "class": os.sched_getscheduler(0),
    "killed first": open("/proc/self/oom_score_adj").read().strip(),
    "personality": open("/proc/self/personality").read().strip(),
    "groups": [os.getgid(), *os.getgroups()],
    "session": os.getsid(0) == os.getpid(),
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:3],
    "inherited": sum(os.path.exists(f"/proc/self/fd/{number}") for number in range(100, 200)),
}, sys.stdout)
"""  # Python itself ignores SIGPIPE and SIGXFSZ
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
EXPECTED: dict[str, Any] = {
    "environment": {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    },
    "bytes": 110,
    "folder": "/",
    "umask": "0022",
    "blocked": "0000000000000000",
    "ignored": 0,
    "nice": 0,
    "class": os.SCHED_OTHER,
    "killed first": "0",
    "personality": "00000000",
    "groups": [0],
    "session": True,
    "open": [0, 1, 2],
    "inherited": 0,
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
def found() -> dict[str, dict[str, Any]]:
    """What each stack saw, by its name."""
    return {}


def variables_of(session: Session) -> dict[str, str]:
    """What the environment's own words set: the dose of a known fault, which is all that it differs by."""
    words = session.argv[-1] if isinstance(session, Started) and session.argv else ()
    return dict(word.split("=", 1) for word in words if word.startswith("VBENCH_"))


def seen(session: Session, own: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """What a command sees, without the variables that its environment sets itself: each must be there."""
    result: dict[str, Any] = json.loads(
        session.run([session.workplace.python, "-I", "-S", "-c", LOOK], timeout_s=60).check().stdout
    )
    for name, value in own.items():
        assert result["environment"].pop(name) == value
        result["bytes"] -= len(f"{name}={value}\0")
    return result


def test_a_command_sees_the_same_in_every_environment(
    stack: Stack, beside: Testbed, found: dict[str, dict[str, Any]]
) -> None:
    if stack.makes_up:
        assert stack.environments[-1].variants() == ()  # it runs its commands on the host, as the host's own
        return
    with ExitStack() as exits:
        session, _ = replace(stack, testbed=beside).start(exits)
        own = variables_of(session)
        found[stack.name] = seen(session, own)
        mine = found[stack.name]
        assert {name: mine[name] for name in EXPECTED} == EXPECTED
        assert session.run(["mktemp", "-u"], timeout_s=60).check().text.startswith("/tmp/tmp.")
        networked = session.on_network()
        assert networked is session or seen(networked, own) == mine
    first = next(iter(found.values()))
    assert mine == first


def test_the_peer_sees_the_same_too(beside: Testbed, request: pytest.FixtureRequest) -> None:
    if beside.peer_address is None:
        give_up(request.config, "bare", why=beside.no_network)
    there = seen(beside.peer)
    assert {name: there[name] for name in EXPECTED} == EXPECTED


def test_nothing_of_the_caller_is_in_what_leads_to_an_agent(stack: Stack, beside: Testbed) -> None:
    if stack.name not in ("bare", "bare-host", "oci-runc"):
        assert stack.name  # no process of the host can be looked at from inside
        return
    look = 'tr "\\0" "\\n" </proc/$PPID/environ; cat /proc/1/environ | tr "\\0" "\\n"'
    words = look if stack.name == "oci-runc" else look.partition(";")[0]
    with ExitStack() as exits:
        session, _ = replace(stack, testbed=beside).start(exits)
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
