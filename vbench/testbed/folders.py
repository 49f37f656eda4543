"""Checks, creates and removes the folders of scratch space."""

import errno
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vbench.errors import FULL, NoSpace, StopFailed, UsageError
from vbench.host.interrupts import held
from vbench.host.paths import usable
from vbench.units import show_bytes

_ANOTHER = "set `scratch` in [testbed], or `--scratch` of doctor, to another folder"


def refuse(folder: Path, *, files_b: int = 0, executing: str = "") -> None:
    """Raises UsageError for a folder that cannot be used, has no room for `files_b`, or runs no programs.

    `executing` names the benchmark that runs a program from the folder. It is empty if none does.
    """
    folder = usable(folder, "the scratch folder")
    try:
        mode, system = folder.stat().st_mode, os.statvfs(folder)
    except FileNotFoundError:
        hint = f"`mkdir -p {shlex.quote(str(folder))}`, or {_ANOTHER}"
        raise UsageError(f"the scratch folder {folder} does not exist", hint=hint) from None
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from None
    if not stat.S_ISDIR(mode):
        raise _unusable(folder, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):  # by the capabilities of this process
        read_only = bool(system.f_flag & os.ST_RDONLY)
        raise _unusable(folder, os.strerror(errno.EROFS if read_only else errno.EACCES))
    free_b = system.f_bavail * system.f_frsize
    if files_b > free_b:
        raise UsageError(
            f"the files of the disk benchmarks take {show_bytes(files_b)}, and {folder} has {show_bytes(free_b)} free",
            hint=f"take smaller `size`s, free some space, or {_ANOTHER}",
        )
    if executing and system.f_flag & os.ST_NOEXEC:
        raise UsageError(f"{folder} is mounted noexec, and {executing} runs programs from it", hint=_ANOTHER)


def _unusable(folder: Path, why: str) -> UsageError:
    return UsageError(f"cannot use {folder} as scratch space: {why}", hint=_ANOTHER)


@contextmanager
def emptied(name: str, parent: Path, scratch: Path, *, kept: Callable[[], bool]) -> Iterator[Path]:
    """Creates a folder, and removes it with its content at the end unless `kept` returns true.

    Raises NoSpace, UsageError, StopFailed.
    """
    path: Path | None = None
    try:
        with using(parent), held():  # a signal before the assignment would leave the folder
            path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        yield path
    finally:
        if path is not None and not kept():
            with held():
                _remove(path, scratch)


def _remove(path: Path, scratch: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        hint = f"`vbench clean --scratch {shlex.quote(str(scratch))}` removes it once what uses it has ended"
        raise StopFailed(f"{path} could not be removed: {error.strerror or error}", hint=hint) from error


@contextmanager
def using(scratch: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "set `scratch` in [testbed], or `--scratch` of doctor, to another folder"
        if error.errno in FULL:
            raise NoSpace(f"no space left in {scratch}", hint=hint) from error
        raise UsageError(f"cannot use {scratch} as scratch space: {error.strerror or error}", hint=hint) from error
