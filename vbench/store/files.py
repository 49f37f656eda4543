"""Writes files durably: whole or not at all, synced to the disk, with an error that names a full disk."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbench.errors import FULL, NoSpace, RunFolderError
from vbench.store import bounds

_CHUNK_B = 2**16


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns a failed write into NoSpace or RunFolderError, naming `path`."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in FULL:
            hint = "free space; what was stored before is whole and can be reported"
            raise NoSpace(f"{path} cannot be written: {why}", hint=hint) from error
        hint = "choose a folder that you may write to"
        raise RunFolderError(f"{path} cannot be written: {why}", hint=hint) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces the file's content in one step. A crash leaves the old content or the new, never half of it."""
    with replacing(path) as aside, os.fdopen(_fresh(aside), "wb") as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a free name beside `path` to write to, then syncs that file and renames it. Raises as `storing` does."""
    aside = path.with_name(f".{path.name}.new")
    with storing(path):
        try:
            aside.unlink(missing_ok=True)  # a link could stand there, and be followed
            yield aside
            sync(aside)
            aside.replace(path)
            sync(path.parent)
        except OSError:
            with suppress(OSError):
                aside.unlink()
            raise


def _fresh(path: Path) -> int:
    """Descriptor of a new file. The open fails on a link, which another user of the folder could have put there."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def forbid_writing(path: Path) -> None:
    """Makes a file read-only. Raises OSError for a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o444)
    finally:
        os.close(descriptor)


def append_durably(descriptor: int, data: bytes, *, path: Path) -> None:
    """Appends `data` to an open file and syncs it. When that fails, the file is cut back to its former size."""
    with storing(path):
        before = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def mend_last_line(descriptor: int, *, is_whole: Callable[[bytes], bool]) -> None:
    """Cuts an incomplete last line from an open file. A complete last line without its newline gets the newline."""
    size = os.fstat(descriptor).st_size
    begin = _after_last_newline(descriptor, size)
    if begin == size:
        return
    if size - begin <= bounds.LINE_B and is_whole(os.pread(descriptor, size - begin, begin)):
        _write_all(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, begin)
    os.fsync(descriptor)


def _after_last_newline(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - _CHUNK_B)
        newline = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def lock(descriptor: int) -> bool:
    """Locks an open file. False if another process holds the lock; True on a file system without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inside(folder: Path) -> list[str]:
    """Paths of all regular files below `folder`, relative to it. Links are not followed."""
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return sorted(str(path.relative_to(folder)) for path in paths if path.is_file() and not path.is_symlink())


def content(folder: Path, name: str, *, most_b: int) -> bytes | None:
    """Content of a regular file in the folder. None if it is no regular file, larger than `most_b`, or unreadable."""
    path = folder / name
    with suppress(OSError):
        if is_regular(folder, name) and path.stat().st_size <= most_b:
            return path.read_bytes()
    return None


def is_regular(folder: Path, name: str) -> bool:
    """Whether `name` is a regular file that no link leads to. A link could lead out; reading a FIFO would hang."""
    path = folder
    try:
        for part in Path(name).parts:
            if path != folder and not stat.S_ISDIR(path.lstat().st_mode):
                return False
            path = path / part
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False
