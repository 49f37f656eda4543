"""What became of a run folder's files since the run ended: changed, missing, added, or replaced by a link."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vbench.model import Manifest
from vbench.store import files
from vbench.store.names import short

UNSUMMED = frozenset({"manifest.json"})
"""It holds the checksums, so that it can have none."""


def changed(folder: Path, manifest: Manifest) -> Iterator[str]:
    """A wrong checksum is a warning: journal lines carry their own, and raw files enter no number."""
    return (said for _, said in changes(folder, manifest))


def changes(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Each file that is not what the run left, and how."""
    for name, digest in sorted(manifest.checksums.items()):
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield name, f"the manifest names a file outside its folder: {short(name)}"
        elif not files.is_regular(folder, name):
            yield name, f"{short(name)} is {_instead(path)}, though the manifest has its checksum"
        elif _digest(path) != digest:
            yield name, f"{short(name)} was changed after the run"


def strangers(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What lies in the folder of an ended run without a checksum; nothing can be told while a run goes on."""
    if not manifest.checksums:
        return
    for top, folders, names in os.walk(folder):
        for name in sorted(folders):
            path = Path(top, name)
            if path.is_symlink():
                yield f"{short(str(path.relative_to(folder)))} is a link, which no vbench writes"
        for name in sorted(names):
            inside = str(Path(top, name).relative_to(folder))
            if inside not in manifest.checksums and inside not in UNSUMMED:
                kind = "" if files.is_regular(folder, inside) else f" and {_instead(Path(top, name))}"
                yield f"{short(inside)} is not of this run: the manifest has no checksum of it{kind}"


def renew(folder: Path, names: Sequence[str]) -> None:
    """New checksums in the manifest for files that were made again; all else in it stays as it is."""
    path = folder / "manifest.json"
    with files.storing(path):
        document = msgspec.json.decode(path.read_bytes())
        document["checksums"] |= {name: files.digest(folder / name) for name in names}
        files.write_atomically(path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
        for name in (*names, path.name):
            files.forbid_writing(folder / name)


def _instead(path: Path) -> str:
    """What stands where a regular file should."""
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
