"""Watches one trial from the host: the processor time that served it, and how its environment's clock ran."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from vbench import gates
from vbench.beneath import Cgroup, Descendants, ServedBy, Unseen
from vbench.contracts import Session, Started


@dataclass(frozen=True)
class TrialCounts:
    """Processor time and clock error of one trial, as the trial keeps them. None is unknown."""

    host_cpu_s: float | None = None
    operations_cpu_s: float | None = None
    clock_error_s: float | None = None
    clock_bound_s: float | None = None
    clock_limit_ppm: float | None = None


def counting(served_by: ServedBy) -> tuple[str, ...]:
    """How an environment's processor time is counted, in words; empty where it is counted as usual."""
    match served_by:
        case Descendants():
            return ()
        case Cgroup():
            return ("processor time as its cgroup counts it",)
        case Unseen(why):
            return (f"processor time unknown: {why}",)
    assert_never(served_by)


class Watch:
    """Begins with a reading of both clocks, then of the processor time: no exchange is within what is counted."""

    def __init__(self, session: Session, spent: Callable[[], gates.Spent], ticks_per_s: int) -> None:
        self._clock = session.clock if isinstance(session, Started) else lambda: None
        self._limit_ppm = gates.clock_limit_ppm(session.layers)
        self._spent, self._ticks_per_s = spent, ticks_per_s
        self._first_clock = self._clock()
        self._first = spent()
        self._begun: gates.Spent | None = None
        self._ended: gates.Spent | None = None
        self._last: gates.Spent | None = None

    def begin(self) -> None:
        """The workload is set up: processor time from here on is spent on its operations."""
        self._begun = self._spent()

    def end(self) -> None:
        """The last operation is over. Without this call the operations last as long as the trial."""
        self._ended = self._spent()

    def over(self) -> None:
        """The trial is over."""
        self._last = self._spent()

    def counts(self, *, is_lost: bool) -> TrialCounts:
        """All counts, with a second reading of the clocks unless the environment is gone. Raises SessionLost."""
        assert self._last is not None
        served_s = gates.served_s(self._first, self._last, self._ticks_per_s)
        ended = self._ended or self._last
        operations_s = gates.served_s(self._begun, ended, self._ticks_per_s) if self._begun else None
        if is_lost:
            return TrialCounts(served_s, operations_s)
        error_s, bound_s = gates.clock_error_s(self._first_clock, self._clock())
        return TrialCounts(served_s, operations_s, error_s, bound_s, None if error_s is None else self._limit_ppm)
