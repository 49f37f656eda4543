"""Opens the testbed of a run on its host."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TypeVar

from vbench import facts
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import Image
from vbench.contracts import Host, Session, Testbed
from vbench.host import processors, rights
from vbench.host.local import LocalHost
from vbench.model import Facts
from vbench.suite import Suite
from vbench.testbed.host import open_testbed

S = TypeVar("S", bound=Session)
_HERE = LocalHost()


@contextmanager
def rooted(suite: Suite, local: S) -> Iterator[S]:
    """The host session that a suite is measured on: root's, or in a user namespace where its environments need one.

    If every environment runs as any user, the session is the given one.
    """
    lower = [arm.environment for arm in suite.environments.values() if arm.on is None]
    if any(item.rights for environment in lower for item in environment.missing(local)):
        with rights.rooted(local) as host:
            yield host
    else:
        yield local


def image_of(suite: Suite) -> Image | None:
    """The image of a new run of this suite. None where there is none, or where nothing would execute its files."""
    return images.find() if suites.takes_image(suite) else None


@contextmanager
def testbed_of_run(suite: Suite, image: Image | None, name: str, known: Facts, host: Host = _HERE) -> Iterator[Testbed]:
    """The opened testbed, on a session that has the host's layers; vbench itself stays off the arms' processors.

    `known` are the host's facts.
    """
    local = host.session.layered(facts.layers(known))
    chosen = processors.find(local, suite.testbed.cpus, suite.testbed.cpu_list)
    with (
        host.harness_on(chosen.peer),
        images.in_use(image),
        rooted(suite, local) as session,
        open_testbed(
            host=host.through(session),
            image=image,
            processors=chosen,
            memory_b=suite.testbed.memory,
            scratch=PurePosixPath(suite.testbed.scratch),
            name=name,
        ) as testbed,
    ):
        yield testbed
