"""Tells which process of this machine owns what a run makes, and whether that process is still there."""

import os
from pathlib import Path

from vbench import __version__
from vbench.beneath import Owner


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(pid, _started(pid) or 0, _namespace(), __version__)


def has_ended(owner: Owner) -> bool:
    """Whether the owner is dead. False for one of another pid namespace, of which nothing can be told."""
    return owner.namespace == _namespace() and _started(owner.pid) != owner.started


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (proc(5), field 22), None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])  # killed, and not waited for yet
    except (OSError, IndexError, ValueError):
        return None
