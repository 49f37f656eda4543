"""Opens files that a stranger may have made: regular files only, no links, with limits on size and time."""

import os
import stat
from pathlib import Path
from typing import BinaryIO, TypeVar

from vbench.errors import RunFolderError
from vbench.host import foreign

T = TypeVar("T")
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Untrusted(RunFolderError):
    """A file or folder that must not be read or used; `message` says why."""


def read(path: Path, *, most_b: int, ours: bool = False) -> bytes:
    """Reads a whole regular file; with `ours`, only one that no other user but root could have written.

    Raises FileNotFoundError where there is none, Untrusted for anything that must not be read.
    """
    try:
        with opened(path, ours=ours) as file:
            data = file.read(most_b + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Untrusted(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > most_b:
        raise Untrusted(f"{path} is larger than {most_b} bytes: no vbench wrote it")
    return data


def opened(path: Path, *, ours: bool = False) -> BinaryIO:
    """Opens a regular file for reading; links are not followed. Raises OSError, ValueError and Untrusted."""
    refuse_odd(path, path.lstat(), ours=ours)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        refuse_odd(path, os.fstat(descriptor), ours=ours)  # the path may name another file by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_odd(path: Path, status: os.stat_result, *, ours: bool) -> None:
    """Raises Untrusted unless the file is regular, and with `ours` unless it is this user's or root's."""
    if not stat.S_ISREG(status.st_mode):
        hint = "put a regular file in its place, or remove it"
        raise Untrusted(f"{path} is {_kind(status.st_mode)}, not a file", hint=hint)
    if ours and (why := others_could_write(status)):
        raise Untrusted(f"{path} {why}")


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "something else")


def others_could_write(status: os.stat_result) -> str:
    """Why another user could have written a file. Empty if none could; root's and the own group count as safe."""
    if status.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())):
        return "can be written by other users"
    return ""


def is_own_folder(path: Path) -> bool:
    """Whether the path is a folder of this user's, and no link, to which no other user can write."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not others_could_write(status)


def decode(data: bytes, kind: type[T], what: str) -> T:
    """Decodes JSON into a struct. Raises Untrusted for another shape, numbers out of range and deep nesting."""
    try:
        return foreign.decode(data, kind)
    except ValueError as error:
        raise Untrusted(f"{what} is not what vbench writes: {error}") from None


def program(path: str) -> str:
    """Resolved path of a program. Raises Untrusted if another user can change it or a folder above it."""
    try:
        resolved = Path(path).resolve(strict=True)
        status, why = resolved.stat(), others_could_swap(resolved)
    except (OSError, RuntimeError, ValueError) as error:
        raise Untrusted(f"{path} cannot be run: {getattr(error, 'strerror', None) or error}") from None
    refuse_odd(resolved, status, ours=True)
    if why:
        raise Untrusted(f"{path} is not run: {why}")
    return str(resolved)


def others_could_swap(resolved: Path) -> str:
    """Why another user could replace the file of an absolute path. Empty if none could. Raises OSError.

    A folder with the sticky bit counts as safe, since nobody replaces the files of others in it. A folder that its
    group can write to counts as safe too: Debian gives /usr/local to its group staff.
    """
    for folder in resolved.parents:
        status = folder.stat()
        if status.st_uid not in (0, os.geteuid()):
            return f"{folder} belongs to another user"
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            return f"other users can write to {folder}"
    return ""
