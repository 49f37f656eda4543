"""This host's processes and the processor time of each, in one quick look: it is taken between a trial's operations.

psutil, which reads more of each process, takes two to three times as long for the same.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vbench.units import TICKS

_LOOKS = 5  # at all processes, before one that has just ended may lack
KERNEL_THREADS = 2  # their parent, kthreadd
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of a process, in its clock id


class Task(NamedTuple):
    """A process as proc_pid_stat(5) has it."""

    pid: int
    parent: int
    ended_s: float  # processor time of its children that ended and were waited for, in whole ticks
    processor: int  # where it last ran


def look() -> tuple[dict[int, Task], bool]:
    """All processes by pid, and whether none ended meanwhile."""
    found, all_there = {}, True
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        try:
            found[pid] = parse(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError, IndexError):  # it ended, before or while it was read
            all_there = False
    return found, all_there


def parse(stat: str) -> Task:
    """From /proc/PID/stat; a process chooses its own name, with blanks and parentheses as it likes."""
    head, _, rest = stat.rpartition(")")
    words = rest.split()
    return Task(int(head.split()[0]), int(words[1]), (int(words[13]) + int(words[14])) / TICKS, int(words[36]))


def below(tasks: Mapping[int, Task], root: int) -> list[Task]:
    """All descendants, each after its parent."""
    children: dict[int, list[Task]] = {}
    for task in tasks.values():
        children.setdefault(task.parent, []).append(task)
    found = list(children.get(root, ()))
    for task in found:
        found += children.get(task.pid, ())
    return found


def is_pinned(pid: int, cpus: Sequence[int]) -> bool:
    """Raises OSError for one that has ended."""
    return os.sched_getaffinity(pid) <= set(cpus)


def spent_s(pid: int) -> float:
    """All threads' processor time to the nanosecond (clock_getcpuclockid(3)), of a zombie too. Raises OSError."""
    return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)


def pinned_below(root: int, cpus: Sequence[int]) -> tuple[float, dict[int, Task]]:
    """Processor time so far of the descendants pinned to `cpus` and of what has ended of them, and all processes."""
    for _ in range(_LOOKS):
        tasks, all_there = look()
        total_s = 0.0
        for task in below(tasks, root):
            try:
                if is_pinned(task.pid, cpus):
                    total_s += spent_s(task.pid) + task.ended_s
            except OSError:  # it ended: its time went to its parent, which was looked at before
                all_there = False
        if all_there:
            break
    return total_s, tasks


def kernel_s(tasks: Mapping[int, Task], cpus: Sequence[int]) -> dict[int, float]:
    """Processor time so far of the kernel's threads that last ran on `cpus`, by pid."""
    found: dict[int, float] = {}
    for task in tasks.values():
        if task.parent == KERNEL_THREADS and task.processor in cpus:
            with suppress(OSError):
                found[task.pid] = spent_s(task.pid)
    return found


def threads_below(root: int, cpus: Sequence[int]) -> Iterator[int]:
    """Threads of the descendants that are pinned to `cpus`."""
    for task in below(look()[0], root):
        with suppress(OSError):  # it has just ended
            if is_pinned(task.pid, cpus):
                yield from (int(entry.name) for entry in Path(f"/proc/{task.pid}/task").iterdir())


def pinned(threads: Iterable[int], cpus: Sequence[int]) -> Iterator[int]:
    """Those of the threads that are pinned to `cpus`."""
    for thread in threads:
        with suppress(OSError):  # it has just ended
            if is_pinned(thread, cpus):
                yield thread
