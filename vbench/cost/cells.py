"""Pairs the numbers of a contrast's arms by block; a contrast without a number says why."""

import math
from collections.abc import Sequence

from msgspec import Struct

from vbench.cost.design import Contrast, Design, Term, floor_scale
from vbench.cost.trials import Attempts, Values
from vbench.model import Failed, Measured, Metric, Skipped, Trial
from vbench.stats import pairing
from vbench.stats.medians import middle
from vbench.stats.pairing import Pairs
from vbench.text import reason_text

NO_UNIT = "units"  # of a difference of a metric without one, since the unit "1" marks ratios


class Comparison(Struct, frozen=True):
    """One contrast in one metric: the numbers of its arms, and the pairs if they make any."""

    benchmark: str
    metric: Metric
    contrast: Contrast
    terms: tuple[Term, ...]  # begins with the contrast's arms
    values: tuple[Values, ...]  # of each term
    pairs: Pairs
    unpaired: dict[int, str] = {}  # block that makes no pair to the arms without a number there, with the reason
    busy: tuple[float | None, ...] = ()  # processors of the host that were busy for each term's arm
    per_operation: tuple[float | None, ...] = ()  # s of the host's processors, of each term's arm

    @property
    def environment(self) -> str:
        """The arm that is compared with another: the first of the contrast."""
        return self.contrast.weights[0][0]

    @property
    def floor_scale(self) -> float:
        return floor_scale(term.weight for term in self.terms)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Blocks in which every arm has a number, whether or not they make pairs."""
        return _common(self.values)

    @property
    def quantity(self) -> str:
        """Benchmark and metric."""
        return f"{self.benchmark} {self.metric.name}"

    @property
    def name(self) -> str:
        """The name by which a suite declares a cost confirmatory: environment, benchmark, metric."""
        return f"{self.contrast.name} {self.quantity}"

    def medians(self) -> tuple[float | None, ...]:
        """The median of each term's arm over the blocks that make the pairs; over all its blocks if there are none."""
        blocks = self.blocks
        return tuple(_median([values[block] for block in blocks] or list(values.values())) for values in self.values)


def comparisons(design: Design, attempts: Attempts) -> tuple[Comparison, ...]:
    """Every contrast of the design, in its order."""
    tried = any(trial.block >= 1 for trial in attempts.trials)
    is_lost = tried and not attempts.used
    missing = "no block is left: each was voided by a gate, or the run ended in it" if is_lost else ""
    return tuple(
        _comparison(attempts, benchmark, metric, contrast, missing=missing, design=design)
        for benchmark, metric, contrast in design.contrasts
    )


def _comparison(
    attempts: Attempts, benchmark: str, metric: Metric, contrast: Contrast, *, missing: str, design: Design
) -> Comparison:
    terms = design.terms(contrast)
    names = [term.name for term in terms]
    trials = [attempts.used.get((term.arm, term.group, benchmark), {}) for term in terms]
    values = tuple(attempts.numbers(term.arm, benchmark, metric.name, group=term.group) for term in terms)
    blocks = _common(values)
    name = f"{contrast.name} {benchmark} {metric.name}"
    if blocks:
        each = tuple({block: arm_values[block] for block in blocks} for arm_values in values)
        pairs = _pairs(name, metric, terms, each)
    else:
        called = ["the baseline" if arm == design.baseline else arm for arm in names]
        reasons = [_why_nothing(*arm) for arm in zip(trials, values, called, strict=True)]
        both = "both" if len(terms) == 2 else "every arm"
        pairs = Pairs(name, why=missing or next(filter(None, reversed(reasons)), f"no block has {both}"))
    return Comparison(
        benchmark=benchmark,
        metric=metric,
        contrast=contrast,
        terms=terms,
        values=values,
        pairs=pairs,
        unpaired=_unpaired(names, metric.name, trials, blocks),
        busy=tuple(_busy(arm_trials, values[0]) for arm_trials in trials),
        per_operation=tuple(_per_operation(arm_trials, values[0]) for arm_trials in trials),
    )


def _common(values: Sequence[Values]) -> tuple[int, ...]:
    return tuple(sorted(set.intersection(*(set(arm_values) for arm_values in values))))


def _unpaired(
    arms: Sequence[str], metric: str, trials: Sequence[dict[int, Trial]], blocks: tuple[int, ...]
) -> dict[int, str]:
    """Each block that lacks a number of an arm, with every arm that lacks it and why."""
    lacking = sorted(set().union(*trials) - set(blocks))
    reasons = {
        block: [(arm, _why_none(by_block.get(block), metric)) for arm, by_block in zip(arms, trials, strict=True)]
        for block in lacking
    }
    return {block: "; ".join(f"{arm}: {why}" for arm, why in whys if why) for block, whys in reasons.items()}


def _why_none(trial: Trial | None, metric: str) -> str:
    """Why one trial gave no number; empty if it gave one."""
    if trial is None:
        return "no trial that counts"
    match trial.outcome:
        case Measured(samples):
            return "" if samples.get(metric) else "this metric was not measured"
        case Failed(reason):
            return f"failed: {reason_text(reason)}"
        case Skipped(reason):
            return f"skipped: {reason_text(reason)}"


def _pairs(name: str, metric: Metric, terms: Sequence[Term], values: Sequence[Values]) -> Pairs:
    numbers = [value for arm_values in values for value in arm_values.values()]
    weighted = [(arm_values, term.weight) for arm_values, term in zip(values, terms, strict=True)]
    if metric.scale == "difference":
        if not all(map(math.isfinite, numbers)):
            return Pairs(name, why="no difference: a value is not a number")
        unit = NO_UNIT if metric.unit == "1" else metric.unit
        return pairing.contrast(name, weighted, metric.better, unit=unit)
    if not all(math.isfinite(value) and value > 0 for value in numbers):
        return Pairs(name, why="no ratio: a value is zero, negative or not a number")
    return pairing.contrast(name, weighted, metric.better)


def _busy(trials: dict[int, Trial], among: Values) -> float | None:
    """Processor time of all that served the environment for each second of a trial: the median over the blocks."""
    shares = [
        trial.host_cpu_s / own_s
        for block, trial in trials.items()
        if block in among and trial.host_cpu_s is not None and (own_s := trial.own_s or trial.wall_s) > 0
    ]
    return _median(shares)


def _per_operation(trials: dict[int, Trial], among: Values) -> float | None:
    """Processor time of all that served the environment for each operation, set-up apart: the median over the blocks.

    Unknown where the tool did not tell when its operations began and ended, or how many they were.
    """
    seconds = [
        trial.operations_cpu_s / trial.outcome.operations
        for block, trial in trials.items()
        if block in among and isinstance(trial.outcome, Measured)
        if trial.operations_cpu_s is not None and trial.outcome.operations
    ]
    return _median(seconds)


def _why_nothing(trials: dict[int, Trial], values: Values, who: str) -> str:
    """Why an arm has no number at all; empty when it has one."""
    if values:
        return ""
    if not trials:
        return f"{who}: no trials"
    last = next(reversed(trials.values()))
    match last.outcome:
        case Measured():
            return f"{who}: this metric was not measured"
        case Failed(reason):
            return f"{who} failed: {reason_text(reason)}"
        case Skipped(reason):
            return f"{who} skipped: {reason_text(reason)}"


def _median(values: list[float]) -> float | None:
    return middle(values) if values and all(map(math.isfinite, values)) else None
