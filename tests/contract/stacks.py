"""The stacks that the contract tests run, and the testbed on which they stand."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from vbench import image
from vbench.contracts import Environment, Session, Testbed
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.host import processors
from vbench.host.proc import LocalSession
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
    "fake-on-fake": (Fake(), Fake()),
    "bare-on-qemu": (Qemu(), Bare()),
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
