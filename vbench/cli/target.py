"""Finds the file that `-o` names: through links and into devices, as `>` does, but never inside a run or validation."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from vbench.errors import UsageError
from vbench.store.files import storing

_HEAD_B = 4096  # a manifest's second key is its run's name


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """The path to write instead: what links lead to, its folder made, or a file apart that is then copied.

    To replace a device or a pipe by a file would destroy it. Raises UsageError and RunFolderError.
    """
    with storing(path):
        special = _is_special(path)
    if not special:
        yield _outside(path, as_folder=False)
        return
    with TemporaryDirectory(prefix="vbench-") as folder:
        apart = Path(folder, "written")
        yield apart
        with storing(path), apart.open("rb") as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)


def folder(path: Path) -> Path:
    """`path`, created if it does not exist. Raises UsageError and RunFolderError."""
    _outside(path, as_folder=True)
    return path


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _outside(path: Path, *, as_folder: bool) -> Path:
    with storing(path):
        target = Path(os.path.realpath(path))
        into = target if as_folder else target.parent
        for above in (into, *into.parents):
            kind = _kept(above)
            if kind:
                raise UsageError(f"{path} is inside the {kind} {above}, which stays as it is", hint="write elsewhere")
        into.mkdir(parents=True, exist_ok=True)
    return target


def _kept(path: Path) -> str:
    """The kind of folder if a run or a validation left it; empty for any other, even with a `manifest.json` in it."""
    if (path / "validation.json").is_file():
        return "validation's folder"
    manifest = path / "manifest.json"
    if (path / "journal.jsonl").is_file() and manifest.is_file():
        return "run folder"
    with suppress(OSError):
        if manifest.is_file():
            with manifest.open("rb") as read:
                return "run folder" if b'"run_id"' in read.read(_HEAD_B) else ""
    return ""
