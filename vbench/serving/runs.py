"""Lists a results folder, one summary for each run. The summary of a damaged run says what is wrong with it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from vbench import store
from vbench.errors import RunFolderError
from vbench.model import Manifest
from vbench.serving import counting
from vbench.serving.counting import Trials

VALIDATION = "validation.json"  # a folder with it and no manifest holds verdicts over runs that stand beside it
DAMAGED = "damaged"


class Summary(Struct, frozen=True):
    """A run in a list. A damaged run has the state `damaged`, and `problem` says what is wrong with it."""

    name: str  # of the folder
    state: str
    problem: str = ""
    suite: str = ""
    started: str = ""  # as the manifest has it
    duration_s: float | None = None  # None while it runs, or when it was killed
    blocks: int | None = None  # planned; of an adaptive run at most
    blocks_begun: int | None = None
    environments: tuple[str, ...] = ()  # the control too
    benchmarks: int | None = None
    measured: int | None = None
    failed: int | None = None
    skipped: int | None = None
    tags: dict[str, str] = {}


def summaries(results: Path) -> list[Summary]:
    """Summaries of all runs in a folder: the newest first, runs without a start time last.

    Empty if there is no folder. Raises RunFolderError.
    """
    runs = [summary(path) for path in folders(results)]
    return newest_first(runs)


def newest_first(runs: list[Summary]) -> list[Summary]:
    return sorted(sorted(runs, key=lambda run: run.name), key=_age)


def _age(run: Summary) -> tuple[bool, float]:
    moment = instant(run.started)
    return moment is None, 0.0 if moment is None else -moment.timestamp()


def folders(results: Path) -> Iterator[Path]:
    """Folders in `results` that may be runs, without hidden ones and validations. Raises RunFolderError."""
    try:
        inside = sorted(results.iterdir())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RunFolderError(f"{str(results)!r} cannot be listed: {why}") from error
    for path in inside:
        if not path.name.startswith(".") and path.is_dir() and not _is_validation(path):
            yield path


def _is_validation(path: Path) -> bool:
    with suppress(OSError):
        return (path / VALIDATION).is_file() and not (path / "manifest.json").exists()
    return False


def summary(path: Path) -> Summary:
    """Reads the manifest and counts the journal's lines."""
    try:
        if leads_out(path):
            return Summary(path.name, DAMAGED, "a link that leads out of its folder")
        manifest = store.read_manifest(path)
    except RunFolderError as error:
        return Summary(path.name, DAMAGED, error.message)
    except OSError as error:
        return Summary(path.name, DAMAGED, f"{error.filename or path}: {error.strerror or error}")
    try:
        trials = counting.count(path)
        problem = "" if trials else "journal.jsonl is missing: there are no trials"
    except RunFolderError as error:
        trials, problem = None, error.message
    except OSError as error:
        trials, problem = None, f"journal.jsonl cannot be read: {error.strerror or error}"
    return _of(path, manifest, trials, problem)


def leads_out(path: Path) -> bool:
    """Whether a folder is a link that leads out of its parent folder or to nothing."""
    try:
        return path.is_symlink() and path.resolve(strict=True).parent != path.parent.resolve()
    except (OSError, RuntimeError):  # a link to nothing; a link to itself, which is a RuntimeError up to Python 3.12
        return True


def _of(path: Path, manifest: Manifest, trials: Trials | None, problem: str) -> Summary:
    return Summary(
        name=path.name,
        state=str(manifest.state),
        problem=problem,
        suite=manifest.suite,
        started=manifest.started,
        duration_s=_duration_s(manifest),
        blocks=manifest.blocks,
        blocks_begun=trials.blocks if trials else None,
        environments=tuple(record.name for record in manifest.environments),
        benchmarks=len(manifest.benchmarks),
        measured=trials.measured if trials else None,
        failed=trials.failed if trials else None,
        skipped=trials.skipped if trials else None,
        tags=manifest.tags,
    )


def _duration_s(manifest: Manifest) -> float | None:
    started, finished = instant(manifest.started), instant(manifest.finished or "")
    if started is None or finished is None:
        return None
    seconds = (finished - started).total_seconds()
    return seconds if seconds >= 0 else None


def instant(text: str) -> datetime | None:
    """A time of a manifest in UTC. None if the text is not a time of ISO 8601."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
