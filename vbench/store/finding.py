"""The run folder that a path or a name in results/ means."""

from contextlib import suppress
from pathlib import Path

from vbench.errors import RunFolderError, nearest

RESULTS = Path("results")


def find(run: str, *, results: Path = RESULTS) -> Path:
    """A folder by its path or by its name in `results`. Raises RunFolderError, whose hint is the nearest name."""
    for path in (Path(run), results / run):
        with suppress(OSError, ValueError):  # a name too long for the file system, or with a zero byte
            if path.is_dir():
                return path
    known = found(results)
    hint = nearest(run, known) if known else f"there is no run in {results}/; `vbench run SUITE` makes one"
    raise RunFolderError(f"no run folder is named {run!r}, here or in {results}/", hint=hint)


def found(results: Path = RESULTS) -> list[str]:
    """Names of the run folders there, in order."""
    return sorted(path.parent.name for path in results.glob("*/manifest.json"))
