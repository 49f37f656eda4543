"""Reads this host's processes and their processor times, fast enough for between a trial's operations.

psutil reads more of each process and takes two to three times as long.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")  # clock ticks a second, in which this kernel counts processor time
_SNAPSHOTS = 5  # at most: in the last one a process that has just ended may be missing
KERNEL_THREADS = 2  # their parent, kthreadd
_STAT_B = 4096  # more than 52 numbers and a name take
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a process, in its clock id


class Task(NamedTuple):
    """A process as proc_pid_stat(5) has it."""

    pid: int
    parent: int
    ended_s: float  # processor time of its children that ended and were waited for, in whole ticks
    processor: int  # where it last ran


def snapshot() -> tuple[dict[int, Task], bool]:
    """All processes by pid, and whether none ended meanwhile."""
    tasks, all_there = {}, True
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        try:
            tasks[pid] = parse(_stat(pid))
        except (OSError, ValueError, IndexError):  # it ended, before or while it was read
            all_there = False
    return tasks, all_there


def _stat(pid: int) -> bytes:
    """Content of /proc/PID/stat: without pathlib and decoding, a snapshot takes a third of the time."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _STAT_B)
    finally:
        os.close(descriptor)


def parse(stat: bytes) -> Task:
    """Parses /proc/PID/stat. The process's name can contain blanks, parentheses and bytes that are no text."""
    head, _, rest = stat.rpartition(b")")
    words = rest.split()
    return Task(int(head.split()[0]), int(words[1]), (int(words[13]) + int(words[14])) / TICKS, int(words[36]))


def below(tasks: Mapping[int, Task], root: int) -> dict[int, int]:
    """All descendants by pid, each after its parent, with the child of `root` that it descends from."""
    children: dict[int, list[int]] = {}
    for task in tasks.values():
        children.setdefault(task.parent, []).append(task.pid)
    tops = {pid: pid for pid in children.get(root, ())}
    left = list(tops)
    for pid in left:
        mine = children.get(pid, ())
        tops |= dict.fromkeys(mine, tops[pid])
        left += mine
    return tops


def is_pinned(pid: int, cpus: Sequence[int]) -> bool:
    """Whether a process may run on `cpus` only. Raises OSError if it has ended."""
    return os.sched_getaffinity(pid) <= set(cpus)


def spent_s(pid: int) -> float:
    """Processor time of a process or zombie with all threads, in ns steps (clock_getcpuclockid(3)). Raises OSError."""
    return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)


class Source(NamedTuple):
    """Where processes are read: from this kernel. Tests let them end between two looks."""

    snapshot: Callable[[], tuple[dict[int, Task], bool]] = snapshot
    is_pinned: Callable[[int, Sequence[int]], bool] = is_pinned
    spent_s: Callable[[int], float] = spent_s


_KERNEL = Source()


def pinned_below(root: int, cpus: Sequence[int], source: Source = _KERNEL) -> tuple[dict[int, float], dict[int, Task]]:
    """Processor time so far of the descendants pinned to `cpus` and of their ended children, and all processes.

    The times are sums by the child of `root` that the descendants come from.
    """
    for _ in range(_SNAPSHOTS):
        tasks, all_there = source.snapshot()
        times_s: dict[int, float] = {}
        for pid, top in below(tasks, root).items():
            try:
                if source.is_pinned(pid, cpus):
                    times_s[top] = times_s.get(top, 0.0) + source.spent_s(pid) + tasks[pid].ended_s
            except OSError:  # it ended: its time went to its parent, which was read before
                all_there = False
        if all_there:
            break
    return times_s, tasks


def kernel_s(tasks: Mapping[int, Task], cpus: Sequence[int]) -> dict[int, float]:
    """Processor time so far of the kernel's threads that last ran on `cpus`, by pid."""
    times_s: dict[int, float] = {}
    for task in tasks.values():
        if task.parent == KERNEL_THREADS and task.processor in cpus:
            with suppress(OSError):
                times_s[task.pid] = spent_s(task.pid)
    return times_s


def threads_below(root: int, cpus: Sequence[int]) -> Iterator[int]:
    """Threads of the descendants that are pinned to `cpus`."""
    for pid in below(snapshot()[0], root):
        with suppress(OSError):  # it has just ended
            if is_pinned(pid, cpus):
                yield from (int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir())


def pinned(threads: Iterable[int], cpus: Sequence[int]) -> Iterator[int]:
    """Those of the threads that are pinned to `cpus`."""
    for thread in threads:
        with suppress(OSError):  # it has just ended
            if is_pinned(thread, cpus):
                yield thread
