"""The real engines, each proved by one start; what cannot run here skips with its own words, unless --real names it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from vbench import image
from vbench.contracts import Environment, Session, Testbed
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.host import processors
from vbench.host.proc import LocalSession
from vbench.model import Layer
from vbench.testbed.host import open_testbed

SCRATCH = Path("/var/tmp")
STACKS: dict[str, tuple[Environment, ...]] = {
    "bare": (Bare(),),
    "bare-host": (Bare(root="host"),),
    "oci-runc": (Oci(),),
    "oci-crun": (Oci(runtime="crun"),),
    "qemu-tcg": (Qemu(),),
    "qemu-kvm": (Qemu(accel="kvm"),),
    "fake": (Fake(),),
    "fake-on-fake": (Fake(), Fake(on="beneath")),
    "bare-on-qemu": (Qemu(), Bare(on="beneath")),
}


@dataclass(frozen=True)
class Stack:
    """Environments to start one on another, the lowest first."""

    name: str
    environments: tuple[Environment, ...]
    host: LocalSession
    testbed: Testbed

    def start(self, stack: ExitStack) -> tuple[Session, Testbed]:
        session: Session = self.host
        testbed = self.testbed
        for environment in self.environments:
            session = stack.enter_context(environment.start(session, testbed))
            testbed = testbed.within(session)
        return session, testbed


@pytest.fixture(scope="session")
def host() -> LocalSession:
    return LocalSession(layers=(Layer("host", "the machine of the test"),))


@pytest.fixture(scope="session")
def testbed(host: LocalSession) -> Iterator[Testbed]:
    with a_testbed(host, "contract") as opened:
        yield opened


def a_testbed(host: LocalSession, name: str) -> AbstractContextManager[Testbed]:
    """One of a processor and a gibibyte."""
    return open_testbed(
        host=host,
        image=image.find(),
        processors=processors.find(host, 1),
        memory_b=2**30,
        scratch=SCRATCH,
        name=name,
    )


@pytest.fixture(scope="session", params=list(STACKS))
def stack(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> Stack:
    """Every stack; one that cannot run here skips with its own reason."""
    name: str = request.param
    environments = STACKS[name]
    lacking = [f"{m.what} ({m.hint})" for e in environments if e.on is None for m in e.missing(host)]
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
