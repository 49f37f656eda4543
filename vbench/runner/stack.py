"""Starts the stack of an arm, the lowest environment first, and keeps what each of its sessions tells of itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from vbench import facts
from vbench import suite as suites
from vbench.contracts import Session, Started, Testbed
from vbench.errors import SessionLost
from vbench.model import Facts, StackLayer
from vbench.suite import Suite

T = TypeVar("T")


class Enter(Protocol):
    """Enters a context that is left when the stack ends."""

    def __call__(self, context: AbstractContextManager[T], /) -> T: ...


@dataclass(frozen=True)
class Stack:
    """The sessions of one started arm, the lowest first, and the names of their environments in the suite."""

    names: tuple[str, ...]
    sessions: tuple[Session, ...]
    testbed: Testbed  # on the uppermost session

    @property
    def session(self) -> Session:
        return self.sessions[-1]

    @property
    def memory_limit_b(self) -> int | None:
        """The smallest memory limit of the layers in B; None if no layer has one."""
        limits = [session.memory_limit_b for session in self.sessions if isinstance(session, Started)]
        return min((limit for limit in limits if limit is not None), default=None)

    def engines(self, suite: Suite, host: Session) -> Facts:
        """Versions of the engines of each layer, asked on the layer beneath. The lowest of one name counts."""
        versions: Facts = {}
        for name, beneath in zip(self.names, (host, *self.sessions[:-1]), strict=True):
            versions = facts.engines(beneath, suite.environment(name).engines()) | versions
        return versions

    def described(self, suite: Suite) -> Iterator[StackLayer]:
        """The manifest's record of each session."""
        for name, session in zip(self.names, self.sessions, strict=True):
            layer = StackLayer(name, suite.environment(name).kind)
            if isinstance(session, Started):
                layer = StackLayer(name, layer.kind, session.argv, session.mechanisms, session.memory_limit_b)
            yield layer

    def evidence(self) -> Iterator[tuple[str, str, bytes]]:
        """Environment, file name and content; the name of a file of a lower layer begins with that layer."""
        for name, session in zip(self.names, self.sessions, strict=True):
            if not isinstance(session, Started):
                continue
            beneath = "" if session is self.session else f"on-{name}-"
            try:
                files = session.evidence()
            except SessionLost:  # the session went away with the layer beneath it, which has evidence of its own
                continue
            yield from ((name, f"{beneath}{file}", data) for file, data in files.items())


def start(suite: Suite, arm: str, testbed: Testbed, enter: Enter) -> Stack:
    """Starts every environment of the arm's stack. The run has prepared those that stand on the host itself."""
    names, sessions = suites.chain(suite, arm), [testbed.session]
    for name in names:
        entry = suite.arm(name)
        if suites.network(suite, name) == "none":
            testbed = testbed.offline(f"environments.{name} has network = 'none'")
        if entry.on is not None:
            enter(entry.environment.prepared(sessions[-1], testbed))
        sessions.append(enter(entry.environment.start(sessions[-1], testbed)))
        testbed = testbed.within(sessions[-1])
    return Stack(names, tuple(sessions[1:]), testbed)
