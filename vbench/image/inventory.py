"""Lists every file of an image as it was built, so that a run sees within milliseconds whether one was changed.

The list holds what the kernel knows of a file without reading it. Nobody can set the time of the last change of an
inode (ctime), so a file that was written has another one. `vbench image check` reads every byte besides.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

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


def write(place: Path, *, name: str = NAME) -> None:
    """Stores the list of the image in `place` beside it."""
    (place / name).write_bytes(msgspec.json.encode(entries(place)))


def differences(place: Path) -> tuple[str, ...]:
    """What is not as in the list, one text a file; empty when all is."""
    before = _stored(place)
    if before is None:
        return (f"{NAME} cannot be read",)
    try:
        now = entries(place)
    except OSError as error:  # removed while it is listed, or a disk that fails
        return (f"{os.fsdecode(error.filename or place)} cannot be read: {error.strerror or error}",)
    return () if now == before else tuple(_compared(before, _as_built(before, now)))


def _as_built(before: list[Entry], now: list[Entry]) -> list[Entry]:
    """The files of today with the ids that the builder saw: a user namespace shows the builder's own as others.

    trust.py has looked at the owner of the first file. Here each other file has the same owner, or it differs.
    """
    if not before or not now:
        return now
    owners, groups = {now[0].owner: before[0].owner}, {now[0].group: before[0].group}
    return [
        replace(entry, owner=owners.get(entry.owner, entry.owner), group=groups.get(entry.group, entry.group))
        for entry in now
    ]


def show(found: tuple[str, ...]) -> str:
    """The first differences, and how many more there are."""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def entries(place: Path) -> list[Entry]:
    """Every file of the image, each folder after what is in it."""
    top = os.fsencode(place)
    found: list[Entry] = []
    with os.scandir(top) as parts:
        for part in sorted(parts, key=_name):
            if os.fsdecode(part.name) in _PARTS:
                _add(part, len(top) + 1, found)
    return found


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _add(entry: os.DirEntry[bytes], skipped: int, found: list[Entry]) -> None:
    status = entry.stat(follow_symlinks=False)
    mode, size, link = status.st_mode, status.st_size, ""
    if stat.S_ISDIR(mode):
        size = 0  # which depends on the file system
        with suppress(PermissionError), os.scandir(entry.path) as inside:  # its own entry is compared all the same
            for each in sorted(inside, key=_name):
                _add(each, skipped, found)
    elif stat.S_ISLNK(mode):
        link = os.readlink(entry.path).decode("latin-1")  # noqa: PTH115 - bytes
    found.append(
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


def _stored(place: Path) -> list[Entry] | None:
    try:
        with (place / NAME).open("rb") as file:
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
    """Contents first, since a changed file also changes the times of its folder."""
    old, new = ({entry.path: entry for entry in listed} for listed in (before, now))
    yield from (f"{name(path)} is missing" for path in old if path not in new)
    yield from (f"{name(path)} was added" for path in new if path not in old)
    both = [(old[path], new[path]) for path in old if path in new and old[path] != new[path]]
    for was, here in sorted(both, key=lambda pair: stat.S_ISDIR(pair[0].mode)):
        field = next(field for field in _FIELDS if getattr(was, field) != getattr(here, field))
        yield f"{name(was.path)} has another {_FIELDS[field]}"


def name(path: str) -> str:
    """A path of a list in printable characters."""
    text = path.encode("latin-1").decode(errors="replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
