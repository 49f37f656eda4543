"""Opens what a stranger may have made: looked at first, never followed, waited for or read without end."""

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
    """All of a regular file; with `ours`, of one that nobody but this user and root could have written.

    Raises FileNotFoundError where there is none, Untrusted for anything that is not to be read.
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
    """The regular file of that very path, open for reading. Raises OSError, ValueError and Untrusted."""
    refuse_odd(path, path.lstat(), ours=ours)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        refuse_odd(path, os.fstat(descriptor), ours=ours)  # it may be another one by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_odd(path: Path, found: os.stat_result, *, ours: bool) -> None:
    """Raises Untrusted unless it is a regular file, and with `ours` one of this user's or root's."""
    if not stat.S_ISREG(found.st_mode):
        hint = "put a regular file in its place, or remove it"
        raise Untrusted(f"{path} is {_kind(found.st_mode)}, not a file", hint=hint)
    if ours and (why := others_could_write(found)):
        raise Untrusted(f"{path} {why}")


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "something else")


def others_could_write(found: os.stat_result) -> str:
    """Why another user could have written it, or nothing. Group root and the own group are no other users."""
    if found.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid not in (0, os.getegid())):
        return "can be written by other users"
    return ""


def is_own_folder(path: Path) -> bool:
    """Whether it is a folder, no link, that this very user made and no other user can write to."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not others_could_write(found)


def decode(data: bytes, kind: type[T], what: str) -> T:
    """JSON as a struct. Raises Untrusted for all that is none: another shape, numbers out of range, a deep nesting."""
    try:
        return foreign.decode(data, kind)
    except ValueError as error:
        raise Untrusted(f"{what} is not what vbench writes: {error}") from None


def program(path: str) -> str:
    """The program's resolved path, when neither it nor a folder above it can be changed by another user.

    Raises Untrusted.
    """
    try:
        resolved = Path(path).resolve(strict=True)
        found, why = resolved.stat(), others_could_swap(resolved)
    except (OSError, RuntimeError, ValueError) as error:
        raise Untrusted(f"{path} cannot be run: {getattr(error, 'strerror', None) or error}") from None
    refuse_odd(resolved, found, ours=True)
    if why:
        raise Untrusted(f"{path} is not run: {why}")
    return str(resolved)


def others_could_swap(resolved: Path) -> str:
    """Why another user could put something else in the place of an absolute path, or nothing. Raises OSError.

    A folder with the sticky bit counts as safe: in it nobody replaces the files of others. So does one of a group:
    Debian gives /usr/local to its group staff.
    """
    for folder in resolved.parents:
        found = folder.stat()
        if found.st_uid not in (0, os.geteuid()):
            return f"{folder} belongs to another user"
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            return f"other users can write to {folder}"
    return ""
