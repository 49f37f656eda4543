"""The stacks that the contract tests run, derived from the table of environments, and the testbed they stand on."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

from vbench import image
from vbench.contracts import Environment, Session, Testbed
from vbench.environments import KINDS
from vbench.environments import beneath as beneath_of
from vbench.environments.bare import Bare
from vbench.environments.fake import Fake
from vbench.host import processors
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import open_testbed

SCRATCH = Path("/var/tmp")
Environments = tuple[Environment, ...]  # the lowest first
Floor = tuple[Session, Testbed]  # where an environment starts


def tried(kind: type[Environment]) -> Environments:
    """The variants of a kind; of one that has none, the environment with its defaults."""
    return kind.variants() or (kind(),)


def name_of(environment: Environment) -> str:
    """Its kind and the values in its title: "qemu accel=tcg" is qemu-tcg. A kind without variants is its own name."""
    if not type(environment).variants():
        return environment.kind
    return "-".join(word.rpartition("=")[2] for word in environment.title().split())


def pairs() -> Iterator[Environments]:
    """Each kind on each that it can stand on: offered ones on offered ones, and those for tests on themselves.

    Not on `bare`: it keeps its place on the run's network for itself, and what stands on it has none.
    """
    for above, beneath in product(KINDS.values(), KINDS.values()):
        isolated = beneath is not Bare and beneath.is_offered
        if (above.is_offered and isolated) or (above is beneath and not above.is_offered):
            fitting = (
                (lower, upper)
                for lower, upper in product(tried(beneath), tried(above))
                if not upper.misfit(beneath_of([lower]))
            )
            yield from islice(fitting, 1)


ALONE: Mapping[str, Environments] = {name_of(one): (one,) for kind in KINDS.values() for one in tried(kind)}
STACKS: Mapping[str, Environments] = {
    **ALONE,
    **{f"{upper.kind}-on-{lower.kind}": (lower, upper) for lower, upper in pairs()},
}
DEFAULTS = tuple(name_of(tried(kind)[0]) for kind in KINDS.values() if kind.is_offered)
"""The first variant of every kind that is offered: what users measure."""


def started_on(floor: Floor, environment: Environment, exits: ExitStack) -> Floor:
    session, testbed = floor
    started = exits.enter_context(environment.start(session, testbed))
    return started, testbed.within(started)


class Floors:
    """Environments that are started once, for all who use them or stand on them, and that end with `exits`."""

    def __init__(self, exits: ExitStack, host: LocalSession, testbed: Testbed) -> None:
        self._exits = exits
        self._started: dict[Environments, Floor] = {(): (host, testbed)}

    def on(self, environments: Environments) -> Floor:
        """Inside the last of these, the lowest of which comes first."""
        if environments not in self._started:
            below = self.on(environments[:-1])
            self._started[environments] = started_on(below, environments[-1], self._exits)
        return self._started[environments]

    def has(self, environments: Environments) -> bool:
        return environments in self._started


@dataclass(frozen=True)
class Stack:
    """Environments to start one on another, the lowest first."""

    name: str
    environments: tuple[Environment, ...]
    host: LocalSession
    testbed: Testbed

    @property
    def makes_up(self) -> bool:
        """Whether what it yields is made up: nothing is isolated, and files are the host's."""
        return isinstance(self.environments[-1], Fake)

    @property
    def is_on_host(self) -> bool:
        """Whether its commands run on the host's own files, none of its environments having the image's."""
        return not any(environment.needs_image for environment in self.environments)

    def start(self, exits: ExitStack, floors: Floors) -> Floor:
        """Its last environment, for the caller alone, on what it shares with other stacks."""
        return started_on(floors.on(self.environments[:-1]), self.environments[-1], exits)


def a_testbed(host: LocalSession, name: str) -> AbstractContextManager[Testbed]:
    """One of a processor and a gibibyte, and with a name of this worker's own."""
    return open_testbed(
        host=LocalHost(host),
        image=image.find(),
        processors=own_processors(host),
        memory_b=2**30,
        scratch=SCRATCH,
        name=f"{name}-{worker()}",
    )


def worker() -> int:
    """Number of this process among those that pytest runs side by side."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def own_processors(host: LocalSession) -> Processors:
    """Another processor for the environments of each worker, as far as there are as many."""
    usual = processors.find(host, 1)
    cpus = (*usual.environment, *usual.peer)
    return processors.find(host, 1, str(cpus[worker() % len(cpus)])) if worker() else usual
