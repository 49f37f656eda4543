"""Reads a journal in one pass: samples go into arrays, and each trial keeps the medians that the costs need."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from vbench import store
from vbench.errors import RunFolderError
from vbench.model import Measured, Run, Trial
from vbench.stats.medians import median

Array = np.ndarray[Any, Any]


@dataclass
class Series:
    """The samples of one metric of one trial, which stands at `trial` in the run."""

    trial: int
    metric: str
    values: Array


@dataclass
class Passed:
    """`run` is condensed: each metric of a trial has one sample, the median, so that its costs are the very same."""

    run: Run
    series: list[Series]
    counts: list[tuple[int, str, dict[int, int]]]  # trial, metric, histogram


@dataclass
class _Taking:
    series: list[Series] = field(default_factory=list)
    counts: list[tuple[int, str, dict[int, int]]] = field(default_factory=list)
    trials: int = 0

    def condense(self, trial: Trial) -> Trial:
        _refuse_unbelievable(trial)
        at, self.trials = self.trials, self.trials + 1
        if not isinstance(trial.outcome, Measured):
            return trial
        taken = {name: np.array(values, dtype="float64") for name, values in trial.outcome.samples.items()}
        self.series += [Series(at, name, values) for name, values in taken.items()]
        self.counts += [(at, name, counts) for name, counts in trial.outcome.counts.items()]
        medians = {name: (median(values),) if len(values) else () for name, values in taken.items()}
        return replace(trial, outcome=replace(trial.outcome, samples=medians, counts={}))


def _refuse_unbelievable(trial: Trial) -> None:
    """Raises RunFolderError for a number that no column can hold, whatever the line's checksum says."""
    narrow = (trial.attempt, trial.position, trial.group, trial.order)
    wide: list[int | None] = []
    if isinstance(trial.outcome, Measured):
        wide += (trial.outcome.loops, trial.outcome.padding_seen_b)
        wide += (number for bins in trial.outcome.counts.values() for pair in bins.items() for number in pair)
    for numbers, bits in ((narrow, 15), ((trial.padding_b,), 31), (wide, 63)):
        odd = [number for number in numbers if number is not None and not 0 <= number < 2**bits]
        if odd:
            raise RunFolderError(f"journal.jsonl holds a trial with the number {odd[0]}: no vbench wrote it")


def read(folder: Path) -> Passed:
    """Reads a run folder from its journal alone, without its Parquet files. Raises RunFolderError."""
    taking = _Taking()
    run = store.load(folder, condense=taking.condense)
    return Passed(run, taking.series, taking.counts)
