"""Reads the host's own counters: processor time, steal, waiting and throttling, all from outside the workload."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vbench.gates import Counters, Spent
from vbench.host import processes
from vbench.host.processes import Task
from vbench.units import TICKS

_LOOKS = 5  # at all processes, before one that has just ended may lack
KERNEL_THREADS = 2  # their parent, kthreadd
LEAST_SCHEDSTAT = 15  # version of /proc/schedstat from which times are in ns
_LEAST_TIMES = 4  # user, nice, system and idle
_QUEUED = 8  # sched-stats.rst: sum of all time spent waiting to run by tasks on this processor
_THROTTLES = "devices/system/cpu/cpu*/thermal_throttle/*_throttle_count"


def read(cpus: Sequence[int], *, apart: bool, sysfs: Path = Path("/sys"), procfs: Path = Path("/proc")) -> Counters:
    """Now, on this host. `apart`: harness and peer are kept off `cpus`; if not, ours cannot be told from theirs."""
    times = processor_times(_text(procfs / "stat"), {*cpus, *os.sched_getaffinity(0)})
    mine = None if times is None else [times[cpu] for cpu in cpus]
    now = spent(cpus, apart=apart)
    return Counters(
        at_s=time.clock_gettime(time.CLOCK_MONOTONIC_RAW),
        busy_s=None if mine is None else sum(t.busy_s for t in mine),
        steal_s=None if mine is None else sum(t.steal_s for t in mine),
        ours_s=now.ours_s,
        kernel_s=now.kernel_s,
        throttled=_throttled(sysfs),
        idle_s=None if mine is None else sum(t.idle_s for t in mine),
        processors=len(cpus),
        delays_s=_delays_s(cpus) if apart else None,
        queued_s=_queued_s(cpus),
    )


class ProcessorTimes(NamedTuple):
    """What one processor did since boot, in s."""

    busy_s: float
    idle_s: float  # idle, iowait and steal
    steal_s: float


def processor_times(stat: str, needed: Iterable[int]) -> dict[int, ProcessorTimes] | None:
    """From /proc/stat (proc_stat(5)), by the processor's number, which has gaps where processors are offline.

    None if a needed processor has no line. Then the lines may be renumbered as well: lxcfs numbers those of a container
    from 0, while the affinity mask keeps the host's numbers.
    """
    found = {}
    for line in stat.splitlines():
        name, *fields = line.split() or [""]
        if not (name.startswith("cpu") and name[3:].isdecimal()):
            continue
        if len(fields) < _LEAST_TIMES or not all(map(str.isdecimal, fields)):
            return None
        # Kernels before 2.6.11 have no steal.
        user, nice, system, idle, iowait, _, _, steal = (*(int(field) / TICKS for field in fields[:8]), *[0.0] * 8)[:8]
        found[int(name[3:])] = ProcessorTimes(user + nice + system, idle + iowait + steal, steal)
    return found if set(needed) <= set(found) else None


def spent(cpus: Sequence[int], *, apart: bool) -> Spent:
    """So far: guest, VMM, engine and workload with what has ended of them, and the kernel's threads."""
    if not apart:
        return Spent(None, {})
    for _ in range(_LOOKS):
        tasks, all_there = processes.look()
        ours_s = 0.0
        for task in processes.below(tasks, os.getpid()):
            try:
                if processes.is_pinned(task.pid, cpus):
                    ours_s += processes.spent_s(task.pid) + task.ended_s
            except OSError:  # it ended: its time went to its parent, which was looked at before
                all_there = False
        if all_there:
            break
    return Spent(ours_s, _kernel_s(tasks, cpus))


def _kernel_s(tasks: Mapping[int, Task], cpus: Sequence[int]) -> dict[int, float]:
    found: dict[int, float] = {}
    for task in tasks.values():
        if task.parent == KERNEL_THREADS and task.processor in cpus:
            with suppress(OSError):
                found[task.pid] = processes.spent_s(task.pid)
    return found


def _delays_s(cpus: Sequence[int], procfs: Path = Path("/proc")) -> dict[int, float] | None:
    """By thread. The run delay of an ended thread is lost: the kernel does not add it to the parent's."""
    if waited_s(_text(procfs / "self/schedstat")) is None:
        return None
    found = {}
    for task in processes.below(processes.look()[0], os.getpid()):
        with suppress(OSError):  # it has just ended
            if not processes.is_pinned(task.pid, cpus):
                continue
        for file in procfs.glob(f"{task.pid}/task/*/schedstat"):
            with suppress(OSError):
                found[int(file.parent.name)] = waited_s(file.read_text(encoding="utf-8")) or 0.0
    return found


def waited_s(schedstat: str) -> float | None:
    """From /proc/PID/schedstat: time on a processor, time waiting for one (both in ns), times it got one.

    None for what never got one: a kernel that does not account says so of every task, and of the one that asks too.
    """
    words = schedstat.split()
    if len(words) != 3 or not all(map(str.isdecimal, words)):
        return None
    return int(words[1]) * 1e-9 if int(words[2]) else None


def _queued_s(cpus: Sequence[int], file: Path = Path("/proc/schedstat")) -> float | None:
    return queued_s(_text(file), cpus)


def queued_s(schedstat: str, cpus: Sequence[int]) -> float | None:
    """What all tasks so far waited for these processors, ended ones too. None for a version that is not known."""
    lines = {words[0]: words[1:] for line in schedstat.splitlines() if (words := line.split())}
    version = next(iter(lines.get("version", [])), "")
    mine = [lines.get(f"cpu{cpu}", []) for cpu in cpus]
    if not version.isdecimal() or int(version) < LEAST_SCHEDSTAT:
        return None
    if any(len(words) <= _QUEUED or not words[_QUEUED - 1].isdecimal() for words in mine):
        return None
    return sum(int(words[_QUEUED - 1]) for words in mine) * 1e-9


def _throttled(sysfs: Path) -> int | None:
    """None if one processor's count cannot be read: the sum of the others would hide its throttling."""
    counts = [_text(path).strip() for path in sysfs.glob(_THROTTLES)]
    return sum(map(int, counts)) if counts and all(map(str.isdecimal, counts)) else None


def _text(path: Path) -> str:
    """A file of the kernel, empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
