"""Sums up the host's counters while each arm was measured: reported beside the costs, never part of one."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from msgspec import Struct

from vbench import gates
from vbench.model import Reading


class Conditions(Struct, frozen=True):
    """Medians over an arm's starts, those in voided blocks included. None is unknown: no start told."""

    environment: str
    starts: int
    wall_s: float | None
    steal: float | None  # of wall, taken by the host's own hypervisor
    run_delay: float | None  # of wall: summed wait of our surviving threads for a processor; a lower bound
    queued: float | None  # of wall: summed wait of all tasks for the environment's processors; an upper bound
    foreign: float | None  # of wall, by tasks that are not the run's, on the environment's processors
    served_s: float | None  # processor time of what served the environment, a start
    clock_error_ppm: float | None  # guest's clock against the host's, without its sign
    clock_bound_ppm: float | None  # uncertainty of `clock_error_ppm`: large for a short trial
    throttled: int | None  # events, summed
    idle: float | None = None  # of a processor, by this arm while others were measured; None: none was alive beside it


def conditions(arms: Sequence[str], readings: Sequence[Reading]) -> tuple[Conditions, ...]:
    """The conditions of each arm in the suite's order; empty if the run kept no readings."""
    if not readings:
        return ()
    return tuple(
        _conditions(arm, [reading for reading in readings if reading.environment == arm and reading.block >= 1])
        for arm in arms
    )


def _conditions(name: str, starts: list[Reading]) -> Conditions:
    return Conditions(
        environment=name,
        starts=len(starts),
        wall_s=_median(starts, lambda reading: reading.wall_s),
        steal=_median(starts, lambda reading: _share(reading.steal_s, reading.wall_s)),
        run_delay=_median(starts, lambda reading: _share(reading.run_delay_s, reading.wall_s)),
        queued=_median(starts, lambda reading: _share(reading.queued_s, reading.wall_s)),
        foreign=_median(starts, gates.foreign_share),
        served_s=_median(starts, _own_s),
        clock_error_ppm=_median(starts, lambda reading: _ppm(reading.clock_error_s, reading.wall_s)),
        clock_bound_ppm=_median(starts, lambda reading: _ppm(reading.clock_bound_s, reading.wall_s)),
        throttled=_sum([reading.throttled for reading in starts]),
        idle=_median(starts, gates.idle_share),
    )


def _own_s(reading: Reading) -> float | None:
    """Processor time of the arm; `ours_s` is that of all arms that were alive together."""
    return reading.ours_s if reading.idle_s is None else reading.own_cpu_s


def _median(starts: list[Reading], of: Callable[[Reading], float | None]) -> float | None:
    values = [value for value in map(of, starts) if value is not None]
    return _finite(median(values)) if values else None


def _finite(value: float) -> float | None:
    """The value; None if it is infinite or not a number."""
    return value if math.isfinite(value) else None


def _sum(counts: list[int | None]) -> int | None:
    numbers = [count for count in counts if count is not None]
    return sum(numbers) if numbers else None


def _share(part_s: float | None, whole_s: float) -> float | None:
    return None if part_s is None or whole_s <= 0 else _finite(part_s / whole_s)


def _ppm(part_s: float | None, wall_s: float) -> float | None:
    share = _share(part_s, wall_s)
    return None if share is None else _finite(abs(share) * 1e6)
