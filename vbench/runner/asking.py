"""Asks before the first block what stacked environments lack: the environment beneath them is started for it once."""

from contextlib import AbstractContextManager
from typing import TypeVar

from vbench import suite as suites
from vbench.contracts import Missing, Testbed, hints, lacks
from vbench.errors import CommandFailed, CommandTimeout, EnvironmentUnavailable, SessionLost, StartFailed
from vbench.host import interrupts
from vbench.runner import stack as stacks
from vbench.runner.catching import caught, guarded
from vbench.runner.refusing import without
from vbench.suite import Suite

T = TypeVar("T")


def refuse_missing_above(suite: Suite, testbed: Testbed) -> None:
    """Raises EnvironmentUnavailable if a stacked environment lacks something on the one beneath it.

    If the environment beneath does not start, nothing is raised: the run stores why its trials are lost.
    """
    for beneath in dict.fromkeys(arm.on for arm in suite.environments.values() if arm.on is not None):
        above = [name for name, arm in suite.environments.items() if arm.on == beneath]
        for name, lacking in _lacking(suite, beneath, above, testbed).items():
            if lacking:
                ways = [hints(lacking), *without(suite, name)]
                raise EnvironmentUnavailable(
                    f"environment {name} ({suite.environment(name).title()}) cannot run on {beneath}, {lacks(lacking)}",
                    hint="; or ".join(way for way in ways if way),
                )


def _lacking(suite: Suite, beneath: str, above: list[str], testbed: Testbed) -> dict[str, tuple[Missing, ...]]:
    try:
        with interrupts.unwinding() as exits:

            def enter(context: AbstractContextManager[T]) -> T:
                return exits.enter_context(guarded(context, _nothing))

            with caught(StartFailed, _nothing):
                lowest = suite.environment(suites.chain(suite, beneath)[0])
                enter(lowest.prepared(testbed.session, testbed))
                session = stacks.start(suite, beneath, testbed, enter).session
                return {name: suite.environment(name).missing(session) for name in above}
    except (StartFailed, SessionLost, CommandFailed, CommandTimeout):
        return {}


def _nothing(name: str, data: bytes) -> None:
    """Drops a traceback: the run that follows meets the same fault and stores it."""
    del name, data
