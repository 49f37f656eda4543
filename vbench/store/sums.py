"""What became of a run folder's files since the run ended: changed, missing, added, or replaced by a link."""

import os
from collections.abc import Iterator
from pathlib import Path

from vbench.model import Manifest
from vbench.store import files
from vbench.store.names import short

UNSUMMED = frozenset({"manifest.json"})
"""It holds the checksums, so that it can have none."""


def changed(folder: Path, manifest: Manifest) -> Iterator[str]:
    """A wrong checksum is a warning: journal lines carry their own, and raw files enter no number."""
    for name, digest in sorted(manifest.checksums.items()):
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield f"the manifest names a file outside its folder: {short(name)}"
        elif not files.is_regular(folder, name):
            yield f"{short(name)} is {_instead(path)}, though the manifest has its checksum"
        elif _digest(path) != digest:
            yield f"{short(name)} was changed after the run"


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
