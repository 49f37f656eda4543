"""Says who uses an image: a run holds a shared lock on it, and whoever removes or replaces it needs it alone.

A lock of the kernel's is seen from every namespace and ends with its process, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbench.errors import EnvironmentUnavailable
from vbench.image.contain import writing

NAME = ".in-use"
_LOCKS = Path("/proc/locks")
_LONGEST = 80  # characters of a command line


def prepare(place: Path) -> None:
    """The lock file of a new image, which its readers need not be able to write."""
    (place / NAME).touch(mode=0o644)


@contextmanager
def shared(place: Path) -> Iterator[None]:
    """The image stays until this context, or the process, ends. Raises EnvironmentUnavailable."""
    descriptor = _open(place)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentUnavailable(
                f"image {place.name[:12]} is being removed or replaced", hint="`vbench image build` builds it"
            ) from None
        if not _is(descriptor, place / NAME):
            raise _gone(place)
        yield
    finally:
        os.close(descriptor)


def _open(place: Path) -> int:
    try:
        return os.open(place / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if place.is_dir():
            name = place.name[:12]
            raise EnvironmentUnavailable(
                f"image {name} has no lock file: an older vbench built it, or it was copied in part",
                hint=f"`vbench image remove {name}`, then `vbench image build`",
            ) from None
        raise _gone(place) from None


def _gone(place: Path) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(f"image {place.name[:12]} was removed", hint="`vbench image build` builds it")


def _is(descriptor: int, path: Path) -> bool:
    """Whether the path still names the open file."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Nobody uses the image meanwhile. Raises EnvironmentUnavailable, which names who does."""
    with writing():
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(place / NAME, flags, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = users(os.fstat(descriptor).st_ino) or "a process that is not seen from here"
            raise EnvironmentUnavailable(
                f"image {place.name[:12]} is in use by {who}", hint="wait until that has ended"
            ) from None
        yield
    finally:
        os.close(descriptor)


def users(inode: int) -> str:
    """Processes that hold a lock on the file of this number, with their commands."""
    with suppress(OSError):
        pids = holders(_LOCKS.read_text(encoding="utf-8"), inode)
        return ", ".join(f"process {pid}{_command(pid)}" for pid in pids)
    return ""


def holders(locks: str, inode: int) -> tuple[int, ...]:
    """From /proc/locks (proc(5)): `1: FLOCK  ADVISORY  READ 4711 fd:01:1234 0 EOF`; those of waiters have `->`."""
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
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        return f" ({shown})" if shown else ""
    return ""
