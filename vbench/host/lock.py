"""Allows one measurement at a time on a host: two disturb each other, even on disjoint processors."""

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
from vbench.text import printable

VARIABLE = "VBENCH_LOCK"
"""Environment variable with the path of another lock file: for tests, and for hosts whose parts share nothing."""

_NAME = "vbench.lock"
_ELSEWHERE = f"set {VARIABLE} to another path, or remove it"
_LONGEST_B = 200
_OWN = re.compile(rb"[^\n]{1,%d} \(process \d+, since \d\d:\d\d:\d\d\)" % _LONGEST_B)


def path() -> Path:
    """Path of the lock file: in the first usable folder, preferably one that all users of this host share."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    folders = [Path("/run/lock"), Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"), Path(tempfile.gettempdir())]
    present = [folder / _NAME for folder in folders if os.access(folder / _NAME, os.R_OK)]
    usable = [folder / _NAME for folder in folders if os.access(folder, os.W_OK | os.X_OK)]
    return next(iter(present + usable), folders[-1] / _NAME)


@contextmanager
def measuring(what: str, *, wait: bool = False, waiting: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """Reserves the host for this process's measurement until this context or the process ends.

    Other processes see `what`. If another one measures, this raises HostBusy, or with `wait` calls `waiting` with that
    process's description and waits for its end.
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
    """Opens the lock file or creates it for all users.

    The first open has no O_CREAT, which fs.protected_regular refuses for another user's file in /tmp.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            if not stat.S_ISREG(file.lstat().st_mode):  # a device might do something when it is opened
                raise UsageError(f"{file} is not a file, so it cannot be the lock", hint=_ELSEWHERE)
            descriptor = os.open(file, os.O_RDWR | flags)
        except FileNotFoundError:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | flags, 0o666)
            with suppress(OSError):
                os.fchmod(descriptor, 0o666)  # against the umask: other users write their description too
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
    """Why the open file is not vbench's, so that it must not be overwritten. Empty if it is."""
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
    """The description in the lock file, in printable characters, since any user can have written it."""
    text = os.pread(descriptor, _LONGEST_B, 0).decode(errors="replace").strip()
    return printable(text) or "another vbench"


def _write(descriptor: int, what: str, who: str) -> None:
    """Writes the description for others; the lock works without it. A long `what` is cut, `who` never."""
    end = who.encode()
    text = what.replace("\n", " ").encode(errors="replace")[: _LONGEST_B - len(end)] + end
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
