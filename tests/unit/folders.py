"""Run folders on the disk, as a run leaves them."""

import pickle
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from msgspec.structs import replace

from vbench.frames import parquet
from vbench.model import Measured, Run, State, Trial
from vbench.store import create, privacy

NOTHING_SECRET = privacy.cleaner((), ())


def stored(results: Path, run: Run, *, state: State | None = State.COMPLETE) -> Path:
    """The folder of a run that ended so; `None` is a run that was killed."""
    folder = results / run.manifest.run_id
    shutil.copytree(_written(pickle.dumps((run, state))), folder)
    return folder


@cache
def _written(pickled: bytes) -> Path:
    """The same folder elsewhere, written once: half of the runs that tests store are equal to another one."""
    run, state = pickle.loads(pickled)
    results = Path(mkdtemp(dir=_session().name))
    with create(results, replace(run.manifest, state=State.RUNNING), clean=NOTHING_SECRET) as writer:
        writer.facts("host", run.host)
        for name, facts in run.facts.items():
            writer.facts(name, facts)
        for trial in run.trials:
            writer.append(trial)
        for entry in (*run.readings, *run.voids):
            writer.note(entry)
        if state is State.COMPLETE:
            parquet.write(writer.folder)
        if state:
            writer.finish(state)
    return writer.folder


@cache
def _session() -> "TemporaryDirectory[str]":
    """A folder that ends with this process."""
    return TemporaryDirectory(prefix="vbench-tests-")


def writable(folder: Path) -> Path:
    """The same folder, which can be damaged now."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    return folder


def with_counts(run: Run) -> Run:
    """The same, of which each trial of network.rr kept a histogram."""
    return replace(
        run, trials=tuple(_counted(trial) if trial.benchmark == "network.rr" else trial for trial in run.trials)
    )


def _counted(trial: Trial) -> Trial:
    assert isinstance(trial.outcome, Measured)
    counts = {"latency": {20_000 + trial.block: 3, 21_000: 5}}
    return replace(trial, outcome=replace(trial.outcome, counts=counts))
