"""How fast runs are stored, opened and summarized, against plain pandas and a plain synced write."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
from pairs import Row, interleaved, table

import vbench
from vbench import store
from vbench.host import proc
from vbench.host.local import LocalHost
from vbench.model import SCHEMA, BenchmarkRecord, EnvironmentRecord, Manifest, Measured, Metric, Plan, State, Trial
from vbench.store import journal, privacy
from vbench.units import show, show_bytes

LARGE, LARGE_S, LARGE_B = 10_000_000, 10.0, 10**9
SMALL, SMALL_PAIRS = 500_000, 5
APPENDS, APPEND_S = 200, 1e-3
IN_TRIAL = 10_000  # samples
ARMS = ("bare", "control", "guest")
NAMES = tuple(f"cpu.part{number}" for number in range(10))
LIMIT_S = 600.0
QUANTILES = "SELECT environment, quantile_cont(value, [0.5, 0.99]) FROM read_parquet($1) GROUP BY environment"


def lines() -> Iterator[str]:
    yield from _large()
    yield ""
    rows = [_small(), _append()]
    yield from table(rows)
    spent_s = median(ours for ours, _ in rows[-1].pairs)
    target = f"target ≤ {show(APPEND_S, 's')}, {_judged(spent_s, APPEND_S)}"
    yield f"median append between trials {show(spent_s, 's')}: {target}"


def _large() -> Iterator[str]:
    """In a process of its own, whose largest memory is its own."""
    found = json.loads(proc.run([sys.executable, __file__, str(LARGE)], timeout_s=LIMIT_S).check().text)
    spent_s, peak_b = sum(found[part] for part in ("written", "loaded", "summarized")), found["peak_b"]
    yield f"{LARGE:,} samples in {spent_s:.1f} s: target ≤ {LARGE_S:g} s, {_judged(spent_s, LARGE_S)}"
    yield f"  journal, Parquet and checksums written in {found['written']:.1f} s"
    yield f"  loaded as a frame in {found['loaded']:.1f} s"
    yield f"  medians, costs and DuckDB's quantiles in {found['summarized']:.1f} s"
    yield f"  largest memory {show_bytes(peak_b)}: target ≤ {show_bytes(LARGE_B)}, {_judged(peak_b, LARGE_B)}"


def _judged(value: float, limit: float) -> str:
    return "within" if value <= limit else "outside"


def whole(samples: int) -> dict[str, float]:
    """What a run of so many samples takes: stored trial by trial and finished, opened again, summarized."""
    with TemporaryDirectory(prefix="vbench-store-") as folder:
        path, written = _stored(Path(folder), samples)
        begun = time.monotonic()
        run = vbench.load(path)
        assert len(run.samples) == samples
        loaded = time.monotonic()
        assert len(run.blocks) == samples // IN_TRIAL
        assert len(run.costs) == (len(ARMS) - 1) * len(NAMES)
        with duckdb.connect(":memory:", config={"memory_limit": "512MB"}) as connection:
            assert len(connection.execute(QUANTILES, [str(path / "samples.parquet")]).fetchall()) == len(ARMS)
        summarized = time.monotonic()
    peak_b = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"written": written, "loaded": loaded - begun, "summarized": summarized - loaded, "peak_b": peak_b}


def _stored(results: Path, samples: int) -> tuple[Path, float]:
    """The folder, and what writing it took without making up the samples."""
    from vbench.frames import parquet

    spent_s = 0.0
    with store.create(results, _manifest(), clean=_clean()) as writer:
        for trial in _trials(samples):
            spent_s += _spent_s(lambda trial=trial: writer.append(trial))  # type: ignore[misc]
        spent_s += _spent_s(lambda: parquet.write(writer.folder))
        spent_s += _spent_s(lambda: writer.finish(State.COMPLETE))
    return writer.folder, spent_s


def _spent_s(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _trials(samples: int, in_trial: int = IN_TRIAL) -> Iterator[Trial]:
    rng = np.random.default_rng(1)
    for number in range(samples // in_trial):
        block, place = divmod(number, len(ARMS) * len(NAMES))
        position, order = divmod(place, len(NAMES))
        outcome = Measured({"time": tuple(rng.lognormal(-14, 0.1, in_trial).tolist())}, loops=1000)
        yield Trial(block + 1, position, ARMS[position], NAMES[order], order, outcome, 1.8e9 + number, 1.5)


def _clean() -> privacy.Clean:
    """As a run on this host is written."""
    return privacy.of_hosts([LocalHost().identity()])


def _manifest() -> Manifest:
    return Manifest(
        schema=SCHEMA,
        run_id=store.run_id("store"),
        state=State.RUNNING,
        tool=vbench.__version__,
        suite="store",
        suite_text="",
        seed=1,
        baseline=ARMS[0],
        control=ARMS[1],
        blocks=0,
        started="2026-01-02T03:04:05+00:00",
        image="",
        environments=tuple(EnvironmentRecord(arm, "fake", {}) for arm in ARMS),
        benchmarks=tuple(BenchmarkRecord(name, name, {}, (Metric("time", "s", "lower"),)) for name in NAMES),
        plan=Plan("store", 1, ARMS[0], ARMS[1], ARMS, NAMES, (), 1.0, 1.0),
    )


# --- against the peers ----------------------------------------------------------------------------------------------


def _small() -> Row:
    def ours() -> float:
        found = whole(SMALL)
        return found["written"] + found["loaded"] + found["summarized"]

    pairs = interleaved(ours, _pandas_s, SMALL_PAIRS)
    what = f"{SMALL:,} samples"
    return Row(what, "s", pairs, None, "written, loaded, summarized; plain: pandas to_csv, read_csv, groupby quantile")


def _pandas_s() -> float:
    trials = list(_trials(SMALL))
    values = [value for trial in trials for value in trial.outcome.samples["time"]]  # type: ignore[union-attr]
    counts = [IN_TRIAL] * len(trials)
    frame = pd.DataFrame(
        {
            "block": np.repeat([trial.block for trial in trials], counts),
            "environment": np.repeat([trial.environment for trial in trials], counts),
            "value": values,
        }
    )
    with TemporaryDirectory(prefix="vbench-store-") as folder:
        return _spent_s(lambda: _by_pandas(frame, Path(folder, "samples.csv")))


def _by_pandas(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)
    read = pd.read_csv(path)
    read.groupby(["block", "environment"])["value"].median()
    read.groupby("environment")["value"].quantile(np.array([0.5, 0.99]))


def _append() -> Row:
    """One trial of 10 samples onto the journal, against its bytes written and synced."""
    with TemporaryDirectory(prefix="vbench-store-") as folder, _plain(Path(folder, "plain")) as descriptor:
        (trial,) = _trials(10, in_trial=10)
        line = journal.line(trial)

        def written() -> None:
            os.write(descriptor, line)
            os.fsync(descriptor)

        def plain() -> float:
            return _spent_s(written)

        with store.create(Path(folder), _manifest(), clean=_clean()) as writer:
            pairs = interleaved(lambda: _spent_s(lambda: writer.append(trial)), plain, APPENDS)
    return Row("journal append", "s", pairs, None, "one trial of 10 samples; plain: its bytes by write and fsync")


@contextmanager
def _plain(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    print(json.dumps(whole(int(sys.argv[1]))))
