"""Refuses an image that anybody but root and the caller can change: what is in it is executed, as a rule as root."""

import os
import stat
from pathlib import Path

_OWN = 0o022  # bits by which group and others write


def distrust(place: Path) -> str:
    """Why the image in `place` is not used, or nothing. It and its files, and every folder above it, are looked at."""
    try:
        real = place.resolve(strict=True)
        return _kept_by_others(real) or next(filter(None, map(_reachable_by_others, real.parents)), "")
    except OSError as error:
        return f"{error.filename or place} cannot be read: {error.strerror or error}"


def distrust_folder(folder: Path) -> str:
    """The same of a folder that a build is to write into; one that is not there yet is judged by those above it."""
    real = folder.resolve()
    there = [path for path in (real, *real.parents) if path.exists()]
    return next(filter(None, map(_reachable_by_others, there)), "")


def _kept_by_others(place: Path) -> str:
    """Of the image's own folder and of what lies in it directly; the list of files answers for the rest."""
    for path in (place, *sorted(place.iterdir())):
        found = path.lstat()
        if found.st_uid not in _owners():
            return f"{path} belongs to {_who(found.st_uid)}"
        if stat.S_ISLNK(found.st_mode):
            return f"{path} is a link"
        if found.st_mode & _OWN:
            return f"{path} can be written by others than its owner (mode {stat.S_IMODE(found.st_mode):o})"
    return ""


def _reachable_by_others(folder: Path) -> str:
    """A folder above: whoever owns it or writes in it can put another image there. /tmp is sticky, so they cannot."""
    found = folder.lstat()
    mode, sticky = stat.S_IMODE(found.st_mode), found.st_mode & stat.S_ISVTX
    if found.st_uid not in _owners():
        return f"{folder} belongs to {_who(found.st_uid)}"
    # A user's own group is as a rule theirs alone, and a umask of 002 lets it write into ~/.cache.
    shared = mode & stat.S_IWGRP and found.st_gid not in {0, os.getegid()}
    if (mode & stat.S_IWOTH or shared) and not sticky:
        return f"{folder} can be written by others (mode {mode:o})"
    return ""


def _owners() -> set[int]:
    return {0, os.geteuid()}


def _who(uid: int) -> str:
    return "root" if uid == 0 else f"another user (uid {uid})"
