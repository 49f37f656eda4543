"""Names an image by its content: one hash over every path, mode, owner, link and file."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

NAME = "manifest"
"""File beside the image with the lines over which its digest is computed."""


def content(root: Path, *boot_files: Path) -> bytes:
    """Bytes over which the digest is computed: a line for each boot file and for everything under root.

    Times are not content.
    """
    lines = [f"{path.name}\0{file_digest(path)}".encode() for path in boot_files]
    return b"".join(line + b"\n" for line in (*lines, *manifest(root)))


def manifest(root: Path) -> Iterator[bytes]:
    """`path mode owner content` of everything under root, sorted by the path's bytes.

    The builder's files count as root's, so that a user's build has the same digest as root's.
    """
    top = os.fsencode(root)
    builder = os.lstat(top)
    for path in sorted(_walk(top)):
        status = os.lstat(path)
        kind = status.st_mode
        if stat.S_ISLNK(kind):
            content = os.readlink(path)  # noqa: PTH115 - Path would tidy the target, and it is bytes here
        elif stat.S_ISREG(kind):
            content = file_digest(Path(os.fsdecode(path))).encode()
        elif stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
            content = b"%d" % status.st_rdev
        else:
            content = b"-"
        owner = 0 if status.st_uid == builder.st_uid else status.st_uid
        group = 0 if status.st_gid == builder.st_gid else status.st_gid
        yield b"%s\0%o\0%d:%d\0%s" % (path[len(top) :], kind, owner, group, content)


def _walk(folder: bytes) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
