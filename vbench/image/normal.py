"""Normalizes the modes of an image's files, so that they do not depend on the builder or the umask."""

import os
import stat
from pathlib import Path

_SHARED = 0o1777  # /tmp and its like


def normalize(root: Path) -> None:
    """Gives all users the owner's rights to read and execute, the owner alone the right to write, and no set-user-ID.

    Users without root rights run from an image that root built, and nobody updates a set-user-ID program in it.
    Nothing in an image is secret. Sticky folders stay open, as programs expect of /tmp.
    """
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118 - names need not be text, and there are ten thousand
            status = os.lstat(path)
            if not stat.S_ISLNK(status.st_mode):
                mode = stat.S_IMODE(status.st_mode)
                wanted = mode if mode == _SHARED else normal_mode(mode, folder=stat.S_ISDIR(status.st_mode))
                if wanted != mode:
                    os.chmod(path, wanted)  # noqa: PTH101


def normal_mode(mode: int, *, folder: bool) -> int:
    """Mode `rwxr-xr-x` or `rw-r--r--`, by the owner's bits."""
    owner = mode >> 6 & 0o7 | (0o7 if folder else 0o4)
    readers = owner & 0o5
    return owner << 6 | readers << 3 | readers
