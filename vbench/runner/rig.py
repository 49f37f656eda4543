"""Holds what all starts of a run share: the suite, the testbed, and the store of their files."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from vbench import facts, gates
from vbench import suite as suites
from vbench.beneath import ServedBy, Unseen
from vbench.contracts import Started, Testbed
from vbench.errors import StartFailed
from vbench.model import EnvironmentRecord, Facts
from vbench.runner import stack as stacks
from vbench.runner.catching import Keep, caught, guarded
from vbench.runner.clocks import Clocks
from vbench.runner.stack import Stack
from vbench.runner.watch import counting
from vbench.suite import Suite

T = TypeVar("T")


@dataclass(frozen=True)
class Rig:
    """Starts arms, and reads what the host counts meanwhile."""

    suite: Suite
    testbed: Testbed
    raw: Callable[[str, bytes], str]  # stores a file under a name, and gives its path inside the run folder
    clocks: Clocks = field(default_factory=Clocks)
    quota: float | None = None  # processors that the harness's own control group allows, and so every arm

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms in the plan's order."""
        return (*self.suite.arms, self.suite.method.control)

    def start(self, arm: str, exits: ExitStack, keep: Keep) -> Stack:
        """The whole stack of an arm, stopped with `exits`."""

        def enter(context: AbstractContextManager[T]) -> T:
            return exits.enter_context(guarded(context, keep))

        with caught(StartFailed, keep):
            return stacks.start(self.suite, arm, self.testbed, enter)

    def counters(self, served_by: ServedBy) -> gates.Counters:
        return self.testbed.host.counters(self.testbed.cpus, self.counted(served_by))

    def spent(self, served_by: ServedBy) -> gates.Spent:
        return self.testbed.host.spent(self.testbed.cpus, self.counted(served_by))

    def counted(self, served_by: ServedBy) -> ServedBy:
        """`served_by`, or Unseen where harness and peer share the arms' processors: their time cannot be told apart."""
        if set(self.testbed.cpus) & set(self.testbed.peer_cpus):
            return Unseen("the harness shares these processors")
        return served_by

    def record(self, arm: str, started: Stack) -> EnvironmentRecord:
        """The manifest's record of a started arm."""
        *beneath, uppermost = started.described(self.suite)
        if isinstance(started.session, Started):
            counted = counting(self.counted(started.session.served_by))
            uppermost = replace(uppermost, mechanisms=(*uppermost.mechanisms, *counted))
        return replace(
            suites.environment_record(self.suite, arm),
            layers=started.session.layers,
            image=started.session.workplace.image,
            argv=uppermost.argv,
            mechanisms=uppermost.mechanisms,
            stack=(*beneath, uppermost),
        )

    def facts(self, started: Stack) -> Facts:
        """The facts of a started arm, with its requested and its configured limits."""
        limits, session = self.suite.testbed, started.session
        limited = facts.with_limits(
            facts.collect(session, scratch=str(session.workplace.scratch)),
            requested_cpus=limits.cpus,
            requested_memory_b=limits.memory,
            configured_cpus=len(self.testbed.cpus),
            configured_memory_b=started.memory_limit_b,
            quota=self.quota,
        )
        argv = session.argv if isinstance(session, Started) else ()
        return facts.with_engine(
            limited, session.workplace.image, argv, started.engines(self.suite, self.testbed.host.session)
        )
