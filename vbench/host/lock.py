"""One measurement at a time on a host: two would disturb each other, on disjoint processors too."""

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from vbench.errors import HostBusy, UsageError

VARIABLE = "VBENCH_LOCK"
"""Environment variable with the path of another lock file: for tests, and for hosts whose parts share nothing."""

_NAME = "vbench.lock"
_ELSEWHERE = f"set {VARIABLE} to another path, or remove it"
_LONGEST_B = 200
_OWN = re.compile(rb"[^\n]{1,%d} \(process \d+, since \d\d:\d\d:\d\d\)" % _LONGEST_B)


def path() -> Path:
    """The file that all users of this host share where they can; the first of these folders that can be used."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    folders = [Path("/run/lock"), Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"), Path(tempfile.gettempdir())]
    there = [folder / _NAME for folder in folders if os.access(folder / _NAME, os.R_OK)]
    usable = [folder / _NAME for folder in folders if os.access(folder, os.W_OK | os.X_OK)]
    return next(iter(there + usable), folders[-1] / _NAME)


@contextmanager
def measuring(what: str, *, wait: bool = False, waiting: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """The host is this process's to measure until this context, or the process, ends.

    `what` is said to others who ask. Raises HostBusy at once when another measures, or with `wait` tells `waiting`
    who it is and waits for its end.
    """
    file = path()
    descriptor = _open(file)
    try:
        _take(descriptor, file, wait=wait, waiting=waiting)
        _write(descriptor, what, f" (process {os.getpid()}, since {datetime.now():%H:%M:%S})")
        try:
            yield
        finally:
            _write(descriptor, "", "")
    finally:
        os.close(descriptor)


def _open(file: Path) -> int:
    """Made for everybody. Without O_CREAT first: fs.protected_regular refuses it for another user's file in /tmp."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            if not stat.S_ISREG(file.lstat().st_mode):  # a device might do something when it is opened
                raise UsageError(f"{file} is not a file, so it cannot be the lock", hint=_ELSEWHERE)
            descriptor = os.open(file, os.O_RDWR | flags)
        except FileNotFoundError:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | flags, 0o666)
            with suppress(OSError):
                os.fchmod(descriptor, 0o666)  # the umask would keep others from saying who they are
        except PermissionError:
            descriptor = os.open(file, os.O_RDONLY | flags)  # enough to lock
        odd = _odd(descriptor)
        if odd:
            os.close(descriptor)
            raise UsageError(f"{file} {odd}, so it cannot be the lock", hint=_ELSEWHERE)
    except OSError as error:
        hint = f"set {VARIABLE} to the path of a file that you may write"
        raise UsageError(f"the lock {file} cannot be opened: {error.strerror or error}", hint=hint) from error
    return descriptor


def _odd(descriptor: int) -> str:
    """Why the open file is none of vbench's, which would be overwritten."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return "is not a file"
    text = os.pread(descriptor, _LONGEST_B + 1, 0)
    return "" if not text or _OWN.fullmatch(text) else "is somebody's file"


def _take(descriptor: int, file: Path, *, wait: bool, waiting: Callable[[str], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
        if not wait:
            raise HostBusy(
                f"this host is being measured by {holder}",
                hint=f"add --wait to begin when it has ended; the lock is {file}",
            ) from None
        waiting(f"waiting for {holder}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _holder(descriptor: int) -> str:
    """Any user can have written it: no control character of it reaches a terminal."""
    text = os.pread(descriptor, _LONGEST_B, 0).decode(errors="replace").strip()
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) or "another vbench"


def _write(descriptor: int, what: str, who: str) -> None:
    """Words for others; the lock does not depend on them. What is too long is cut, but never who it is."""
    end = who.encode()
    text = what.replace("\n", " ").encode(errors="replace")[: _LONGEST_B - len(end)] + end
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
