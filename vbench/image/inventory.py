"""Lists every file of a built image, so that a run detects changed files within milliseconds.

The list holds what lstat(2) tells of each file. Nobody can set the time of an inode's last change (ctime), so a file
that was written has another one. `vbench image check` also reads every byte.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vbench.text import printable

NAME = "files.json"
_LARGEST_B = 64 * 2**20  # of a list: 9,300 files take 1 MB
_PARTS = ("disk.ext4", "initramfs", "root", "vmlinux")
_SHOWN = 3


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file; `path` and `link` are bytes written as Latin-1, since names need not be text."""

    path: str
    mode: int
    owner: int
    group: int
    size: int
    changed_ns: int  # mtime
    inode_changed_ns: int  # ctime
    inode: int
    link: str


def write(folder: Path, *, name: str = NAME) -> None:
    """Stores the list of an image's files in the image's folder."""
    (folder / name).write_bytes(msgspec.json.encode(entries(folder)))


def differences(folder: Path) -> tuple[str, ...]:
    """One text for each file that differs from the list. Empty if none does."""
    before = _stored(folder)
    if before is None:
        return (f"{NAME} cannot be read",)
    try:
        now = entries(folder)
    except OSError as error:  # removed while it is listed, or a disk that fails
        return (f"{os.fsdecode(error.filename or folder)} cannot be read: {error.strerror or error}",)
    return () if now == before else tuple(_compared(before, _as_built(before, now)))


def _as_built(before: list[Entry], now: list[Entry]) -> list[Entry]:
    """Replaces the present owner and group of the first file by those in the list, in all files that have them.

    A user namespace shows the builder's ids as others. trust.py has checked the owner of the first file.
    """
    if not before or not now:
        return now
    owners, groups = {now[0].owner: before[0].owner}, {now[0].group: before[0].group}
    return [
        replace(entry, owner=owners.get(entry.owner, entry.owner), group=groups.get(entry.group, entry.group))
        for entry in now
    ]


def show(differences: tuple[str, ...]) -> str:
    """The first three differences, and the number of the others."""
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return "; ".join(differences[:_SHOWN]) + more


def entries(folder: Path) -> list[Entry]:
    """Entries of all files of the image, each folder after its content."""
    top = os.fsencode(folder)
    listed: list[Entry] = []
    with os.scandir(top) as parts:
        for part in sorted(parts, key=_name):
            if os.fsdecode(part.name) in _PARTS:
                _add(part, len(top) + 1, listed)
    return listed


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _add(entry: os.DirEntry[bytes], skipped: int, listed: list[Entry]) -> None:
    status = entry.stat(follow_symlinks=False)
    mode, size, link = status.st_mode, status.st_size, ""
    if stat.S_ISDIR(mode):
        size = 0  # a folder's size depends on the file system
        with suppress(PermissionError), os.scandir(entry.path) as inside:  # its own entry is compared all the same
            for each in sorted(inside, key=_name):
                _add(each, skipped, listed)
    elif stat.S_ISLNK(mode):
        link = os.readlink(entry.path).decode("latin-1")  # noqa: PTH115 - bytes
    listed.append(
        Entry(
            entry.path[skipped:].decode("latin-1"),
            mode,
            status.st_uid,
            status.st_gid,
            size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            link,
        )
    )


def _stored(folder: Path) -> list[Entry] | None:
    try:
        with (folder / NAME).open("rb") as file:
            text = file.read(_LARGEST_B + 1)
        return msgspec.json.decode(text, type=list[Entry]) if len(text) <= _LARGEST_B else None
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None


_FIELDS = {
    "link": "link target",
    "mode": "mode",
    "owner": "owner",
    "group": "group",
    "size": "size",
    "changed_ns": "time",
    "inode_changed_ns": "time of the last change",
    "inode": "inode",
}


def _compared(before: list[Entry], now: list[Entry]) -> Iterator[str]:
    """Texts of the differences. Files come before folders, since a changed file also changes its folder's times."""
    old, new = ({entry.path: entry for entry in listed} for listed in (before, now))
    yield from (f"{name(path)} is missing" for path in old if path not in new)
    yield from (f"{name(path)} was added" for path in new if path not in old)
    both = [(old[path], new[path]) for path in old if path in new and old[path] != new[path]]
    for was, here in sorted(both, key=lambda pair: stat.S_ISDIR(pair[0].mode)):
        field = next(field for field in _FIELDS if getattr(was, field) != getattr(here, field))
        yield f"{name(was.path)} has another {_FIELDS[field]}"


def name(path: str) -> str:
    """A path of a list in printable characters."""
    return printable(path.encode("latin-1").decode(errors="replace"))
