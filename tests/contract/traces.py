"""What a start could leave behind on the host: processes, mounts, namespaces, interfaces, cgroups, files."""

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import psutil

from vbench.contracts import Session
from vbench.testbed.undo import JOURNAL

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def traces() -> dict[str, frozenset[str]]:
    """Of any start on this machine."""
    return {
        "processes": frozenset(_processes()),
        "mounts": frozenset(line for line in Path("/proc/self/mounts").read_text().splitlines()),
        "named namespaces": frozenset(path.name for path in Path("/run/netns").glob("*")),
        "interfaces": frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        "cgroups": frozenset(str(path) for path in Path("/sys/fs/cgroup").glob("**/vbench*")),
        "files": frozenset(str(path) for path in Path("/var/tmp").glob("vbench-*/*")),
    }


def own_traces(base: PurePosixPath) -> dict[str, frozenset[str]]:
    """Of the starts of this process, whose testbed has this folder: others may run beside it.

    Mounts, namespaces and interfaces of all others are in namespaces without a name, so every one that is seen counts.
    A group of another run has processes in it, or is about to be removed. The journal that begins with the first thing
    to be undone is the run's.
    """
    return traces() | {
        "processes": frozenset(f"{child.pid} {' '.join(_words(child))}" for child in _children()),
        "cgroups": frozenset(_idle()),
        "files": frozenset(str(path) for path in Path(base).iterdir() if path.name != JOURNAL),
    }


_LOOK = """
cat /proc/mounts
ls -A --ignore=mount /sys/class/net /sys/fs/cgroup /run /tmp "$1"  # /run/mount is for any mount to make
grep -ah . /proc/[0-9]*/cmdline
"""


def traces_in(session: Session) -> list[str]:
    """Mounts, interfaces, cgroups, files and processes of a started environment. Empty for what has the host's own."""
    if session.workplace.image in ("", "host"):
        return []
    words = ["sh", "-c", _LOOK, "sh", str(session.workplace.scratch)]
    return sorted(session.run(words, timeout_s=60).check().text.splitlines())


@contextmanager
def adopting() -> Iterator[None]:
    """Every process that loses its parent becomes a child of this one, in whichever session it has put itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def left_by(scratch: Path) -> list[str]:
    """What runs with this scratch folder have left: processes, mounts, namespaces, containers, files."""
    found = [f"{name}: {line}" for name, lines in traces().items() for line in lines if str(scratch) in line]
    return [*found, *_idle(), *(str(path) for path in scratch.glob("*"))]


def _children() -> list[psutil.Process]:
    """Processes below this one that have not ended; those that have are waited for by whoever started them."""
    living = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                living.append(child)
    return living


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def _idle(looks: int = 20) -> list[str]:
    """Control groups that stay empty: one of another run is empty for a moment, before its process and after it."""
    seen = _empty()
    while seen and looks:
        time.sleep(0.1)
        seen &= _empty()
        looks -= 1
    return sorted(seen)


def _empty() -> set[str]:
    found = set()
    for path in Path("/sys/fs/cgroup").glob("**/vbench-*/cgroup.procs"):
        with suppress(OSError):  # it has just been removed
            if not path.read_text():
                found.add(str(path))
    return found


def _processes() -> list[str]:
    ours = ("/var/tmp/vbench-", "vbench-holder", "agent.py", "driver.py")
    return [words for words in command_lines() if any(mark in words for mark in ours)]


def command_lines() -> list[str]:
    """`pid words` of every process on the host."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(f"{path.parent.name} {words}")
    return found
