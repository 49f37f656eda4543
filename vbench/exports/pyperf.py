"""Writes one pyperf suite for each environment, which `python -m pyperf stats` and `compare_to` read.

pyperf has seconds, bytes and integers, and takes the smaller value for the better one. Rates are therefore written as
their inverse, seconds for one operation or byte: this keeps ratio and direction, so `compare_to` says faster correctly.
"""

import io
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyperf

from vbench import store
from vbench.api import Run
from vbench.cost import Analysis
from vbench.exports.format import Written
from vbench.model import Measured, Metric, Trial
from vbench.model import Run as Record
from vbench.store.files import content, write_atomically
from vbench.text import flat, listed

LARGEST_RAW_B = 16 * 2**20
Use = tuple[int, str]  # a trial by its number in the run, and its metric


@dataclass(frozen=True)
class Notation:
    """How a metric is written for pyperf: its unit there, and whether each value is inverted."""

    unit: str
    inverted: bool = False
    suffix: str = ""


_NOTATIONS = {
    ("s", "lower"): Notation("second"),
    ("B", "lower"): Notation("byte"),
    ("1", "lower"): Notation("integer"),
    ("1/s", "higher"): Notation("second", inverted=True, suffix=" (s per operation)"),
    ("B/s", "higher"): Notation("second", inverted=True, suffix=" (s per B)"),
}


def notation(metric: Metric) -> Notation | None:
    """The notation of a metric. None if pyperf cannot hold it: another unit, negative values, or better when higher."""
    return _NOTATIONS.get((metric.unit, metric.better)) if metric.scale == "ratio" else None


def write(run: Run, path: Path, table: str) -> Written:
    """Write `<environment>.json` for each environment that has a number into the folder `path`."""
    del table
    read = store.load(run.path)  # read once, because a run that goes on gets more trials meanwhile
    used = _used(read)
    paths, without = [], []
    for record in read.manifest.environments:
        suite = _suite(read, record.name, used)
        if suite is None:
            without.append(record.name)
            continue
        file = path / f"{record.name}.json"
        text = io.StringIO()
        suite.dump(text, compact=True)
        write_atomically(file, text.getvalue().encode())
        paths.append(file)
    return Written(tuple(paths), tuple(_remarks(read, without, used)))


def _remarks(run: Record, without: list[str], used: set[Use]) -> Iterator[str]:
    left_out = [f"{b.name} {m.name}" for b in run.manifest.benchmarks for m in b.metrics if notation(m) is None]
    if left_out:
        yield f"pyperf has no way to hold {flat(listed(left_out))}"
    if without:
        yield f"no number that pyperf can hold: {listed(without)}"
    yield from _lost(run, used)


def _lost(run: Record, used: set[Use]) -> Iterator[str]:
    """Remarks on blocks that enter the costs but have values which pyperf cannot hold."""
    metrics = {(record.name, metric.name): metric for record in run.manifest.benchmarks for metric in record.metrics}
    lost: dict[str, list[int]] = {}
    for index, name in sorted(used):
        trial = run.trials[index]
        how = notation(metrics[trial.benchmark, name])
        if how is not None and _values(trial, name, how) is None:
            lost.setdefault(f"{trial.benchmark} {name} of {trial.environment}", []).append(trial.block)
    for what, blocks in lost.items():
        where = f"{'block' if len(blocks) == 1 else 'blocks'} {listed(list(map(str, sorted(blocks))))}"
        yield f"pyperf holds no value of zero or below, so {where} of {flat(what)} {_is(blocks)} left out"


def _is(several: Sequence[int]) -> str:
    return "is" if len(several) == 1 else "are"


def _used(run: Record) -> set[Use]:
    """Trials and metrics that enter the costs. Those of the calibration and of voided blocks do not."""
    analysis = Analysis.of(run)
    metrics = {record.name: record.metrics for record in run.manifest.benchmarks}
    return {
        (index, metric.name)
        for index, trial in enumerate(run.trials)
        for metric in metrics[trial.benchmark]
        if analysis.use(trial, metric.name).used
    }


def _suite(run: Record, environment: str, used: set[Use]) -> Any | None:
    benchmarks = [
        pyperf.Benchmark(runs)
        for record in run.manifest.benchmarks
        for metric in record.metrics
        if (runs := list(_runs(run, environment, record.name, metric, used)))
    ]
    return pyperf.BenchmarkSuite(benchmarks) if benchmarks else None


def _runs(run: Record, environment: str, benchmark: str, metric: Metric, used: set[Use]) -> Iterator[Any]:
    """One pyperf run for each block."""
    how = notation(metric)
    if how is None:
        return
    for index, trial in enumerate(run.trials):
        is_used = (trial.environment, trial.benchmark) == (environment, benchmark) and (index, metric.name) in used
        if is_used and (values := _values(trial, metric.name, how)) is not None:
            warmups = _warmups(run.path, trial, values)
            about = _metadata(run, trial, f"{benchmark} {metric.name}{how.suffix}", how.unit)
            yield pyperf.Run(values, warmups=warmups, metadata=about, collect_metadata=False)


def _values(trial: Trial, metric: str, how: Notation) -> list[float] | None:
    """All values of a trial as pyperf has them. None if pyperf cannot hold one of them."""
    samples = trial.outcome.samples[metric] if isinstance(trial.outcome, Measured) else ()
    values = [1 / value if how.inverted else value for value in samples if value > 0]
    return values if values and len(values) == len(samples) and all(map(math.isfinite, values)) else None


def _metadata(run: Record, trial: Trial, name: str, unit: str) -> dict[str, str | int | float]:
    outcome = trial.outcome
    assert isinstance(outcome, Measured)
    about: dict[str, str | int | float] = {"name": flat(name), "unit": unit, "vbench_block": trial.block}
    about |= {
        "vbench_run": run.manifest.run_id,
        "vbench_environment": trial.environment,
        "vbench_version": run.manifest.tool,
    }
    about |= {"vbench_group": trial.group} if run.manifest.plan.groups else {}
    about |= {"duration": trial.wall_s} if trial.wall_s >= 0 else {}
    about |= {"loops": outcome.loops} if outcome.loops and outcome.loops > 0 else {}
    about |= {"timer": flat(outcome.clock)} if outcome.clock.strip() else {}
    with suppress(OverflowError, OSError, ValueError):
        about["date"] = datetime.fromtimestamp(trial.started_s, UTC).isoformat(sep=" ")
    return about


def _warmups(folder: Path, trial: Trial, values: Sequence[float]) -> list[tuple[int, float]] | None:
    """Warm-ups of the driver's pyperf file. None unless its values are the trial's, or these times a constant."""
    kept = _driver_run(folder, trial.raw)
    raw = kept.get("values", ())
    try:
        factor = values[0] / raw[0]
        alike = len(raw) == len(values) and all(
            math.isclose(value, factor * own, rel_tol=1e-9) for value, own in zip(values, raw, strict=True)
        )
        return [(int(loops), float(value) * factor) for loops, value in kept["warmups"]] if alike else None
    except (LookupError, TypeError, ValueError, ZeroDivisionError):
        return None


def _driver_run(folder: Path, raw: str | None) -> dict[str, Any]:
    """The only run of a raw pyperf file. Empty if there is no such file or it does not hold exactly one run."""
    if raw is None or not raw.endswith("pyperf.json") or ".." in Path(raw).parts:
        return {}
    text = content(folder, raw, most_b=LARGEST_RAW_B)
    if text is None:
        return {}
    try:
        (benchmark,) = json.loads(text)["benchmarks"]
        (run,) = benchmark["runs"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return run if isinstance(run, dict) else {}
