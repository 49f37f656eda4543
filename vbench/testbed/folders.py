"""Checks, creates and removes the folders of scratch space."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from vbench.contracts import Files
from vbench.errors import FULL, NoSpace, StopFailed, UsageError
from vbench.host.interrupts import held
from vbench.units import show_bytes

_ANOTHER = "set `scratch` in [testbed], or `--scratch` of doctor, to another folder"


def refuse(files: Files, folder: PurePosixPath, *, files_b: int = 0, executing: str = "") -> None:
    """Raises UsageError for a folder that cannot be used, has no room for `files_b`, or runs no programs.

    `executing` names the benchmark that runs a program from the folder. It is empty if none does.
    """
    folder = files.resolved(folder, "the scratch folder")
    try:
        space = files.space(folder)
    except FileNotFoundError:
        hint = f"`mkdir -p {shlex.quote(str(folder))}`, or {_ANOTHER}"
        raise UsageError(f"the scratch folder {folder} does not exist", hint=hint) from None
    except OSError as error:
        raise _unusable(folder, error) from None
    if files_b > space.free_b:
        free = show_bytes(space.free_b)
        raise UsageError(
            f"the files of the disk benchmarks take {show_bytes(files_b)}, and {folder} has {free} free",
            hint=f"take smaller `size`s, free some space, or {_ANOTHER}",
        )
    if executing and not space.executes:
        raise UsageError(f"{folder} is mounted noexec, and {executing} runs programs from it", hint=_ANOTHER)


def _unusable(folder: PurePosixPath, error: OSError) -> UsageError:
    return UsageError(f"cannot use {folder} as scratch space: {error.strerror or error}", hint=_ANOTHER)


@contextmanager
def emptied(
    files: Files, name: str, parent: PurePosixPath, scratch: PurePosixPath, *, kept: Callable[[], bool]
) -> Iterator[PurePosixPath]:
    """Creates a folder, and removes it with its content at the end unless `kept` returns true.

    Raises NoSpace, UsageError, StopFailed.
    """
    path: PurePosixPath | None = None
    try:
        with using(parent), held():  # a signal before the assignment would leave the folder
            path = files.make_folder(parent, f"{name}-")
        yield path
    finally:
        if path is not None and not kept():
            with held():
                _remove(files, path, scratch)


def _remove(files: Files, path: PurePosixPath, scratch: PurePosixPath) -> None:
    try:
        files.remove_folder(path)
    except OSError as error:
        hint = f"`vbench clean --scratch {shlex.quote(str(scratch))}` removes it once what uses it has ended"
        raise StopFailed(f"{path} could not be removed: {error.strerror or error}", hint=hint) from error


@contextmanager
def using(scratch: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(f"no space left in {scratch}", hint=_ANOTHER) from error
        raise _unusable(scratch, error) from error
