"""Builds the tables of a run as pandas frames from its journal alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from vbench.cost import Analysis
from vbench.frames import columns
from vbench.frames.making import frame, repeated
from vbench.frames.passing import Array, Passed
from vbench.model import BenchmarkRecord, Cost, Failed, Measured, Metric, Outcome, Skipped, Trial
from vbench.text import reason_text

_NO_METRIC = {"attach": "s"}  # the unit of samples that no cost is worked out of: a start's set-up


@dataclass
class Tables:
    """The tables of one run. Each is built when it is first asked for."""

    passed: Passed

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row a sample."""
        series = self.passed.series
        counts = np.array([len(item.values) for item in series], dtype="int64")
        trials = [self.passed.run.trials[item.trial] for item in series]
        arrays = self._shared_columns(trials, [item.metric for item in series], counts)
        arrays["index"] = np.concatenate([np.arange(count, dtype="int32") for count in counts] or [_none("int32")])
        arrays["value"] = np.concatenate([item.values for item in series] or [_none("float64")])
        loops = [t.outcome.loops if isinstance(t.outcome, Measured) else None for t in trials]
        arrays["loops"] = pd.array(loops, dtype="Int64").repeat(counts)
        return _ordered(arrays, columns.SAMPLES)

    @cached_property
    def histograms(self) -> pd.DataFrame:
        """One row a bin of each trial and metric of which a histogram was kept."""
        kept = self.passed.counts
        counts = np.array([len(bins) for _, _, bins in kept], dtype="int64")
        trials = [self.passed.run.trials[at] for at, _, _ in kept]
        arrays = self._shared_columns(trials, [metric for _, metric, _ in kept], counts)
        bins = [sorted(histogram.items()) for _, _, histogram in kept]
        both = np.array([pair for histogram in bins for pair in histogram], dtype="int64").reshape(-1, 2)
        arrays["bin_ns"], arrays["count"] = both[:, 0], both[:, 1]
        return _ordered(arrays, columns.HISTOGRAMS)

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """One row a trial and metric, lost and voided trials and the calibration too."""
        return frame(columns.BLOCKS, self._block_rows())

    @cached_property
    def costs(self) -> pd.DataFrame:
        """One row an environment, benchmark and metric: the verdicts of the report."""
        entries = {record.name: record for record in self.passed.run.manifest.benchmarks}
        rows = ((*_cost_row(cost), *_variation(entries[cost.benchmark])) for cost in self._analysis.costs)
        return frame(columns.COSTS, rows)

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """One row a step of a ladder, and one for the whole of it."""
        return frame(columns.CONTRASTS, self._contrast_rows())

    def _contrast_rows(self) -> Iterator[tuple[Any, ...]]:
        for climb in self._analysis.ladders:
            for finding in (*climb.steps, climb.whole):
                contrast = finding.comparison.contrast
                (arm, _), (before, _) = contrast.weights
                yield (climb.ladder.name, contrast.kind, arm, before, *_cost_row(finding.cost)[1:])

    @cached_property
    def _analysis(self) -> Analysis:
        return Analysis.of(self.passed.run)

    @cached_property
    def _metrics(self) -> dict[str, tuple[Metric, ...]]:
        return {record.name: record.metrics for record in self.passed.run.manifest.benchmarks}

    def _is_void(self, trial: Trial) -> bool:
        return (trial.block, trial.attempt) in self._analysis.attempts.void

    def _metric(self, trial: Trial, name: str) -> Metric | None:
        return next((metric for metric in self._metrics[trial.benchmark] if metric.name == name), None)

    def _shared_columns(self, trials: list[Trial], names: list[str], counts: Array) -> dict[str, Any]:
        """The columns that samples and histograms share, each trial's repeated for its `counts` rows."""
        metrics = [self._metric(trial, name) for trial, name in zip(trials, names, strict=True)]
        used = [
            metric is not None and self._analysis.use(trial, metric.name).used
            for trial, metric in zip(trials, metrics, strict=True)
        ]
        return {
            "block": np.repeat(np.array([t.block for t in trials], dtype="int32"), counts),
            "attempt": np.repeat(np.array([t.attempt for t in trials], dtype="int16"), counts),
            "position": np.repeat(np.array([t.position for t in trials], dtype="int16"), counts),
            "group": np.repeat(np.array([t.group for t in trials], dtype="int16"), counts),
            "order": np.repeat(np.array([t.order for t in trials], dtype="int16"), counts),
            "environment": repeated([t.environment for t in trials], counts),
            "benchmark": repeated([t.benchmark for t in trials], counts),
            "metric": repeated(names, counts),
            "unit": repeated([m.unit if m else _NO_METRIC.get(n) for m, n in zip(metrics, names, strict=True)], counts),
            "better": repeated([m.better if m else None for m in metrics], counts),
            "void": np.repeat(np.array([self._is_void(t) for t in trials], dtype="bool"), counts),
            "used": np.repeat(np.array(used, dtype="bool"), counts),
        }

    def _block_rows(self) -> Iterator[tuple[Any, ...]]:
        taken = {(item.trial, item.metric): len(item.values) for item in self.passed.series}
        for at, trial in enumerate(self.passed.run.trials):
            for metric in self._metrics[trial.benchmark]:
                yield self._block_row(trial, metric, taken.get((at, metric.name), 0))

    def _block_row(self, trial: Trial, metric: Metric, samples: int) -> tuple[Any, ...]:
        use, outcome = self._analysis.use(trial, metric.name), trial.outcome
        measured = outcome if isinstance(outcome, Measured) else Measured({})
        value = next(iter(measured.samples.get(metric.name, ())), None)
        return (
            *(trial.block, trial.attempt, trial.position, trial.order),
            *(trial.environment, trial.benchmark, metric.name, metric.unit, metric.better),
            *(_kind(outcome), samples, value, use.cost, use.difference),
            *(self._is_void(trial), use.used, use.why, *_words(outcome)),
            *(trial.started_s, trial.wall_s, trial.host_cpu_s, measured.operations),
            *(trial.operations_cpu_s, measured.loops, measured.clock or None),
            *(trial.padding_b, measured.padding_seen_b, trial.raw),
            *(trial.turn, trial.rounds, trial.own_s, trial.idle_cpu_s, trial.group),
        )


def _cost_row(cost: Cost) -> tuple[Any, ...]:
    difference = cost.difference
    return (
        *(cost.environment, cost.benchmark, cost.metric, cost.unit, cost.better),
        *(cost.cost, cost.low, cost.high),
        *((difference.mean, difference.low, difference.high) if difference else (None, None, None)),
        *(cost.blocks, str(cost.verdict) if cost.verdict else None, cost.role or None),
        *(cost.rule, cost.reason, cost.label, cost.baseline_median, cost.median),
        *(cost.floor, cost.half_width, cost.detectable, cost.blocks_to_decide, cost.unresolved),
        *(cost.p, cost.p_adjusted, cost.hodges_lehmann, "; ".join(cost.suspects)),
        *(cost.baseline_processors, cost.processors),
        *(cost.baseline_cpu_s_per_operation, cost.cpu_s_per_operation, cost.group),
    )


def _variation(record: BenchmarkRecord) -> tuple[str | None, str | None]:
    return (record.of, json.dumps(record.varied)) if record.of else (None, None)


def _kind(outcome: Outcome) -> str:
    match outcome:
        case Measured():
            return "measured"
        case Failed():
            return "failed"
        case Skipped():
            return "skipped"


def _words(outcome: Outcome) -> tuple[str, str | None, str, str]:
    """Reason in words, its kind, hint, notes."""
    match outcome:
        case Measured(notes=notes):
            return "", None, "", "; ".join(notes)
        case Failed(reason, hint) | Skipped(reason, hint):
            return reason_text(reason), str(reason.kind), hint, ""


def _ordered(arrays: dict[str, Any], order: tuple[columns.Column, ...]) -> pd.DataFrame:
    return pd.DataFrame({column.name: arrays[column.name] for column in order if column.name in arrays}, copy=False)


def _none(dtype: str) -> Array:
    return np.array([], dtype=dtype)
