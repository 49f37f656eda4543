"""Decides which trials of a run enter its analysis, why the others do not, and what a trial's number is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from msgspec.structs import replace

from vbench.model import Look, Measured, Plan, Trial, Void
from vbench.stats.medians import middle
from vbench.text import reasons_text

Attempt = tuple[int, int]  # block, attempt
Values = dict[int, float]  # block to the number of its trial
Trials = dict[tuple[str, int, str], dict[int, Trial]]  # arm, group and benchmark, then block


@dataclass(frozen=True, eq=False)
class Planned:
    """The trials of whole attempts: those of the plan, without what an earlier look settled.

    Baseline and control are measured as long as another arm is. An arm that is started has a trial of `start.*` in any
    case, which takes no time of its own.
    """

    plan: Plan
    looks: Sequence[Look] = ()

    def trials(self, block: int) -> frozenset[tuple[str, int, str]]:
        """Arm, group and benchmark of each trial of a whole attempt at a block."""
        plan = self.plan
        settled = {name for look in self.looks if look.blocks < block for name in look.settled}
        pairs = product(compared_arms(plan), plan.benchmarks)
        measured = {(arm, name) for arm, name in pairs if f"{arm} {name}" not in settled}
        starts = set(plan.benchmarks).difference(*(block.benchmarks for block in plan.blocks[:1]))
        measured |= set(product({arm for arm, _ in measured}, starts))
        measured |= {(plan.control, name) for _, name in measured}
        whole = {
            (arm, group, name) for arm, group in plan.starts for name in plan.benchmarks if (arm, name) in measured
        }
        return frozenset(whole | {(plan.baseline, group, name) for _, group, name in whole})

    def benchmarks(self, block: int, arm: str | None = None, group: int = 0) -> tuple[str, ...]:
        """The benchmarks that a block measures in an arm of a group, or in any, in the plan's order."""
        measured = {benchmark for *start, benchmark in self.trials(block) if arm is None or start == [arm, group]}
        return tuple(name for name in self.plan.benchmarks if name in measured)


@dataclass(frozen=True, eq=False)
class Attempts:
    """All attempts at the blocks of a run, and the one that counts for each block.

    The last attempt counts, unless a gate voided it or the run ended within it. Block 0 calibrates and never counts.
    """

    trials: Sequence[Trial]  # in the journal's order
    voids: Sequence[Void] = ()
    planned: Planned | None = None  # the trials of whole attempts; None where the run did not end within one
    keeps_voided: bool = False  # every finished attempt counts, in order of time, as if there were no gate

    @cached_property
    def last(self) -> dict[int, int]:
        """Number of the last attempt at each block that has a trial."""
        return last_attempts((trial.block, trial.attempt) for trial in self.trials if trial.block >= 1)

    @cached_property
    def void(self) -> dict[Attempt, Void]:
        return {(void.block, void.attempt): void for void in self.voids}

    @cached_property
    def blocks(self) -> dict[Attempt, int]:
        """The attempts that count, each with the number of its block."""
        attempts = sorted({(trial.block, trial.attempt) for trial in self.trials if trial.block >= 1} - self.unfinished)
        if self.keeps_voided:
            interrupted = {at for at, void in self.void.items() if void.harness}
            return {at: number for number, at in enumerate((at for at in attempts if at not in interrupted), start=1)}
        return {at: at[0] for at in attempts if at[1] == self.last[at[0]] and at not in self.void}

    @cached_property
    def used(self) -> Trials:
        """The trials that enter costs. A trial that stands twice in the journal counts as it stands there last."""
        trials: Trials = {}
        for trial in self.trials:
            block = self.blocks.get((trial.block, trial.attempt))
            if block is not None:
                trials.setdefault(series(trial), {})[block] = trial
        return trials

    def numbers(self, arm: str, benchmark: str, metric: str, *, group: int = 0) -> Values:
        """The number of each block of an arm. It is worked out once, since every other arm asks for the baseline's."""
        key = (arm, group, benchmark, metric)
        if key not in self._numbers:
            each = {block: number(trial, metric) for block, trial in self.used.get(key[:3], {}).items()}
            self._numbers[key] = {block: value for block, value in each.items() if value is not None}
        return self._numbers[key]

    @cached_property
    def _numbers(self) -> dict[tuple[str, int, str, str], Values]:
        return {}

    @cached_property
    def final(self) -> tuple[Trial, ...]:
        """Each trial as its last attempt left it, whether or not that attempt counts; the calibration too."""
        ordered = sorted(self.trials, key=lambda trial: trial.attempt)
        return tuple({(*series(trial), trial.block): trial for trial in ordered}.values())

    @cached_property
    def unfinished(self) -> frozenset[Attempt]:
        """Attempts within which the run ended: which arms they hold depends on when that was.

        They are the last by number, and the last in the journal, which can repeat an earlier block. A line that is
        missing from any other attempt costs its own trial alone.
        """
        if self.planned is None or not self.trials:
            return frozenset()
        planned = self.planned
        last = self.trials[-1]
        ends = {max((trial.block, trial.attempt) for trial in self.trials), (last.block, last.attempt)}
        return frozenset(end for end in ends if not planned.trials(end[0]) <= self._stored(end))

    def _stored(self, attempt: Attempt) -> set[tuple[str, int, str]]:
        return {series(trial) for trial in self.trials if (trial.block, trial.attempt) == attempt}

    def why_unused(self, trial: Trial) -> str:
        """Why a trial of this run does not enter the costs; empty if it does."""
        attempt = (trial.block, trial.attempt)
        if trial.block < 1:
            return "calibration"
        if id(trial) in self._used_ids:
            return ""
        if attempt in self.void:
            return f"voided: {reasons_text(self.void[attempt].reasons)}"
        if self._stored_last[(*attempt, *series(trial))] != id(trial):
            return "stored again later"
        if trial.attempt < self.last[trial.block]:
            return "the block was repeated"
        return "the run ended within this block"

    @cached_property
    def _used_ids(self) -> set[int]:
        return {id(trial) for blocks in self.used.values() for trial in blocks.values()}

    @cached_property
    def _stored_last(self) -> dict[tuple[int, int, str, int, str], int]:
        return {(trial.block, trial.attempt, *series(trial)): id(trial) for trial in self.trials}


def series(trial: Trial) -> tuple[str, int, str]:
    """Arm, group and benchmark of a trial: with the attempt at a block they name it."""
    return trial.environment, trial.group, trial.benchmark


def compared_arms(plan: Plan) -> tuple[str, ...]:
    """The arms whose costs a run asks: all but the baseline and the control, or the control where there is no other."""
    others = tuple(arm for arm in plan.environments if arm not in (plan.baseline, plan.control))
    return others or (plan.control,)


def last_attempts(attempts: Iterable[Attempt]) -> dict[int, int]:
    """Block to the number of its last attempt."""
    last: dict[int, int] = {}
    for block, attempt in attempts:
        last[block] = max(attempt, last.get(block, 0))
    return last


def number(trial: Trial, metric: str) -> float | None:
    """The median of a trial's own samples (method: never pooled over blocks); NaN where a sample is no number.

    None where the trial did not measure the metric.
    """
    samples = trial.outcome.samples.get(metric) if isinstance(trial.outcome, Measured) else None
    if not samples:
        return None
    return middle(samples) if all(map(math.isfinite, samples)) else math.nan


def why_no_number(trial: Trial, metric: str) -> str:
    """Why a trial has no usable number for a metric; empty if it has one."""
    if not isinstance(trial.outcome, Measured):
        return "the trial has no number"
    value = number(trial, metric)
    if value is None:
        return "this metric was not measured"
    return "" if math.isfinite(value) else "not a number"


def condensed(trial: Trial) -> Trial:
    """The trial with one sample a metric, the median, and without histograms: its costs are the very same."""
    if not isinstance(trial.outcome, Measured):
        return trial
    medians = {name: (middle(samples),) if samples else () for name, samples in trial.outcome.samples.items()}
    return replace(trial, outcome=replace(trial.outcome, samples=medians, counts={}))
