"""Checks from outside the workload that can void a block: foreign processor time, throttling, a clock that ran wrong.

They are fixed before the run and see no result. Steal and run delay are reported and never gate (method.md, section 6).
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from vbench.contracts import ClockReading
from vbench.model import Layer, Reading

FOREIGN_SHARE = 0.02  # of wall: a task of somebody else's on the environment's processors
LIMIT_PPM = 100.0  # host against guest clock; what a good oscillator keeps
LIMIT_TCG_PPM = 1000.0  # an emulated guest calibrates its clock against an emulated timer
# Six counts enter that are kept in ticks: busy time by kind, and what ended children took.
RESOLUTION_S = 6 / os.sysconf("SC_CLK_TCK")
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a process, in its clock id
KERNEL_THREADS = 2  # their parent, kthreadd
_THROTTLES = "devices/system/cpu/cpu*/thermal_throttle/*_throttle_count"


@dataclass(frozen=True)
class Counters:
    """The host's own counters at one moment; times in s, None where the host does not tell."""

    at_s: float
    busy_s: float  # user, nice and system time of the processors (proc_stat(5)); neither interrupts nor steal
    steal_s: float
    ours_s: float | None  # of our processes that are pinned to these processors, their ended children included
    kernel_s: dict[int, float]  # kernel threads by pid, those that last ran there: they serve whoever asked
    throttled: int | None
    idle_s: float | None = None  # idle, iowait and steal of the processors: all that is certainly not busy
    processors: int = 1


def read(cpus: Sequence[int], *, apart: bool, sysfs: Path = Path("/sys")) -> Counters:
    """Now, on this host. `apart`: harness and peer are kept off `cpus`; if not, ours cannot be told from theirs."""
    each = psutil.cpu_times(percpu=True)
    mine = [each[cpu] for cpu in cpus]
    return Counters(
        at_s=time.clock_gettime(time.CLOCK_MONOTONIC_RAW),
        busy_s=sum(t.user + t.nice + t.system for t in mine),
        steal_s=sum(getattr(t, "steal", 0.0) for t in mine),
        ours_s=served_s(cpus, apart=apart),
        kernel_s=_kernel_s(frozenset(cpus)),
        throttled=_throttled(sysfs),
        idle_s=sum(t.idle + getattr(t, "iowait", 0.0) + getattr(t, "steal", 0.0) for t in mine),
        processors=len(mine),
    )


def served_s(cpus: Sequence[int], *, apart: bool) -> float | None:
    """Processor time so far of our processes pinned to `cpus`: guest, VMM, engine and workload, ended ones included."""
    if not apart:
        return None
    pinned, total = frozenset(cpus), 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended; its parent has its time
            if frozenset(process.cpu_affinity()) <= pinned:
                total += _spent_s(process.pid) + sum(process.cpu_times()[2:4])  # its own, and of waited-for children
    return total


def _spent_s(pid: int) -> float:
    """All threads' processor time to the nanosecond; proc_pid_stat(5) has whole ticks, each rounded down."""
    try:
        return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)  # clock_getcpuclockid(3)
    except OSError:
        raise psutil.NoSuchProcess(pid) from None


def _kernel_s(cpus: frozenset[int]) -> dict[int, float]:
    found: dict[int, float] = {}
    with suppress(psutil.Error):
        for thread in psutil.Process(KERNEL_THREADS).children():
            with suppress(psutil.Error):
                if thread.cpu_num() in cpus:
                    found[thread.pid] = sum(thread.cpu_times()[:2])
    return found


def _throttled(sysfs: Path) -> int | None:
    counts = [int(path.read_text()) for path in sysfs.glob(_THROTTLES)]
    return sum(counts) if counts else None


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
    error_s, bound_s = _clock(clocks)
    return Reading(
        block=block,
        attempt=attempt,
        environment=environment,
        wall_s=wall_s,
        busy_s=_busy_s(first, last),
        ours_s=_served_s(first, last),
        steal_s=last.steal_s - first.steal_s,
        throttled=None if first.throttled is None or last.throttled is None else last.throttled - first.throttled,
        clock_error_s=error_s,
        clock_bound_s=bound_s,
        clock_limit_ppm=limit_ppm,
    )


def _busy_s(first: Counters, last: Counters) -> float:
    """The smaller of what ticks saw busy and what was not idle: a quota in step with the tick looks all busy."""
    seen_s = last.busy_s - first.busy_s
    if first.idle_s is None or last.idle_s is None:
        return seen_s
    return max(0.0, min(seen_s, (last.at_s - first.at_s) * last.processors - (last.idle_s - first.idle_s)))


def _served_s(first: Counters, last: Counters) -> float | None:
    if first.ours_s is None or last.ours_s is None:
        return None
    kernel_s = sum(spent_s - first.kernel_s.get(pid, spent_s) for pid, spent_s in last.kernel_s.items())
    return last.ours_s - first.ours_s + kernel_s


def _clock(clocks: tuple[ClockReading | None, ClockReading | None]) -> tuple[float | None, float | None]:
    """Guest's elapsed time minus the host's, and how exactly it is known: half of both round trips."""
    first, last = clocks
    if first is None or last is None:
        return None, None
    host_s = (last.before_s + last.after_s - first.before_s - first.after_s) / 2
    bound_s = (last.after_s - last.before_s + first.after_s - first.before_s) / 2
    return last.inside_s - first.inside_s - host_s, bound_s


def judge(found: Reading) -> tuple[str, ...]:
    """Why this start voids its block; empty when it does not. What is unknown voids nothing."""
    reasons = []
    foreign = foreign_share(found)
    if foreign is not None and foreign > FOREIGN_SHARE + RESOLUTION_S / found.wall_s:
        reasons.append(f"{found.environment}: foreign tasks used {foreign:.1%} of its processors")
    if found.throttled:
        reasons.append(f"{found.environment}: the processor was throttled {found.throttled} times")
    if found.clock_error_s is not None and found.clock_bound_s is not None and found.clock_limit_ppm is not None:
        allowed_s = found.clock_limit_ppm * 1e-6 * found.wall_s + found.clock_bound_s
        if abs(found.clock_error_s) > allowed_s:
            how = "behind" if found.clock_error_s < 0 else "ahead of"
            reasons.append(f"{found.environment}: its clock fell {abs(found.clock_error_s):.3g} s {how} the host's")
    return tuple(reasons)


def foreign_share(found: Reading) -> float | None:
    """Processor time of tasks foreign to the run, as a share of wall; None when it cannot be told."""
    if found.busy_s is None or found.ours_s is None or found.wall_s <= 0:
        return None
    return max(0.0, found.busy_s - found.ours_s) / found.wall_s
