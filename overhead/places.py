"""Opens what the scripts measure on: the testbed of the smoke suite, and one start as its benchmarks see it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from vbench import facts, runner
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import Image
from vbench.contracts import Environment, Session, Start, Testbed
from vbench.errors import VbenchError
from vbench.host.local import LocalHost
from vbench.testbed.host import HostTestbed

TRIAL_S = 1.0


@contextmanager
def testbed() -> Iterator[tuple[Session, HostTestbed]]:
    """The host and its testbed; this process is pinned to the processors that a run's harness has."""
    host = LocalHost()
    known = facts.collect(host.session)
    with runner.testbed_of_run(suites.load("smoke"), image(), "overhead", known, host) as opened:
        assert isinstance(opened, HostTestbed)
        yield opened.host.session, opened


def image() -> Image:
    found = images.find()
    if found is None:
        raise VbenchError("there is no image to measure with", hint="run `vbench image build`")
    return found


@contextmanager
def start(environment: Environment, host: Session, opened: Testbed) -> Iterator[Start]:
    """A fresh start of an environment."""
    with ExitStack() as stack:
        session = stack.enter_context(environment.start(host, opened))
        yield Start(
            session=session,
            testbed=opened,
            padding_b=0,
            trial_s=TRIAL_S,
            warmup_s=TRIAL_S / 2,
            loops=None,
            raw=lambda name, data: None,
            stack=stack,
        )
