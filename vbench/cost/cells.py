"""From the trials of two arms to the pairs of one cell: what has no number says why."""

import math

from msgspec import Struct

from vbench.cost.design import Design
from vbench.cost.trials import Attempts, middle, number
from vbench.model import Failed, Measured, Metric, Skipped, Trial
from vbench.reasons import words
from vbench.stats import pairing
from vbench.stats.pairing import Pairs

Values = dict[int, float]  # block to the trial's number

NO_UNIT = "units"  # of a difference of a metric without one, since the unit "1" marks ratios


class Comparison(Struct, frozen=True):
    """One arm against the baseline in one metric: both arms' numbers, and the pairs if they make any."""

    benchmark: str
    metric: Metric
    environment: str
    own: Values
    baseline: Values
    pairs: Pairs
    busy: tuple[float | None, float | None] = (None, None)  # processors of the host, for the baseline and for the arm
    per_operation: tuple[float | None, float | None] = (None, None)  # s of the host's processors, of both

    @property
    def blocks(self) -> tuple[int, ...]:
        """Those in which both arms have a number, whether or not they make pairs."""
        return tuple(sorted(self.own.keys() & self.baseline.keys()))

    @property
    def place(self) -> str:
        return f"{self.benchmark} {self.metric.name}"

    @property
    def name(self) -> str:
        """As a suite declares it confirmatory."""
        return f"{self.environment} {self.place}"

    def medians(self) -> tuple[float | None, float | None]:
        """Of the baseline and of the arm, over the blocks that make the pairs, or all where there are none."""
        blocks = self.blocks
        return tuple(_median([v[b] for b in blocks] or list(v.values())) for v in (self.baseline, self.own))  # type: ignore[return-value]


def comparisons(design: Design, attempts: Attempts) -> tuple[Comparison, ...]:
    """Every environment but the baseline, the control too, × benchmark × metric."""
    trials = attempts.used
    tried = any(trial.block >= 1 for trial in attempts.trials)
    missing = "no block is left: each was voided by a gate, or the run ended in it" if tried and not trials else ""
    return tuple(
        _comparison(benchmark, metric, arm, trials.get((arm, benchmark), {}), native, missing=missing)
        for benchmark, metric in design.metrics
        for native in [trials.get((design.baseline, benchmark), {})]
        for arm in design.compared
    )


def _comparison(
    benchmark: str, metric: Metric, arm: str, own: dict[int, Trial], native: dict[int, Trial], *, missing: str
) -> Comparison:
    values, base = _values(own, metric.name), _values(native, metric.name)
    found = Comparison(benchmark, metric, arm, values, base, Pairs(""))
    cell = found.name
    if not found.blocks:
        why = (
            missing
            or _why_nothing(native, base, "the baseline")
            or _why_nothing(own, values, arm)
            or "no block has both"
        )
        pairs = Pairs(cell, why=why)
    else:
        pairs = _pairs(cell, metric, *({block: of[block] for block in found.blocks} for of in (values, base)))
    busy = (_busy(native, values), _busy(own, values))
    each = (_per_operation(native, values), _per_operation(own, values))
    return Comparison(benchmark, metric, arm, values, base, pairs, busy, each)


def _pairs(cell: str, metric: Metric, own: Values, baseline: Values) -> Pairs:
    everything = (*own.values(), *baseline.values())
    if metric.scale == "difference":
        if not all(map(math.isfinite, everything)):
            return Pairs(cell, why="no difference: a value is not a number")
        unit = NO_UNIT if metric.unit == "1" else metric.unit
        return pairing.differences(cell, own, baseline, metric.better, unit=unit)
    if not all(math.isfinite(value) and value > 0 for value in everything):
        return Pairs(cell, why="no ratio: a value is zero, negative or not a number")
    return pairing.ratios(cell, own, baseline, metric.better)


def _values(trials: dict[int, Trial], metric: str) -> Values:
    """Each block's own number."""
    numbers = {block: number(trial, metric) for block, trial in trials.items()}
    return {block: value for block, value in numbers.items() if value is not None}


def _busy(trials: dict[int, Trial], among: Values) -> float | None:
    """Processor time of all that served the environment for each second of a trial: the median over the blocks."""
    shares = [
        trial.host_cpu_s / trial.wall_s
        for block, trial in trials.items()
        if block in among and trial.host_cpu_s is not None and trial.wall_s > 0
    ]
    return _median(shares)


def _per_operation(trials: dict[int, Trial], among: Values) -> float | None:
    """Processor time of all that served the environment for each operation, set-up apart: the median over the blocks.

    Unknown where the tool did not tell when its operations began and ended, or how many they were.
    """
    each = [
        trial.operations_cpu_s / trial.outcome.operations
        for block, trial in trials.items()
        if block in among and isinstance(trial.outcome, Measured)
        if trial.operations_cpu_s is not None and trial.outcome.operations
    ]
    return _median(each)


def _why_nothing(trials: dict[int, Trial], values: Values, who: str) -> str:
    """Why an arm has no number at all; empty when it has one."""
    if values:
        return ""
    if not trials:
        return f"{who}: no trials"
    outcome = next(reversed(trials.values())).outcome
    match outcome:
        case Measured():
            return f"{who}: this metric was not measured"
        case Failed(reason):
            return f"{who} failed: {words(reason)}"
        case Skipped(reason):
            return f"{who} skipped: {words(reason)}"


def _median(values: list[float]) -> float | None:
    return middle(values) if values and all(map(math.isfinite, values)) else None
