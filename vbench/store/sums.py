"""Compares a run folder's files with their checksums: changed, missing, added, or replaced by a link."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from vbench.host import untrusted
from vbench.model import Manifest
from vbench.store import bounds, files
from vbench.text import quoted
from vbench.units import show_bytes

UNSUMMED = frozenset({"manifest.json"})
"""Files without a checksum: the manifest holds the checksums."""


def changed(folder: Path, manifest: Manifest) -> Iterator[str]:
    """A warning for each changed file. No error: journal lines have their own checksums, raw files enter no number."""
    return (warning for _, warning in changes(folder, manifest))


def changes(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Name and warning for each file that changed after the run. Files too large to read give one without a name."""
    if bounds.size_b(folder, manifest.checksums) > bounds.FOLDER_B:
        yield "", f"the files are more than {show_bytes(bounds.FOLDER_B)}, so their checksums were not looked at"
        return
    for name, digest in sorted(manifest.checksums.items()):
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield name, f"the manifest names a file outside its folder: {quoted(name)}"
        elif not files.is_regular(folder, name):
            yield name, f"{quoted(name)} is {_instead(path)}, though the manifest has its checksum"
        elif bounds.size_b(folder, [name]) > (limit := bounds.largest_b(name)):
            yield name, f"{quoted(name)} was changed after the run: it is larger than {show_bytes(limit)}"
        elif _digest(path) != digest:
            yield name, f"{quoted(name)} was changed after the run"


def strangers(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Warnings for files without a checksum in the folder of an ended run. None while the run goes on.

    The first `bounds.NAMED` files have a warning each, and one warning counts the rest.
    """
    if not manifest.checksums:
        return
    warnings = _strangers(folder, manifest)
    yield from islice(warnings, bounds.NAMED)
    more = sum(1 for _ in islice(warnings, bounds.FILES))
    if more:
        yield f"{'more than ' if more == bounds.FILES else ''}{more:,} more files or links are not of this run"


def _strangers(folder: Path, manifest: Manifest) -> Iterator[str]:
    for inside, is_folder in _walk(folder):
        path = folder / inside
        if is_folder:
            if path.is_symlink():
                yield f"{quoted(inside)} is a link, which no vbench writes"
        elif inside not in manifest.checksums and inside not in UNSUMMED:
            kind = "" if files.is_regular(folder, inside) else f" and {_instead(path)}"
            yield f"{quoted(inside)} is not of this run: the manifest has no checksum of it{kind}"


def _walk(folder: Path) -> Iterator[tuple[str, bool]]:
    """Relative path of everything in the folder, and whether it is a folder or a link to one.

    os.walk would not do: before Python 3.12 it calls itself for each level, and a folder can be deeper than the stack.
    """
    waiting = [""]
    while waiting:
        top = waiting.pop()
        try:
            with os.scandir(folder / top) as entries:
                inside = sorted((entry.name, entry.is_dir(), entry.is_symlink()) for entry in entries)
        except OSError:
            continue
        for name, is_folder, is_link in inside:
            path = f"{top}/{name}" if top else name
            yield path, is_folder
            if is_folder and not is_link:
                waiting.append(path)


def renew(folder: Path, names: Sequence[str]) -> None:
    """Replaces the checksums of regenerated files in the manifest, and nothing else in it."""
    path = folder / "manifest.json"
    with files.storing(path):
        document = msgspec.json.decode(untrusted.read(path, most_b=bounds.MANIFEST_B))
        document["checksums"] |= {name: files.digest(folder / name) for name in names}
        files.write_atomically(path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
        for name in (*names, path.name):
            files.forbid_writing(folder / name)


def _instead(path: Path) -> str:
    """What is at this path instead of a regular file, in words."""
    try:
        if path.is_symlink():
            return "a link, which was not followed"
        return "no regular file" if path.exists() else "missing"
    except (OSError, ValueError):
        return "missing"


def _digest(path: Path) -> str:
    try:
        return files.digest(path)
    except OSError:
        return ""
