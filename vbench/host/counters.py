"""Parses the kernel's counters of processors and threads: processor time, steal, waiting and throttling."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LEAST_SCHEDSTAT = 15  # version of /proc/schedstat from which times are in ns
_LEAST_TIMES = 4  # user, nice, system and idle
_QUEUED = 8  # sched-stats.rst: sum of all time spent waiting to run by tasks on this processor
_THROTTLES = "devices/system/cpu/cpu*/thermal_throttle/*_throttle_count"


class ProcessorTimes(NamedTuple):
    """Times of one processor since boot, in s."""

    busy_s: float
    idle_s: float  # idle, iowait and steal
    steal_s: float


def processor_times(stat: str, needed: Iterable[int], ticks_per_s: int) -> dict[int, ProcessorTimes] | None:
    """Times in /proc/stat (proc_stat(5)) by the processor's number. Offline processors leave gaps.

    None if a needed processor has no line. Then the lines may be renumbered as well: lxcfs numbers those of a container
    from 0, while the affinity mask keeps the host's numbers.
    """
    times = {}
    for line in stat.splitlines():
        name, *fields = line.split() or [""]
        if not (name.startswith("cpu") and name[3:].isdecimal()):
            continue
        if len(fields) < _LEAST_TIMES or not all(map(str.isdecimal, fields)):
            return None
        # Kernels before 2.6.11 have no steal.
        times_s = (int(field) / ticks_per_s for field in fields[:8])
        user, nice, system, idle, iowait, _, _, steal = (*times_s, *[0.0] * 8)[:8]
        times[int(name[3:])] = ProcessorTimes(user + nice + system, idle + iowait + steal, steal)
    return times if set(needed) <= set(times) else None


def waits_s(threads: Iterable[int], procfs: Path) -> dict[int, float] | None:
    """Time that each thread waited for a processor so far. None on a kernel that does not account it.

    The wait of an ended thread is lost: the kernel does not add it to the parent's.
    """
    if waited_s(text(procfs / "self/schedstat")) is None:
        return None
    waits = {}
    for thread in threads:
        with suppress(OSError):  # it has just ended
            schedstat = (procfs / str(thread) / "schedstat").read_text(encoding="utf-8")
            waits[thread] = waited_s(schedstat) or 0.0
    return waits


def waited_s(schedstat: str) -> float | None:
    """Waiting time in /proc/PID/schedstat: time on a processor, time waiting for one (both in ns), number of slices.

    None for a task without a slice: a kernel that does not account shows 0 for every task, also for the reader.
    """
    words = schedstat.split()
    if len(words) != 3 or not all(map(str.isdecimal, words)):
        return None
    return int(words[1]) * 1e-9 if int(words[2]) else None


def queued_s(schedstat: str, cpus: Sequence[int]) -> float | None:
    """Time that all tasks, with ended ones, waited for these processors so far. None for an unknown version."""
    lines = {words[0]: words[1:] for line in schedstat.splitlines() if (words := line.split())}
    version = next(iter(lines.get("version", [])), "")
    mine = [lines.get(f"cpu{cpu}", []) for cpu in cpus]
    if not version.isdecimal() or int(version) < LEAST_SCHEDSTAT:
        return None
    if any(len(words) <= _QUEUED or not words[_QUEUED - 1].isdecimal() for words in mine):
        return None
    return sum(int(words[_QUEUED - 1]) for words in mine) * 1e-9


def throttled(sysfs: Path) -> int | None:
    """Sum of all throttle counts. None if one cannot be read: the sum of the others would hide its throttling."""
    counts = [text(path).strip() for path in sysfs.glob(_THROTTLES)]
    return sum(map(int, counts)) if counts and all(map(str.isdecimal, counts)) else None


def text(path: Path) -> str:
    """Text of a file of the kernel. Empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
