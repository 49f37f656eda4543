"""Reads run folders that anybody may have written: damage gives a warning, a folder that is no run an error."""

import os
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.model import MOST_CELLS, SCHEMA, Facts, Look, Manifest, Reading, Run, State, Trial, Void
from vbench.store import bounds, files, journal, older
from vbench.store.names import is_run_id, is_safe
from vbench.store.sums import changed
from vbench.text import quoted
from vbench.units import UNITS, base_unit, show_bytes

BASE_UNITS = tuple(dict.fromkeys(base_unit(name)[0] for name in UNITS))
T = TypeVar("T")


class _Parts(msgspec.Struct):
    """Parts of a manifest that are checked before the rest is decoded: decoded JSON takes many times its size."""

    schema: int
    plan: msgspec.Raw = msgspec.Raw()
    checksums: msgspec.Raw = msgspec.Raw()


def load(path: Path, *, condense: Callable[[Trial], Trial] = lambda trial: trial) -> Run:
    """Reads a run. Raises RunFolderError when there is no run folder or when this vbench cannot read it.

    `condense` receives each trial as it is read, and the run holds the trial that it returns. It can drop samples of a
    journal that does not fit into memory.
    """
    manifest = read_manifest(path)
    warnings = list(unfinished(manifest))
    entries, damaged = _journal(path, manifest, condense)
    host = _facts(path, "host", warnings)
    facts = {record.name: _facts(path, record.name, warnings) for record in manifest.environments}
    warnings += [*damaged, *changed(path, manifest)]
    return Run(
        path=path,
        manifest=manifest,
        trials=tuple(entry for entry in entries if isinstance(entry, Trial)),
        host=host,
        facts=facts,
        readings=tuple(entry for entry in entries if isinstance(entry, Reading)),
        voids=tuple(entry for entry in entries if isinstance(entry, Void)),
        looks=tuple(entry for entry in entries if isinstance(entry, Look)),
        warnings=tuple(warnings),
    )


def read_manifest(folder: Path) -> Manifest:
    """Manifest of a run folder. Raises RunFolderError when there is none or when this vbench cannot read it."""
    path = folder / "manifest.json"
    if not _is_folder(folder):
        raise RunFolderError(f"{str(folder)!r} is not a run folder", hint="run folders are in `results/`")
    if not os.path.lexists(path):
        raise RunFolderError(f"{folder} has no manifest.json: this is not a run folder", hint="`results/<run id>`")
    data = _bytes(path, bounds.MANIFEST_B)
    parts: _Parts = _decoded(data, _Parts, path)
    if not 1 <= parts.schema <= SCHEMA:
        hint = "install the newer vbench" if parts.schema > SCHEMA else "docs/reference/schema.md names the schemas"
        raise RunFolderError(f"{path} has schema {parts.schema}, this vbench reads 1 to {SCHEMA}", hint=hint)
    _refuse_large(parts, len(data), path)
    manifest: Manifest = _decoded(data, Manifest, path)
    _refuse_hostile(manifest, path)
    return older.brought_up(manifest)


def _refuse_large(parts: _Parts, size: int, path: Path) -> None:
    plan, checksums = bytes(parts.plan), bytes(parts.checksums)
    bounds.refuse_large(path, size - len(plan) - len(checksums), bounds.ABOUT_B)
    if len(plan) > bounds.PLAN_B:
        raise RunFolderError(f"{path}: the plan is larger than {show_bytes(bounds.PLAN_B)}", hint=bounds.FOREIGN)
    if checksums.count(b":") > bounds.CHECKSUMS:
        raise RunFolderError(f"{path} names more than {bounds.CHECKSUMS:,} files", hint=bounds.FOREIGN)


def _refuse_hostile(manifest: Manifest, path: Path) -> None:
    """Raises RunFolderError for names and units that no vbench writes: names become paths, units become labels."""
    if not is_run_id(manifest.run_id):
        raise RunFolderError(f"{path}: {quoted(manifest.run_id)} cannot be a run id")
    arms = [record.name for record in manifest.environments]
    names = [*arms, *(b.name for b in manifest.benchmarks), manifest.baseline, manifest.control]
    names += [record.of for record in manifest.benchmarks if record.of]
    for name in (*names, *manifest.plan.environments, *manifest.plan.benchmarks):
        if not is_safe(name):
            raise RunFolderError(f"{path}: {quoted(name)} cannot be a name")
    if cells(manifest) > MOST_CELLS:
        hint = "no vbench wrote it: a suite of so many is refused"
        raise RunFolderError(f"{path}: {cells(manifest):,} comparisons, a run has at most {MOST_CELLS:,}", hint=hint)
    if len(set(arms)) < len(arms):
        raise RunFolderError(f"{path}: two environments have the same name")
    if manifest.baseline not in arms:
        raise RunFolderError(f"{path}: the baseline {manifest.baseline!r} is not among the environments")
    _refuse_foreign_ladders(manifest, path)
    _refuse_foreign_groups(manifest, path)
    for unit in (metric.unit for record in manifest.benchmarks for metric in record.metrics):
        if unit not in BASE_UNITS:
            hint = f"no vbench wrote it: metrics are stored in base units, {', '.join(BASE_UNITS)}"
            raise RunFolderError(f"{path}: {quoted(unit)} cannot be a metric's unit", hint=hint)


def _refuse_foreign_ladders(manifest: Manifest, path: Path) -> None:
    """Raises RunFolderError unless each ladder names a metric and arms of its own run, each arm once."""
    arms = {record.name for record in manifest.environments} - {manifest.control}
    measured = {(record.name, metric.name) for record in manifest.benchmarks for metric in record.metrics}
    for ladder in manifest.ladders:
        steps = set(ladder.arms)
        is_of_run = steps <= arms and (ladder.benchmark, ladder.metric) in measured
        if not is_safe(ladder.name) or not is_of_run or not len(ladder.arms) == len(steps) >= 2:
            raise RunFolderError(f"{path}: {quoted(ladder.name)} cannot be a ladder of this run")


def _refuse_foreign_groups(manifest: Manifest, path: Path) -> None:
    """Raises RunFolderError unless each group begins with the baseline, and every other arm is in one of them."""
    groups, arms = manifest.plan.groups, {record.name for record in manifest.environments}
    others = sorted(arm for group in groups for arm in group[1:])
    if groups and (
        {group[:1] for group in groups} != {(manifest.baseline,)} or others != sorted(arms - {manifest.baseline})
    ):
        raise RunFolderError(f"{path}: its groups cannot be those of these environments")


def cells(manifest: Manifest) -> int:
    """Number of comparisons in a run's report: environments times metrics."""
    return len(manifest.environments) * sum(max(1, len(record.metrics)) for record in manifest.benchmarks)


def unfinished(manifest: Manifest) -> Iterator[str]:
    """Warnings for a run that did not end or that was interrupted."""
    yield from _resumed(manifest)
    match manifest.state:
        case State.RUNNING:
            yield "the run did not end, or still goes on; what is here is whole"
        case State.PARTIAL:
            yield "the run was ended before its last block; what is here is whole"
        case State.COMPLETE:
            return


def _resumed(manifest: Manifest) -> Iterator[str]:
    if manifest.resumed:
        times, blocks = len(manifest.resumed), {item.block for item in manifest.resumed}
        numbers = sorted(block for block in blocks if block is not None)
        names = [f"block {number}" if number else "the calibration" for number in numbers]
        where = [f"in {', '.join(names)}"] if names else []
        where += ["after its last trial"] if None in blocks else []
        often = "once" if times == 1 else f"{times} times"
        yield f"the run ended early and was resumed {often}: {', '.join(where)}"
    changes = dict.fromkeys(change for item in manifest.resumed for change in item.changes)
    if changes:
        yield f"the host had changed when the run was resumed: {'; '.join(changes)}"


def _journal(
    folder: Path, manifest: Manifest, condense: Callable[[Trial], Trial]
) -> tuple[list[journal.Entry], list[str]]:
    path = folder / "journal.jsonl"
    if not files.is_regular(folder, path.name):
        return [], ["journal.jsonl is missing: there are no trials"]
    known = _Known(manifest)
    entries: list[journal.Entry] = []
    attempts: set[tuple[int, int]] = set()
    damages, unknown = journal.Damages(), 0
    for entry in journal.lines(path, schema=manifest.schema):
        if isinstance(entry, journal.Damage):
            damages.add(entry)
        elif not known.has(entry) or not _is_planned(entry, attempts):
            unknown += 1
        else:
            entries.append(condense(entry) if isinstance(entry, Trial) else entry)
    warnings = damages.warnings()
    if unknown:
        warnings.append(f"{unknown} entries of unknown environments, benchmarks or blocks were dropped")
    return entries, warnings


def _is_planned(entry: journal.Entry, attempts: set[tuple[int, int]]) -> bool:
    """Whether a run can have the entry's block. Analysis time grows faster than the number of blocks."""
    if not isinstance(entry, Trial):
        return True
    attempt = (entry.block, entry.attempt)
    if attempt not in attempts:
        if not 0 <= entry.block <= bounds.BLOCKS or len(attempts) == bounds.ATTEMPTS:
            return False
        attempts.add(attempt)
    return True


class _Known:
    """What the entries of a run's journal can be of."""

    def __init__(self, manifest: Manifest) -> None:
        arms = tuple(record.name for record in manifest.environments)
        self.benchmarks = {record.name for record in manifest.benchmarks}
        self.starts = {(arm, number) for number, group in enumerate(manifest.plan.groups or (arms,)) for arm in group}
        self.groups = {number for _, number in self.starts}
        self.pairs = {f"{arm} {benchmark}" for arm, benchmark in product(arms, self.benchmarks)}

    def has(self, entry: journal.Entry) -> bool:
        match entry:
            case Trial():
                return (entry.environment, entry.group) in self.starts and entry.benchmark in self.benchmarks
            case Reading():  # of all arms together it is in the rounds of one benchmark
                of_all = entry.environment == "" and entry.group in self.groups and entry.benchmark in self.benchmarks
                return of_all or (entry.environment, entry.group) in self.starts
            case Look():
                return 1 <= entry.blocks <= bounds.BLOCKS and self.pairs.issuperset(entry.settled)
            case Void():
                return True


def missing_facts(name: str) -> str:
    return f"facts/{name}.json is missing"


def _facts(folder: Path, name: str, warnings: list[str]) -> Facts:
    path = folder / "facts" / f"{name}.json"
    if not files.is_regular(folder, f"facts/{name}.json"):
        warnings.append(missing_facts(name))
        return {}
    try:
        facts: Facts = _decoded(_bytes(path, bounds.FACTS_B), Facts, path)
    except RunFolderError as error:
        warnings.append(f"facts/{name}.json was not read: {error.message}")
        return {}
    return facts


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with untrusted.opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            bounds.refuse_large(path, size, limit)
            return file.read(size)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error


def _decoded(data: bytes, kind: Any, path: Path) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}", hint="the file is damaged or not vbench's") from error
