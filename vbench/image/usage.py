"""Locks images: a run holds a shared lock on its image, and removing or replacing an image needs an exclusive one.

The kernel's locks are visible from every namespace, and end with their process.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbench.errors import EnvironmentUnavailable
from vbench.image.contain import writing
from vbench.text import printable

NAME = ".in-use"
_LOCKS = Path("/proc/locks")
_LONGEST = 80  # characters of a command line


def prepare(folder: Path) -> None:
    """Creates the lock file of a new image. Readers need no right to write it."""
    (folder / NAME).touch(mode=0o644)


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Keeps the image from removal until this context or the process ends. Raises EnvironmentUnavailable."""
    descriptor = _open(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentUnavailable(
                f"image {folder.name[:12]} is being removed or replaced", hint="`vbench image build` builds it"
            ) from None
        if not _is(descriptor, folder / NAME):
            raise _gone(folder)
        yield
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        return os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if folder.is_dir():
            name = folder.name[:12]
            raise EnvironmentUnavailable(
                f"image {name} has no lock file: an older vbench built it, or it was copied in part",
                hint=f"`vbench image remove {name}`, then `vbench image build`",
            ) from None
        raise _gone(folder) from None


def _gone(folder: Path) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(f"image {folder.name[:12]} was removed", hint="`vbench image build` builds it")


def _is(descriptor: int, path: Path) -> bool:
    """Whether the path still names the open file."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps all others from the image. Raises EnvironmentUnavailable with the processes that use it."""
    with writing():
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(folder / NAME, flags, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = users(os.fstat(descriptor).st_ino) or "a process that is not seen from here"
            raise EnvironmentUnavailable(
                f"image {folder.name[:12]} is in use by {who}", hint="wait until that has ended"
            ) from None
        yield
    finally:
        os.close(descriptor)


def users(inode: int) -> str:
    """Processes that hold a lock on the file with this inode number, with their commands."""
    with suppress(OSError):
        pids = holders(_LOCKS.read_text(encoding="utf-8"), inode)
        return ", ".join(f"process {pid}{_command(pid)}" for pid in pids)
    return ""


def holders(locks: str, inode: int) -> tuple[int, ...]:
    """Process ids in /proc/locks (proc(5)): `1: FLOCK  ADVISORY  READ 4711 fd:01:1234 0 EOF`. Waiters have `->`."""
    lines = [line.split() for line in locks.splitlines() if "->" not in line]
    ours = [words for words in lines if len(words) >= 6 and words[1] == "FLOCK" and words[5].endswith(f":{inode}")]
    return tuple(dict.fromkeys(int(words[4]) for words in ours if words[4].isdigit() and words[4] != "0"))


def _command(pid: int) -> str:
    """` (vbench run quick)`: without the interpreter and the folders; any process can call itself anything."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
        names = [Path(word).name for word in words]
        at = names.index("vbench") if "vbench" in names else 0
        text = " ".join([names[at], *words[at + 1 :]]).strip()[:_LONGEST]
        return f" ({printable(text)})" if text else ""
    return ""
