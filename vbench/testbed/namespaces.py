"""Starts processes that hold namespaces. The namespaces end with the context, or with the harness."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from vbench.contracts import Process, Session
from vbench.errors import StartFailed
from vbench.host.capabilities import namespace_hint

# A guest's kernel has a default of its own, so every namespace of the run gets a setting that all kernels have.
_CONGESTION = "echo cubic > /proc/sys/net/ipv4/tcp_congestion_control\n"
_HOLD = "echo ready; exec cat"
ROOT_MOUNTS = """
set -e
# In a user namespace flags of a mount stay as they are, and /proc is the one that is there.
if ! mount --bind -o ro "$1" "$2" 2>/dev/null; then
    mount --bind "$1" "$2"
    mount -o "remount,bind,$(findmnt -n -o VFS-OPTIONS -T "$2" | sed 's/^rw/ro/')" "$2"
fi
mount -t proc proc "$2/proc" 2>/dev/null || mount --rbind /proc "$2/proc"
mount --rbind /sys "$2/sys"
mount --rbind /dev "$2/dev"
mount -t tmpfs tmpfs "$2/tmp"
mount -t tmpfs tmpfs "$2/run"
if [ -n "$3" ]; then mount --bind "$3" "$2/scratch"; fi
"""


@contextmanager
def holder(host: Session, unshare: Sequence[str], script: str = "", *words: str) -> Iterator[int]:
    """Yields the pid of a process that holds new namespaces until this context or the harness ends."""
    argv = ["unshare", *unshare, "--", "sh", "-c", script + _HOLD, "vbench-holder", *words]
    with host.spawn(argv) as process:
        if process.stdout.readline() != b"ready\n":
            stderr = _stderr(process)
            raise StartFailed(f"namespaces could not be made: {stderr}", hint=namespace_hint(stderr))
        yield process.pid


def network_holder(host: Session) -> AbstractContextManager[int]:
    """Pid of a process that holds a new network namespace."""
    return holder(host, ["--net"], _CONGESTION)


def _stderr(process: Process) -> str:
    process.wait(timeout_s=10)
    return process.stderr().decode(errors="replace").strip()[-300:]
