"""Finds a run folder by its path or by its name in results/."""

from contextlib import suppress
from pathlib import Path

from vbench.errors import RunFolderError, nearest

RESULTS = Path("results")


def find(run: str, *, results: Path = RESULTS) -> Path:
    """The run folder of this path or of this name in `results`. Raises RunFolderError, hinting at the nearest name."""
    for path in (Path(run), results / run):
        with suppress(OSError, ValueError):  # a name too long for the file system, or with a zero byte
            if path.is_dir():
                return path
    runs = run_names(results)
    hint = nearest(run, runs) if runs else f"there is no run in {results}/; `vbench run SUITE` makes one"
    raise RunFolderError(f"no run folder is named {run!r}, here or in {results}/", hint=hint)


def run_names(results: Path = RESULTS) -> list[str]:
    """Names of the run folders in `results`, sorted."""
    return sorted(path.parent.name for path in results.glob("*/manifest.json"))
