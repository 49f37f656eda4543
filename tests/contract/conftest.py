"""The real engines, each proved by one start; what cannot run here skips with its own words, unless --real names it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stacks import STACKS, Stack, a_testbed
from vbench.contracts import Session, Testbed
from vbench.host.proc import LocalSession
from vbench.model import Layer


@pytest.fixture(scope="session")
def host() -> LocalSession:
    return LocalSession(layers=(Layer("host", "the machine of the test"),))


@pytest.fixture(scope="session")
def testbed(host: LocalSession) -> Iterator[Testbed]:
    with a_testbed(host, "contract") as opened:
        yield opened


@pytest.fixture(scope="session", params=list(STACKS))
def stack(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> Stack:
    """Every stack; one that cannot run here skips with its own reason."""
    name: str = request.param
    environments = STACKS[name]
    lacking = [f"{m.what} ({m.hint})" for m in environments[0].missing(host)]
    problem = ", ".join(lacking)
    if not problem and len(environments) == 1:
        problem = environments[0].probe(host, testbed).problem
    if problem:
        (pytest.fail if name in request.config.getoption("--real") else pytest.skip)(f"{name}: {problem}")
    return Stack(name, environments, host, testbed)


@pytest.fixture(scope="session")
def session(stack: Stack) -> Iterator[Session]:
    """One start that the tests of a stack share."""
    with ExitStack() as exits:
        yield stack.start(exits)[0]
