"""Checks from outside the workload that can void a block: foreign processor time, throttling, a clock that ran wrong.

They are fixed before the run and see no result. Steal and run delay are reported and never gate (method.md, section 6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from vbench.model import Layer, Reading, Reason, ReasonKind, Trial
from vbench.units import TICKS

FOREIGN_SHARE = 0.02  # of wall: a task of somebody else's on the environment's processors
LIMIT_PPM = 100.0  # host against guest clock; what a good oscillator keeps
LIMIT_TCG_PPM = 1000.0  # an emulated guest calibrates its clock against an emulated timer
# Six counts enter that are kept in ticks: busy time by kind, and what ended children took.
RESOLUTION_S = 6 / TICKS
Count = TypeVar("Count", int, float)


@dataclass(frozen=True)
class ClockReading:
    """CLOCK_MONOTONIC_RAW of an environment, between two readings of the harness's own; all in s."""

    before_s: float
    inside_s: float
    after_s: float


@dataclass(frozen=True)
class Spent:
    """Processor time so far of what serves an environment, in s."""

    ours_s: float | None  # of what `served_by` of its session says; None: that cannot be counted
    kernel_s: dict[int, float]  # kernel threads by pid, those that last ran there: they serve whoever asked


@dataclass(frozen=True)
class Counters:
    """The host's own counters at one moment; times in s, None where the host does not tell."""

    at_s: float
    busy_s: float | None  # user, nice and system time of the processors (proc_stat(5)); neither interrupts nor steal
    steal_s: float | None
    ours_s: float | None  # of what `served_by` of the session says, its ended processes included
    kernel_s: dict[int, float]  # kernel threads by pid, those that last ran there: they serve whoever asked
    throttled: int | None
    idle_s: float | None = None  # idle, iowait and steal of the processors: all that is certainly not busy
    processors: int = 1
    delays_s: dict[int, float] | None = None  # by thread: what each of ours waited for a processor, those alive now
    queued_s: float | None = None  # the same of all tasks on these processors, ended and foreign ones too


def served_s(first: Spent | Counters, last: Spent | Counters) -> float | None:
    """Processor time of all that served the environment between two looks.

    What has ended is counted in whole ticks: a little less than before is nothing, and much less is unknown, since the
    time of a process went where nobody looks.
    """
    if first.ours_s is None or last.ours_s is None:
        return None
    kernel_s = sum(max(0.0, spent_s - first.kernel_s.get(pid, spent_s)) for pid, spent_s in last.kernel_s.items())
    found_s = last.ours_s - first.ours_s + kernel_s
    return None if found_s < -RESOLUTION_S else max(0.0, found_s)


def clock_limit_ppm(layers: Iterable[Layer]) -> float:
    return LIMIT_TCG_PPM if any(layer.name == "tcg" for layer in layers) else LIMIT_PPM


def reading(
    *,
    block: int,
    attempt: int,
    environment: str,
    counters: tuple[Counters, Counters],
    clocks: tuple[ClockReading | None, ClockReading | None],
    limit_ppm: float,
) -> Reading:
    """What lies between two looks at the host; pure."""
    first, last = counters
    wall_s = last.at_s - first.at_s
    error_s, bound_s = clock_error_s(*clocks)
    return Reading(
        block=block,
        attempt=attempt,
        environment=environment,
        wall_s=wall_s,
        busy_s=_busy_s(first, last),
        ours_s=served_s(first, last),
        steal_s=_since(first.steal_s, last.steal_s),
        run_delay_s=_run_delay_s(first.delays_s, last.delays_s),
        queued_s=_since(first.queued_s, last.queued_s),
        throttled=_since(first.throttled, last.throttled),
        clock_error_s=error_s,
        clock_bound_s=bound_s,
        clock_limit_ppm=limit_ppm,
    )


def _since(first: Count | None, last: Count | None) -> Count | None:
    """Growth of a counter. None if it ran backwards: it counts something else now, as after a processor went away."""
    return None if first is None or last is None or last < first else last - first


def _busy_s(first: Counters, last: Counters) -> float | None:
    """The smaller of what ticks saw busy and what was not idle: a quota in step with the tick looks all busy."""
    seen_s, idle_s = _since(first.busy_s, last.busy_s), _since(first.idle_s, last.idle_s)
    if seen_s is None or idle_s is None:
        return seen_s
    return max(0.0, min(seen_s, (last.at_s - first.at_s) * last.processors - idle_s))


def _run_delay_s(first: dict[int, float] | None, last: dict[int, float] | None) -> float | None:
    if first is None or last is None:
        return None
    return sum(max(0.0, waited - first.get(thread, 0.0)) for thread, waited in last.items())


def clock_error_s(first: ClockReading | None, last: ClockReading | None) -> tuple[float | None, float | None]:
    """Guest's elapsed time minus the host's, and how exactly it is known: half of both round trips."""
    if first is None or last is None:
        return None, None
    host_s = (last.before_s + last.after_s - first.before_s - first.after_s) / 2
    bound_s = (last.after_s - last.before_s + first.after_s - first.before_s) / 2
    return last.inside_s - first.inside_s - host_s, bound_s


def judge(found: Reading) -> tuple[Reason, ...]:
    """Why this start voids its block; empty when it does not. What is unknown voids nothing."""
    reasons = []
    foreign = foreign_share(found)
    if foreign is not None and foreign > FOREIGN_SHARE + RESOLUTION_S / found.wall_s:
        reasons.append(Reason(ReasonKind.FOREIGN_LOAD, found.environment, foreign))
    if found.throttled:
        reasons.append(Reason(ReasonKind.THROTTLED, found.environment, float(found.throttled)))
    return (*reasons, *_clock_fault(found))


def judge_trial(trial: Trial) -> tuple[Reason, ...]:
    """Why this trial's own clock check voids its block: a fault that a whole start would hide in its length."""
    return _clock_fault(trial, trial.benchmark)


def _clock_fault(found: Reading | Trial, benchmark: str = "") -> tuple[Reason, ...]:
    if found.clock_error_s is None or found.clock_bound_s is None or found.clock_limit_ppm is None:
        return ()
    if abs(found.clock_error_s) <= found.clock_limit_ppm * 1e-6 * found.wall_s + found.clock_bound_s:
        return ()
    kind = ReasonKind.CLOCK_BEHIND if found.clock_error_s < 0 else ReasonKind.CLOCK_AHEAD
    return (Reason(kind, found.environment, abs(found.clock_error_s), benchmark),)


def foreign_share(found: Reading) -> float | None:
    """Processor time of tasks foreign to the run, as a share of wall; None when it cannot be told."""
    if found.busy_s is None or found.ours_s is None or found.wall_s <= 0:
        return None
    return max(0.0, found.busy_s - found.ours_s) / found.wall_s
