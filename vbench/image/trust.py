"""Refuses an image that anybody but root and the caller can change: vbench executes its files, mostly as root."""

import os
import stat
from pathlib import Path

_OWN = 0o022  # bits by which group and others write


def distrust(folder: Path) -> str:
    """Why the image in this folder is not used. Empty if the folder, its files and the folders above it are safe."""
    try:
        real = folder.resolve(strict=True)
        return _kept_by_others(real) or next(filter(None, map(_reachable_by_others, real.parents)), "")
    except OSError as error:
        return f"{error.filename or folder} cannot be read: {error.strerror or error}"


def distrust_folder(folder: Path) -> str:
    """Why a build must not write into a folder. Empty if it may. A missing folder is judged by the folders above it."""
    real = folder.resolve()
    there = [path for path in (real, *real.parents) if path.exists()]
    return next(filter(None, map(_reachable_by_others, there)), "")


def _kept_by_others(folder: Path) -> str:
    """Why the image's folder or its direct content is unsafe. The list of files covers everything deeper."""
    for path in (folder, *sorted(folder.iterdir())):
        status = path.lstat()
        if status.st_uid not in _owners():
            return f"{path} belongs to {_who(status.st_uid)}"
        if stat.S_ISLNK(status.st_mode):
            return f"{path} is a link"
        if status.st_mode & _OWN:
            return f"{path} can be written by others than its owner (mode {stat.S_IMODE(status.st_mode):o})"
    return ""


def _reachable_by_others(folder: Path) -> str:
    """Why others could replace what is in a folder: its owner and its writers can, unless it is sticky as /tmp is."""
    status = folder.lstat()
    mode, sticky = stat.S_IMODE(status.st_mode), status.st_mode & stat.S_ISVTX
    if status.st_uid not in _owners():
        return f"{folder} belongs to {_who(status.st_uid)}"
    # A user's own group is as a rule theirs alone, and a umask of 002 lets it write into ~/.cache.
    shared = mode & stat.S_IWGRP and status.st_gid not in {0, os.getegid()}
    if (mode & stat.S_IWOTH or shared) and not sticky:
        return f"{folder} can be written by others (mode {mode:o})"
    return ""


def _owners() -> set[int]:
    return {0, os.geteuid()}


def _who(uid: int) -> str:
    return "root" if uid == 0 else f"another user (uid {uid})"
