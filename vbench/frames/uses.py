"""Which numbers of a run enter its costs, and why the others do not."""

import math
from dataclasses import dataclass

from vbench.cost.blocks import analysed
from vbench.model import Cost, Measured, Run, Trial


@dataclass(frozen=True)
class Use:
    """Of one metric of one trial; `why` is empty exactly when it is used."""

    used: bool
    why: str = ""
    cost: float | None = None
    difference: float | None = None


class Uses:
    """Asked once a row; everything is looked up, nothing computed twice."""

    def __init__(self, run: Run, costs: tuple[Cost, ...]) -> None:
        self._run = run
        self._void = {(item.block, item.attempt): item.reasons for item in run.voids}
        self._analysed = {id(trial) for place in analysed(run).values() for trial in place.values()}
        self._costs = {(item.environment, item.benchmark, item.metric): item for item in costs}
        self._last = {(t.block, t.attempt, t.environment, t.benchmark): id(t) for t in run.trials}
        self._attempts: dict[int, int] = {}
        for trial in run.trials:
            self._attempts[trial.block] = max(trial.attempt, self._attempts.get(trial.block, 0))

    def is_void(self, trial: Trial) -> bool:
        return (trial.block, trial.attempt) in self._void

    def of(self, trial: Trial, metric: str) -> Use:
        why = self._why_not(trial, metric)
        if why or trial.environment == self._run.manifest.baseline:
            return Use(not why, why)
        found = self._costs[(trial.environment, trial.benchmark, metric)]
        ratio = found.per_block.get(trial.block)
        difference = found.difference.per_block.get(trial.block) if found.difference else None
        if ratio is None and difference is None:
            no_pair = found.label if found.cost is None and found.difference is None else ""
            return Use(False, no_pair or "the baseline has no number in this block")
        return Use(True, "", ratio, difference)

    def _why_not(self, trial: Trial, metric: str) -> str:
        if trial.block < 1:
            return "calibration"
        if id(trial) not in self._analysed:
            return self._why_not_analysed(trial)
        if not isinstance(trial.outcome, Measured):
            return "the trial has no number"
        samples = trial.outcome.samples.get(metric)
        if not samples:
            return "this metric was not measured"
        return "" if math.isfinite(samples[0]) else "not a number"

    def _why_not_analysed(self, trial: Trial) -> str:
        if self.is_void(trial):
            return f"voided: {'; '.join(self._void[(trial.block, trial.attempt)])}"
        if self._last[(trial.block, trial.attempt, trial.environment, trial.benchmark)] != id(trial):
            return "stored again later"
        if trial.attempt < self._attempts[trial.block]:
            return "the block was repeated"
        return "the run ended within this block"
