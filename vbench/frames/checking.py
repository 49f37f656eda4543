"""Checks that a run folder is what its run left: every checksum, journal line and row of the Parquet files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vbench import store
from vbench.errors import RunFolderError
from vbench.frames import parquet
from vbench.frames.passing import read
from vbench.frames.tables import Tables
from vbench.model import Manifest, State
from vbench.store import sums

FIRST_WITH_TABLES = 2
"""Schema from which on a complete run has Parquet files."""


@dataclass(frozen=True)
class Checked:
    """The result of a check in words. `problems` are damage; `notes` may be true of an undamaged folder too."""

    manifest: Manifest
    trials: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check(folder: Path) -> Checked:
    """Checks a run folder. Raises RunFolderError if this vbench cannot read a run there."""
    manifest = store.read_manifest(folder)
    tables = Tables(read(folder))
    run = tables.passed.run
    notes = (*store.unfinished(manifest), *_never_written(manifest))
    damaged = [warning for warning in run.warnings if warning not in notes]
    problems = (
        *damaged,
        *sums.strangers(folder, manifest),
        *_unsummed(folder, manifest),
        *parquet.differences(folder, tables),
    )
    return Checked(manifest, len(run.trials), problems, notes)


def rebuild(folder: Path) -> tuple[Path, ...]:
    """Writes the Parquet files again from the journal, with their checksums. Raises RunFolderError, NoSpace."""
    manifest = store.read_manifest(folder)
    if manifest.state is not State.COMPLETE:
        hint = "`vbench run --resume` ends it; `vbench export --format parquet` writes its tables elsewhere"
        raise RunFolderError(f"{folder}: the run is {manifest.state}, and only a complete one has tables", hint=hint)
    if any(file in ("", "journal.jsonl") for file, _ in sums.changes(folder, manifest)):
        hint = "restore the journal from a copy; `vbench export --format parquet` writes what is left of it elsewhere"
        raise RunFolderError(f"{folder}: the journal is not what the run left, so nothing is made of it", hint=hint)
    paths = parquet.write(folder)
    sums.renew(folder, parquet.NAMES)
    return paths


def _never_written(manifest: Manifest) -> Iterator[str]:
    """Facts of environments that never started: their absence is no damage, since no checksum was ever taken."""
    for name in ("host", *(record.name for record in manifest.environments)):
        if manifest.checksums and f"facts/{name}.json" not in manifest.checksums:
            yield store.missing_facts(name)


def _unsummed(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Missing tables that have no checksum in the manifest either."""
    if manifest.state is not State.COMPLETE or manifest.schema < FIRST_WITH_TABLES:
        return
    for name in parquet.NAMES:
        if name not in manifest.checksums and not (folder / name).exists():
            yield f"{name} is missing: it could not be written when the run ended"
