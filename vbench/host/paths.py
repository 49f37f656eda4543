"""Names on a disk that other programs read: resolved, refused where a program cannot take them, and escaped.

Each program has a grammar of its own. Where it can, vbench names a file relative to a folder that the program is
started in, so that nothing of a user's path is read by it at all (fio, mke2fs, nginx, QEMU's own files).
"""

import unicodedata
from pathlib import Path, PurePath

from vbench.errors import UsageError


def usable(path: Path, what: str) -> Path:
    """The path without symbolic links, which runc refuses in a container's root. Raises UsageError.

    A container's config is JSON, the kernel's tables have lines: a name that is no UTF-8, or has control characters,
    reaches some environments only.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise UsageError(f"{what} cannot be found: {shown(path)}: {error}", hint="name another folder") from None
    name = str(resolved)
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise UsageError(
            f"{what} has a name that not every program takes: {shown(resolved)}",
            hint="use a folder whose path is UTF-8 without control characters",
        )
    return resolved


def shown(path: Path) -> str:
    """A path for a message: on one line and without control characters."""
    return ascii(str(path))


def qemu_value(path: PurePath) -> str:
    """A path as the value of one of several options that a comma separates (-drive, -chardev, -netdev).

    -kernel, -initrd and -append take theirs as it is: a comma doubled there is a part of the name.
    """
    return str(path).replace(",", ",,")
