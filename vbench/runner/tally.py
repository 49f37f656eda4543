"""Counts the processor time of several arms that are alive together, each by the processes that serve it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vbench import gates
from vbench.beneath import Descendants, ServedBy
from vbench.gates import Spent

KernelTimes = dict[int, float]


@dataclass(frozen=True)
class Tally:
    """Processor time so far, by the way in which it is counted, read between two moments of the harness's clock."""

    begun_s: float
    ended_s: float
    spent: dict[ServedBy, Spent]

    def until_s(self, later: "Tally") -> float:
        """The time between this tally and a later one. No arm works while one is taken."""
        return later.begun_s - self.ended_s


@dataclass
class Tallies:
    """Takes tallies. A child of the harness belongs to the arm that was started or measured when it was first seen."""

    spent: Callable[[ServedBy], Spent]
    ticks_per_s: int
    served_by: dict[str, ServedBy] = field(default_factory=dict)  # of the arms that are alive
    _owners: dict[int, str] = field(default_factory=dict)

    def join(self, arm: str, served_by: ServedBy) -> None:
        """The arm is alive from here on."""
        self.served_by[arm] = served_by
        self.now(arm)

    def now(self, arm: str) -> Tally:
        """A tally, at the end of something that `arm` did."""
        begun_s = time.monotonic()
        spent = {way: self.spent(way) for way in dict.fromkeys(self.served_by.values())}
        for each in spent.values():
            for child in each.children_s:
                self._owners.setdefault(child, arm)
        return Tally(begun_s, time.monotonic(), spent)

    def worked_s(self, arm: str, first: Tally, last: Tally) -> float | None:
        """Processor time of the arm, with that of the kernel's threads, while it was measured. None if unknown."""
        return gates.served_s(self._own(arm, first), self._own(arm, last), self.ticks_per_s)

    def idled_s(self, arm: str, first: Tally, last: Tally) -> float | None:
        """Processor time of the arm while another one was measured. None if unknown."""
        before, after = self._own(arm, first), self._own(arm, last)
        return gates.served_s(Spent(before.ours_s, {}), Spent(after.ours_s, {}), self.ticks_per_s)

    def _own(self, arm: str, tally: Tally) -> Spent:
        way = self.served_by[arm]
        spent = tally.spent.get(way, Spent(None, {}))
        if not isinstance(way, Descendants) or spent.ours_s is None:
            return spent
        own_s = sum(spent_s for child, spent_s in spent.children_s.items() if self._owners.get(child) == arm)
        return Spent(own_s, spent.kernel_s)
