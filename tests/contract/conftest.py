"""The real engines, each proved by one start; what cannot run here skips with its own words, unless --real names it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.contract.stacks import STACKS, Stack, a_testbed
from tests.support.giving_up import give_up
from vbench.contracts import Environment, Session, Testbed
from vbench.host.proc import LocalSession
from vbench.model import Layer


class ByStack(LoadScopeScheduling):
    """What shares a start is run by one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStack:
    return ByStack(config, log)


def unit(nodeid: str) -> str:
    """The stack of a test; where a module opens a testbed of its own, the module; where it has its own starts, both."""
    path, _, rest = nodeid.partition("::")
    name = stack_in(rest.partition("[")[2].rstrip("]"))
    match Path(path).stem:
        case "test_odd_paths" | "test_same_surroundings" as module:
            return module
        case "test_faults" | "test_host_readings" as module:
            return f"{module} {name}"
        case module:
            return name or module


def stack_in(parameters: str) -> str:
    """The stack that stands first or last among a test's parameters, or nothing."""
    named = [name for name in STACKS if f"-{parameters}-".startswith(f"-{name}-")]
    named += [name for name in STACKS if f"-{parameters}-".endswith(f"-{name}-")]
    return max(named, key=len, default="")


@pytest.fixture(scope="session")
def host() -> LocalSession:
    return LocalSession(layers=(Layer("host", "the machine of the test"),))


@pytest.fixture(scope="session")
def testbed(host: LocalSession) -> Iterator[Testbed]:
    with a_testbed(host, "contract") as opened:
        yield opened


@pytest.fixture(scope="session", params=list(STACKS))
def stack(
    request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    """Every stack; one that cannot run here skips with its own reason."""
    name: str = request.param
    environments = STACKS[name]
    lacking = [f"{m.what} ({m.hint})" for m in environments[0].missing(host)]
    problem = ", ".join(lacking)
    if not problem and len(environments) == 1:
        problem = probed_once(name, environments[0], host, testbed, tmp_path_factory)
    if problem:
        give_up(request.config, name, why=f"{name}: {problem}")
    return Stack(name, environments, host, testbed)


def probed_once(
    name: str, environment: Environment, host: LocalSession, testbed: Testbed, folders: pytest.TempPathFactory
) -> str:
    """What a real start has shown, whichever worker made it: one that hangs takes its whole limit."""
    base = folders.getbasetemp()
    said = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"probed-{name}"
    with said.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        known = file.read()
        if not known:
            known = f"{environment.probe(host, testbed).problem}\n"
            file.write(known)
    return known.rstrip("\n")


@pytest.fixture(scope="session")
def session(stack: Stack) -> Iterator[Session]:
    """One start that the tests of a stack share."""
    with ExitStack() as exits:
        yield stack.start(exits)[0]
