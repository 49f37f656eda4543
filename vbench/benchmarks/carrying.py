"""Sends a user's folder into the environments: checks its content, computes its digest and packs its archive."""

import hashlib
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vbench.units import show_bytes

MOST_B = 64 * 2**20  # each start of each environment receives it again, an emulated one at a few MB/s
MOST_ENTRIES = 10_000


class Unfit(Exception):
    """A folder that cannot be sent; the text says why."""


@dataclass(frozen=True)
class Entry:
    """One file, folder or link; `name` is its path inside the user's folder."""

    name: str
    path: Path
    mode: int  # permissions alone
    size_b: int = 0
    link: str | None = None
    folder: bool = False


def inside(base: Path, folder: str) -> Path:
    """Path of a folder below the suite's own. Raises Unfit for any other path, and for what is no folder."""
    if not folder or "\0" in folder or Path(folder).is_absolute() or ".." in Path(folder).parts:
        raise Unfit(f"expected a path below the suite's own folder, got {folder[:80]!r}")
    try:
        path = (base / folder).resolve(strict=True)
        if not path.is_relative_to(base.resolve()):
            raise Unfit(f"{folder} is a link that leaves the suite's own folder")
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise Unfit(f"{folder} {_why(error)}") from None
    if not path.is_dir():
        raise Unfit(f"{folder} is not a folder")
    return path


def entries(folder: Path) -> tuple[Entry, ...]:
    """All entries of a folder, sorted by path, each folder before its content. Raises Unfit."""
    listed: list[Entry] = []
    size_b = 0
    for entry in _walk(folder, ""):
        listed.append(entry)
        size_b += entry.size_b
        if len(listed) > MOST_ENTRIES or size_b > MOST_B:
            raise Unfit(
                f"it holds more than {MOST_ENTRIES} files or {show_bytes(MOST_B)}, "
                "and each start of each environment would have to be sent them all"
            )
    return tuple(sorted(listed, key=lambda entry: os.fsencode(entry.name).split(b"/")))


def _walk(folder: Path, at: str) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as items:
            for item in items:
                entry = _entry(item, f"{at}{item.name}")
                yield entry
                if entry.folder:
                    yield from _walk(entry.path, f"{entry.name}/")
    except OSError as error:
        raise Unfit(f"{at or 'it'} {_why(error)}") from None


def _entry(item: "os.DirEntry[str]", name: str) -> Entry:
    status = item.stat(follow_symlinks=False)
    mode, path = stat.S_IMODE(status.st_mode) & 0o777, Path(item.path)
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, path, 0o777, link=_target(name, path))
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, path, mode, folder=True)
    if not stat.S_ISREG(status.st_mode):
        raise Unfit(f"{name} is neither a file, a folder nor a link")
    return Entry(name, path, mode, status.st_size)


def _target(name: str, path: Path) -> str:
    """Target of a link. Raises Unfit for a target outside the folder, which would differ between environments."""
    target = str(path.readlink())
    end = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    leaves = target.startswith("/") or end == ".." or end.startswith("../")
    if leaves or not _really_inside(path, path.parents[name.count("/")]):
        raise Unfit(f"{name} is a link that leaves the folder, to {target[:80]}")
    return target


def _really_inside(path: Path, folder: Path) -> bool:
    """Whether the path lies in the folder after all links are resolved."""
    base = os.path.realpath(folder)
    return os.path.commonpath([base, os.path.realpath(path)]) == base


def digest(folder: Path) -> str:
    """`sha256:…` over names, permissions, links and contents, as a run stores it. Raises Unfit."""
    return _sealed(folder, lambda entry, data: None)


def pack(folder: Path, target: IO[bytes]) -> str:
    """Writes a tar archive and returns the digest of its content. Raises Unfit."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        return _sealed(folder, lambda entry, data: tar.addfile(_member(entry, len(data)), io.BytesIO(data)))


def _sealed(folder: Path, take: Callable[[Entry, bytes], None]) -> str:
    whole = hashlib.sha256()
    for entry in entries(folder):
        data, name = _content(entry), os.fsencode(entry.name)
        kind = "folder" if entry.folder else "link" if entry.link is not None else "file"
        whole.update(f"{kind} {entry.mode:o} {len(name)} {len(data)}\n".encode() + name + data)
        take(entry, b"" if entry.link is not None else data)
    return f"sha256:{whole.hexdigest()}"


def _content(entry: Entry) -> bytes:
    """Bytes of a file or target of a link; empty for a folder. Raises Unfit."""
    if entry.folder:
        return b""
    if entry.link is not None:
        return os.fsencode(entry.link)
    try:
        return entry.path.read_bytes()
    except OSError as error:
        raise Unfit(f"{entry.name} {_why(error)}") from None


def _member(entry: Entry, size_b: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(entry.name)
    member.mode, member.size = entry.mode, size_b
    if entry.link is not None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.link
    elif entry.folder:
        member.type = tarfile.DIRTYPE
    return member


def _why(error: OSError | RuntimeError) -> str:
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
