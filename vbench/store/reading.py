"""Read a run folder that anybody may have written: what is damaged is a warning, what is no run is an error."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vbench.errors import RunFolderError
from vbench.model import SCHEMA, Facts, Manifest, Reading, Run, State, Trial, Void
from vbench.store import files, journal
from vbench.store.names import is_run_id, is_safe

LARGEST_B = 64 * 2**20
T = TypeVar("T")


class _Versioned(msgspec.Struct):
    schema: int


def load(path: Path) -> Run:
    """A run folder; raises RunFolderError when there is none or when this vbench cannot read it."""
    manifest = _manifest(path)
    warnings = list(_unfinished(manifest))
    entries, damaged = _journal(path, manifest)
    host = _facts(path, "host", warnings)
    facts = {record.name: _facts(path, record.name, warnings) for record in manifest.environments}
    warnings += [*damaged, *_changed(path, manifest)]
    return Run(
        path=path,
        manifest=manifest,
        trials=tuple(entry for entry in entries if isinstance(entry, Trial)),
        host=host,
        facts=facts,
        readings=tuple(entry for entry in entries if isinstance(entry, Reading)),
        voids=tuple(entry for entry in entries if isinstance(entry, Void)),
        warnings=tuple(warnings),
    )


def _manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    if not _is_folder(folder):
        raise RunFolderError(f"{str(folder)!r} is not a run folder", hint="run folders are in `results/`")
    if not _is_file(path):
        raise RunFolderError(f"{folder} has no manifest.json: this is not a run folder", hint="`results/<run id>`")
    data = _bytes(path)
    found = _decoded(data, _Versioned, path).schema
    if found != SCHEMA:
        hint = "install the newer vbench" if found > SCHEMA else "docs/schema.md names the vbench that reads it"
        raise RunFolderError(f"{path} has schema {found}, this vbench reads {SCHEMA}", hint=hint)
    manifest: Manifest = _decoded(data, Manifest, path)
    _refuse_hostile(manifest, path)
    return manifest


def _refuse_hostile(manifest: Manifest, path: Path) -> None:
    """Names become paths and labels, so what no vbench could have written is not read."""
    if not is_run_id(manifest.run_id):
        raise RunFolderError(f"{path}: {_short(manifest.run_id)} cannot be a run id")
    arms = [record.name for record in manifest.environments]
    names = [*arms, *(b.name for b in manifest.benchmarks), manifest.baseline, manifest.control]
    for name in (*names, *manifest.plan.environments, *manifest.plan.benchmarks):
        if not is_safe(name):
            raise RunFolderError(f"{path}: {_short(name)} cannot be a name")
    if len(set(arms)) < len(arms):
        raise RunFolderError(f"{path}: two environments have the same name")
    if manifest.baseline not in arms:
        raise RunFolderError(f"{path}: the baseline {manifest.baseline!r} is not among the environments")


def _unfinished(manifest: Manifest) -> Iterator[str]:
    match manifest.state:
        case State.RUNNING:
            yield "the run did not end, or still goes on; what is here is whole"
        case State.PARTIAL:
            yield "the run was ended before its last block; what is here is whole"
        case State.COMPLETE:
            return


def _journal(folder: Path, manifest: Manifest) -> tuple[tuple[journal.Entry, ...], list[str]]:
    path = folder / "journal.jsonl"
    if not _is_file(path):
        return (), ["journal.jsonl is missing: there are no trials"]
    entries, warnings = journal.read(path)
    arms = {record.name for record in manifest.environments}
    benchmarks = {record.name for record in manifest.benchmarks}
    known = tuple(entry for entry in entries if _is_known(entry, arms, benchmarks))
    if len(known) < len(entries):
        warnings.append(f"{len(entries) - len(known)} entries of unknown environments or benchmarks were dropped")
    return known, warnings


def _is_known(entry: journal.Entry, arms: set[str], benchmarks: set[str]) -> bool:
    match entry:
        case Trial():
            return entry.environment in arms and entry.benchmark in benchmarks
        case Reading():
            return entry.environment in arms
        case Void():
            return True


def _facts(folder: Path, name: str, warnings: list[str]) -> Facts:
    path = folder / "facts" / f"{name}.json"
    if not _is_file(path):
        warnings.append(f"facts/{name}.json is missing")
        return {}
    try:
        facts: Facts = _decoded(_bytes(path), Facts, path)
    except RunFolderError as error:
        warnings.append(f"facts/{name}.json was not read: {error.message}")
        return {}
    return facts


def _changed(folder: Path, manifest: Manifest) -> Iterator[str]:
    """A wrong checksum is a warning: journal lines carry their own, and raw files enter no number."""
    for name, digest in sorted(manifest.checksums.items()):
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield f"the manifest names a file outside its folder: {_short(name)}"
        elif not _is_file(path):
            yield f"{_short(name)} is missing, though the manifest has its checksum"
        elif _digest(path) != digest:
            yield f"{_short(name)} was changed after the run"


def _digest(path: Path) -> str:
    try:
        return files.digest(path)
    except OSError:
        return ""


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    """A regular file and no link: a link could lead out of the folder, a FIFO would never answer."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_B + 1)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_B:
        raise RunFolderError(f"{path} is larger than 64 MiB: no vbench wrote it")
    return data


def _decoded(data: bytes, kind: Any, path: Path) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}", hint="the file is damaged or not vbench's") from error


def _short(name: str) -> str:
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:57]}..."
