"""Checks from outside the workload that can void a block: foreign processor time, throttling, a wrong clock.

Their limits are fixed before the run, and they see no result. Steal and run delay are reported and void nothing
(method.md, section 6).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vbench.model import Layer, Reading, Trial
from vbench.reasons import Reason, ReasonKind

IDLE_SHARE = 0.005  # limit on what an arm may use of one processor while others are measured
FOREIGN_SHARE = 0.02  # limit on foreign tasks' use of the environment's processors, as a share of wall time
LIMIT_PPM = 100.0  # host against guest clock; a good oscillator stays below it
LIMIT_TCG_PPM = 1000.0  # an emulated guest calibrates its clock against an emulated timer
RESOLUTION_TICKS = 6  # the counts in ticks on which a result depends: busy time by kind, the times of ended children
Count = TypeVar("Count", int, float)


@dataclass(frozen=True)
class ClockReading:
    """CLOCK_MONOTONIC_RAW of an environment, and of the harness before and after it, in s."""

    before_s: float
    inside_s: float
    after_s: float


@dataclass(frozen=True)
class Spent:
    """Processor time so far of all that serves an environment, in s."""

    ours_s: float | None  # of `served_by` of its session; None: it cannot be counted
    kernel_s: dict[int, float]  # by pid, of the kernel threads that last ran on these processors
    children_s: dict[int, float] = field(default_factory=dict)  # `ours_s` by child of the harness, where it is of these


@dataclass(frozen=True)
class Counters:
    """The host's counters at one moment. Times are in s, None where the host has no such counter."""

    at_s: float
    busy_s: float | None  # user, nice and system time of the processors (proc_stat(5)); neither interrupts nor steal
    steal_s: float | None
    ours_s: float | None  # of `served_by` of the session, with its ended processes
    kernel_s: dict[int, float]  # by pid, of the kernel threads that last ran on these processors
    throttled: int | None
    idle_s: float | None = None  # idle, iowait and steal of the processors: time that is certainly not busy
    processors: int = 1
    delays_s: dict[int, float] | None = None  # by thread: waiting time of our living threads
    queued_s: float | None = None  # waiting time of all tasks on these processors, with ended and foreign ones


def served_s(first: Spent | Counters, last: Spent | Counters, ticks_per_s: int) -> float | None:
    """Processor time in s of all that served the environment between two counts. None if unknown.

    Ended processes are counted in whole ticks, so that a slightly negative difference counts as 0. A larger one is
    unknown: the time of an ended process went to a process that is not counted.
    """
    if first.ours_s is None or last.ours_s is None:
        return None
    kernel_s = sum(max(0.0, spent_s - first.kernel_s.get(pid, spent_s)) for pid, spent_s in last.kernel_s.items())
    served = last.ours_s - first.ours_s + kernel_s
    return None if served < -RESOLUTION_TICKS / ticks_per_s else max(0.0, served)


def clock_limit_ppm(layers: Iterable[Layer]) -> float:
    return LIMIT_TCG_PPM if any(layer.name == "tcg" for layer in layers) else LIMIT_PPM


def reading(
    *,
    block: int,
    attempt: int,
    environment: str,
    group: int = 0,
    counters: tuple[Counters, Counters],
    clocks: tuple[ClockReading | None, ClockReading | None],
    limit_ppm: float,
    ticks_per_s: int,
) -> Reading:
    """The differences between two states of the host's counters and of both clocks."""
    first, last = counters
    wall_s = last.at_s - first.at_s
    error_s, bound_s = clock_error_s(*clocks)
    return Reading(
        block=block,
        attempt=attempt,
        environment=environment,
        wall_s=wall_s,
        busy_s=_busy_s(first, last),
        ours_s=served_s(first, last, ticks_per_s),
        steal_s=_since(first.steal_s, last.steal_s),
        run_delay_s=_run_delay_s(first.delays_s, last.delays_s),
        queued_s=_since(first.queued_s, last.queued_s),
        throttled=_since(first.throttled, last.throttled),
        clock_error_s=error_s,
        clock_bound_s=bound_s,
        clock_limit_ppm=limit_ppm,
        group=group,
    )


def together(each: Sequence[Counters]) -> Counters:
    """One state of the host for several arms: `each` was read at one moment, for one way to count processor time."""
    first, ours_s = each[0], [counters.ours_s for counters in each]
    delays = [counters.delays_s for counters in each]
    return replace(
        first,
        ours_s=None if None in ours_s else math.fsum(filter(None, ours_s)),
        kernel_s={pid: spent_s for counters in each for pid, spent_s in counters.kernel_s.items()},
        delays_s=None if None in delays else {pid: s for by_pid in delays if by_pid for pid, s in by_pid.items()},
    )


def idle_share(start: Reading) -> float | None:
    """Processor time of an arm while others were measured, as a share of that time. None if unknown."""
    if start.idle_cpu_s is None or not start.idle_s:
        return None
    return start.idle_cpu_s / start.idle_s


def idle_shares(readings: Iterable[Reading]) -> dict[str, float]:
    """The idle share of each arm that has one; of the baseline's, which is started once for each group, the largest."""
    each = {(start.environment, start.group): idle_share(start) for start in readings}
    shares: dict[str, float] = {}
    for (arm, _), share in each.items():
        if share is not None:
            shares[arm] = max(share, shares.get(arm, share))
    return shares


def _since(first: Count | None, last: Count | None) -> Count | None:
    """Growth of a counter. None if it fell: it then counts something else, as after a processor went offline."""
    return None if first is None or last is None or last < first else last - first


def _busy_s(first: Counters, last: Counters) -> float | None:
    """The smaller of the busy time in ticks and the time not idle: a quota in step with the tick looks always busy."""
    seen_s, idle_s = _since(first.busy_s, last.busy_s), _since(first.idle_s, last.idle_s)
    if seen_s is None or idle_s is None:
        return seen_s
    return max(0.0, min(seen_s, (last.at_s - first.at_s) * last.processors - idle_s))


def _run_delay_s(first: dict[int, float] | None, last: dict[int, float] | None) -> float | None:
    if first is None or last is None:
        return None
    return sum(max(0.0, waited - first.get(thread, 0.0)) for thread, waited in last.items())


def clock_error_s(first: ClockReading | None, last: ClockReading | None) -> tuple[float | None, float | None]:
    """Guest's elapsed time minus the host's in s, and the error bound of it: half of both round trips."""
    if first is None or last is None:
        return None, None
    host_s = (last.before_s + last.after_s - first.before_s - first.after_s) / 2
    bound_s = (last.after_s - last.before_s + first.after_s - first.before_s) / 2
    return last.inside_s - first.inside_s - host_s, bound_s


def judge(start: Reading, ticks_per_s: int) -> tuple[Reason, ...]:
    """Reasons for which this start voids its block. Empty if it does not; unknown values void nothing.

    What strikes a block whose arms are alive together has no arm. `ticks_per_s` is the host's, as in `served_s`: what
    its clock ticks cannot tell from nothing voids nothing either.
    """
    reasons = []
    foreign, arm = foreign_share(start), "" if start.idle_s is not None else start.environment
    if foreign is not None and foreign > FOREIGN_SHARE + RESOLUTION_TICKS / ticks_per_s / start.wall_s:
        reasons.append(Reason(ReasonKind.FOREIGN_LOAD, arm, foreign, start.benchmark))
    if start.throttled:
        reasons.append(Reason(ReasonKind.THROTTLED, arm, float(start.throttled), start.benchmark))
    return (*reasons, *_clock_fault(start))


def judge_trial(trial: Trial) -> tuple[Reason, ...]:
    """Reasons for which this trial's clock voids its block. The length of a whole start would hide such a fault."""
    return _clock_fault(trial, trial.benchmark)


def _clock_fault(judged: Reading | Trial, benchmark: str = "") -> tuple[Reason, ...]:
    if judged.clock_error_s is None or judged.clock_bound_s is None or judged.clock_limit_ppm is None:
        return ()
    if abs(judged.clock_error_s) <= judged.clock_limit_ppm * 1e-6 * judged.wall_s + judged.clock_bound_s:
        return ()
    kind = ReasonKind.CLOCK_BEHIND if judged.clock_error_s < 0 else ReasonKind.CLOCK_AHEAD
    return (Reason(kind, judged.environment, abs(judged.clock_error_s), benchmark),)


def foreign_share(start: Reading) -> float | None:
    """Processor time of foreign tasks as a share of wall time. None if unknown."""
    if start.busy_s is None or start.ours_s is None or start.wall_s <= 0:
        return None
    return max(0.0, start.busy_s - start.ours_s) / start.wall_s
