"""Names an image by its content: one hash over every path, mode, owner, link and file."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


def content_digest(root: Path, *boot_files: Path) -> str:
    """SHA-256 over the sorted manifest of `root` and the boot files. Times are not content."""
    digest = hashlib.sha256()
    for path in boot_files:
        digest.update(f"{path.name} {_hash(path)}\n".encode())
    for line in manifest(root):
        digest.update(line + b"\n")
    return digest.hexdigest()


def manifest(root: Path) -> Iterator[bytes]:
    """`path mode owner content` of everything under root, sorted by the path's bytes."""
    top = os.fsencode(root)
    for path in sorted(_walk(top)):
        status = os.lstat(path)
        kind = status.st_mode
        if stat.S_ISLNK(kind):
            content = os.readlink(path)  # noqa: PTH115 - Path would tidy the target, and it is bytes here
        elif stat.S_ISREG(kind):
            content = _hash(Path(os.fsdecode(path))).encode()
        elif stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
            content = b"%d" % status.st_rdev
        else:
            content = b"-"
        yield b"%s\0%o\0%d:%d\0%s" % (path[len(top) :], kind, status.st_uid, status.st_gid, content)


def _walk(folder: bytes) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
