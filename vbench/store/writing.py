"""Writes a run folder during a run, so that whatever was stored before a failure stays whole."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from msgspec.structs import replace

from vbench import units
from vbench.errors import RunFolderError
from vbench.model import SCHEMA, EnvironmentRecord, Fact, Look, Manifest, Reading, Resumption, State, Trial, Void
from vbench.store import bounds, files, journal, privacy
from vbench.store.names import is_run_id, is_safe
from vbench.store.reading import read_manifest


def run_id(suite: str, *, at: datetime | None = None) -> str:
    """`smoke-20260102T030405Z-9f3c`: sorts by time within a suite, and names neither host nor user."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return f"{suite}-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def create(results: Path, manifest: Manifest, *, clean: privacy.Clean) -> "Writer":
    """Creates the run folder `results/<run id>/`. Raises RunFolderError when it exists or cannot be created."""
    if not is_run_id(manifest.run_id):
        raise RunFolderError(f"{manifest.run_id!r} cannot be the name of a run folder")
    folder = results / manifest.run_id
    if folder.exists() or folder.is_symlink():
        raise RunFolderError(f"{folder} exists already", hint="a run folder is never written twice; move it away")
    with files.storing(folder):
        results.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        for name in ("facts", "raw"):
            (folder / name).mkdir()
        writer = Writer(folder, privacy.clean_manifest(manifest, clean), clean, new=True)
        writer.begin()
        files.sync(results)
    return writer


def reopen(folder: Path, *, clean: privacy.Clean) -> "Writer":
    """Locks the folder of a run that ended early. `Writer.take_up` makes the first change. Raises RunFolderError."""
    _resumable(folder)
    writer = Writer(folder, read_manifest(folder), clean)
    try:
        _resumable(folder)  # the former holder of the lock may have ended the run meanwhile
    except RunFolderError:
        writer.close()
        raise
    return writer


def _resumable(folder: Path) -> None:
    manifest = read_manifest(folder)
    if manifest.state is State.COMPLETE:
        raise RunFolderError(f"{folder} is complete", hint="`vbench run` begins another one of the same suite")
    if manifest.schema != SCHEMA:
        hint = "it can be reported as it is"
        raise RunFolderError(f"{folder} was begun with schema {manifest.schema}, this is {SCHEMA}", hint=hint)
    journal_path = folder / "journal.jsonl"
    if os.path.lexists(journal_path) and not files.is_regular(folder, journal_path.name):
        raise RunFolderError(f"{journal_path} is not a file: no vbench wrote it")
    bounds.refuse_large(journal_path, bounds.size_b(folder, [journal_path.name]), bounds.JOURNAL_B)


class Writer:
    """An open run folder. It is a context manager, whose exit closes the journal and changes nothing else.

    No two processes write one folder: the journal is locked, and the lock ends with the process.
    """

    def __init__(self, folder: Path, manifest: Manifest, clean: privacy.Clean, *, new: bool = False) -> None:
        self.folder = folder
        self._clean = privacy.of_run(manifest, clean)
        self._manifest = manifest
        self._unsynced: list[Path] = []
        self._journal_path = folder / "journal.jsonl"
        self._journal = -1
        if new or os.path.lexists(self._journal_path):
            self._open(os.O_CREAT if new else 0)

    def _open(self, creating: int) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | creating
        with files.storing(self._journal_path):
            self._journal = os.open(self._journal_path, flags, 0o644)
        if not files.lock(self._journal):
            self.close()
            raise RunFolderError(f"{self.folder} is being written by another vbench", hint="wait until it has ended")

    @property
    def manifest(self) -> Manifest:
        """The manifest as stored in the folder."""
        return self._manifest

    def begin(self) -> None:
        """Writes the manifest of a new run. From then on the folder is a run folder."""
        self._write_manifest()

    def take_up(self, resumption: Resumption) -> None:
        """Prepares a resumed run: removes half-written files and outdated checksums. Raises RunFolderError."""
        if self._journal < 0:  # the journal was lost, so that `reopen` had nothing to lock
            self._open(os.O_CREAT)
            _resumable(self.folder)
        with files.storing(self.folder):
            files.mend_last_line(self._journal, is_whole=journal.is_whole)
            for path in (*self.folder.glob(".*.new"), *self.folder.glob("facts/.*.new")):
                path.unlink()
            for name in ("facts", "raw"):
                (self.folder / name).mkdir(exist_ok=True)
        changes = tuple(map(self._clean.own, resumption.changes))
        resumed = (*self._manifest.resumed, replace(resumption, changes=changes))
        self._change(state=State.RUNNING, finished=None, checksums={}, resumed=resumed)

    def described(self) -> set[str]:
        """Names of environments, or `host`, whose facts and record are stored."""
        names = {"host", *(record.name for record in self._manifest.environments if record.layers)}
        return {name for name in names if files.is_regular(self.folder, f"facts/{name}.json")}

    def append(self, trial: Trial) -> None:
        """Stores one trial on the disk, its raw files first. Must not be called during a trial."""
        self._sync_raw()
        line = journal.line(privacy.clean_trial(trial, self._clean))
        files.append_durably(self._journal, line, path=self._journal_path)

    def note(self, entry: Reading | Void | Look) -> None:
        """Stores a reading of the host, the voiding of a block or a look at widths on the disk."""
        files.append_durably(self._journal, journal.line(entry), path=self._journal_path)

    def facts(self, name: str, facts: Mapping[str, Fact]) -> None:
        """Stores the facts of an environment, or of the host under the name `host`."""
        path = self.folder / "facts" / f"{_safe(name)}.json"
        files.write_atomically(path, _json(privacy.clean_facts(dict(facts), self._clean)))

    def raw(self, name: str, data: bytes) -> str:
        """Stores a tool's output without host names and home paths. Returns the file's path inside the folder.

        Output is cut at `bounds.RAW_B`. A name that exists already gets a number. The call does not wait for the disk,
        so that it can be used within a start: `append` syncs the file.
        """
        path = self._free(self.folder / "raw" / _safe(name))
        text = data.decode("utf-8", "surrogateescape")
        with files.storing(path):
            path.write_bytes(self._clean.raw(text).encode("utf-8", "surrogateescape")[: bounds.RAW_B])
        self._unsynced.append(path)
        return str(path.relative_to(self.folder))

    def record(self, environment: EnvironmentRecord) -> None:
        """Replaces the record of an environment by one that a start has completed."""
        kept = [e for e in self._manifest.environments if e.name != environment.name]
        names = [e.name for e in self._manifest.environments]
        at = names.index(environment.name) if environment.name in names else len(names)
        kept.insert(at, privacy.clean_record(environment, self._clean))
        self._change(environments=tuple(kept))

    def rename_image(self, digest: str, name: str) -> None:
        """Replaces an image's digest by a name, after a run that executed changed files instead of that image."""
        environments = [replace(e, image=name) if e.image == digest else e for e in self._manifest.environments]
        image = name if self._manifest.image == digest else self._manifest.image
        self._change(image=image, environments=tuple(environments))

    def finish(self, state: State) -> None:
        """Ends the run: stores its state, time and all checksums. Files of a complete run become read-only."""
        self._sync_raw()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        stored = [name for name in files.inside(self.folder) if name != "manifest.json"]
        checksums = {name: files.digest(self.folder / name) for name in stored}
        self._change(state=state, finished=now, checksums=checksums)
        if state is State.COMPLETE:
            with files.storing(self.folder):
                for name in (*stored, "manifest.json"):
                    files.forbid_writing(self.folder / name)
        self.close()  # which releases the lock

    def close(self) -> None:
        if self._journal >= 0:
            with suppress(OSError):
                os.close(self._journal)
            self._journal = -1

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _change(self, **fields: Any) -> None:
        self._manifest = replace(self._manifest, **fields)
        self._write_manifest()

    def _write_manifest(self) -> None:
        files.write_atomically(self.folder / "manifest.json", _json(self._manifest))

    def _sync_raw(self) -> None:
        while self._unsynced:
            with files.storing(self._unsynced[-1]):
                files.sync(self._unsynced[-1])
            self._unsynced.pop()

    def _free(self, path: Path) -> Path:
        number, free = 1, path
        while free.exists():
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return free


def _safe(name: str) -> str:
    if not is_safe(name):
        raise RunFolderError(f"{name!r} cannot be the name of a file in a run folder")
    return name


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=units.encode), indent=1) + b"\n"
