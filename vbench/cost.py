"""What isolation cost: from the trials of a run to one ratio per environment, benchmark and metric."""

import math
from collections.abc import Iterator
from statistics import median

from msgspec import Struct

from vbench import facts
from vbench.model import BenchmarkRecord, Confound, Cost, Failed, Measured, Metric, Run, Skipped, State, Trial
from vbench.stats import paired

LEAST_FOR_INTERVAL = 5
ROUGH = "rough"  # the t interval alone; the envelope that is trusted from 10 blocks on is not drawn yet
DOTS_ONLY = "dots only"

_Place = tuple[str, str]  # environment, benchmark
_Trials = dict[_Place, dict[int, Trial]]  # block to trial
_Values = dict[int, float]  # block to the trial's number


class _Pairs(Struct, frozen=True):
    """Both arms of one cell, over the blocks in which both have a number."""

    blocks: tuple[int, ...]
    values: tuple[float, ...]
    baseline: tuple[float, ...]


def costs(run: Run) -> tuple[Cost, ...]:
    """Every environment but the baseline, the control too, × benchmark × metric; pairs are made within a block.

    A trial's number is the median of its samples. Block 0 calibrates and enters nothing. A cell without a
    believable number is there all the same, with None and the reason in `label`.
    """
    return tuple(_costs(run))


def lost(run: Run) -> tuple[Trial, ...]:
    """Failed and skipped trials in the journal's order, those of the calibration too."""
    return tuple(trial for trial in run.trials if not isinstance(trial.outcome, Measured))


def confounds(run: Run) -> tuple[Confound, ...]:
    """Facts in which an environment differs from the baseline and which could explain its cost instead."""
    baseline = run.facts.get(run.manifest.baseline, {})
    others = [record.name for record in run.manifest.environments if record.name != run.manifest.baseline]
    return tuple(found for name in others for found in facts.confounds(name, baseline, run.facts.get(name, {})))


def _costs(run: Run) -> Iterator[Cost]:
    trials = _by_place(run)
    baseline = run.manifest.baseline
    arms = [record.name for record in run.manifest.environments if record.name != baseline]
    for benchmark in run.manifest.benchmarks:
        native = trials.get((baseline, benchmark.name), {})
        for metric in benchmark.metrics:
            for arm in arms:
                yield _cell(benchmark, metric, arm, trials.get((arm, benchmark.name), {}), native)


def _by_place(run: Run) -> _Trials:
    """A trial that stands twice in the journal counts as it stands there last: a repeated block replaces the first."""
    places: _Trials = {}
    unfinished = _unfinished_block(run)
    for trial in run.trials:
        if trial.block >= 1 and trial.block != unfinished:
            places.setdefault((trial.environment, trial.benchmark), {})[trial.block] = trial
    return places


def _unfinished_block(run: Run) -> int | None:
    """The block in which a run was ended: dropped, since what it holds of each arm depends on when that was.

    A line lost from an earlier block costs its own trial alone.
    """
    if run.manifest.state is State.COMPLETE or not run.trials:
        return None
    last = max(trial.block for trial in run.trials)
    stored = {(trial.environment, trial.benchmark) for trial in run.trials if trial.block == last}
    plan = run.manifest.plan
    planned = {(arm, benchmark) for arm in plan.environments for benchmark in plan.benchmarks}
    return None if planned <= stored else last


def _cell(
    benchmark: BenchmarkRecord, metric: Metric, arm: str, own: dict[int, Trial], native: dict[int, Trial]
) -> Cost:
    values, base = _values(own, metric.name), _values(native, metric.name)
    blocks = tuple(sorted(values.keys() & base.keys()))
    pairs = _Pairs(blocks, tuple(values[b] for b in blocks), tuple(base[b] for b in blocks))
    if not blocks:
        label = _why_nothing(native, base, "the baseline") or _why_nothing(own, values, arm) or "no block has both"
        return _unknown(benchmark, metric, arm, pairs, label, medians=(_median(base), _median(values)))
    if not all(math.isfinite(value) and value > 0 for value in (*pairs.values, *pairs.baseline)):
        label = "no ratio: a value is zero, negative or not a number"
        return _unknown(benchmark, metric, arm, pairs, label, medians=_medians(pairs))
    return _ratio(benchmark, metric, arm, pairs)


def _values(trials: dict[int, Trial], metric: str) -> _Values:
    """Each block's own number: the median within the trial (method: never pooled over blocks)."""
    found = {}
    for block, trial in trials.items():
        if isinstance(trial.outcome, Measured) and (samples := trial.outcome.samples.get(metric)):
            found[block] = median(samples) if all(map(math.isfinite, samples)) else math.nan
    return found


def _why_nothing(trials: dict[int, Trial], values: _Values, who: str) -> str:
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
            return f"{who} failed: {reason}"
        case Skipped(reason):
            return f"{who} skipped: {reason}"


def _ratio(benchmark: BenchmarkRecord, metric: Metric, arm: str, pairs: _Pairs) -> Cost:
    d = paired.log_costs(pairs.values, pairs.baseline, metric.better)
    found = paired.t_interval(d)
    ends = (found.low, found.high) if len(d) >= LEAST_FOR_INTERVAL else (None, None)
    label = (found.why or ROUGH) if len(d) >= LEAST_FOR_INTERVAL else DOTS_ONLY
    cost, low, high, *each = (_exp(value) for value in (found.mean, *ends, *d))
    if cost is None or any(ratio is None for ratio in each):
        return _unknown(benchmark, metric, arm, pairs, "no ratio: too large to write", medians=_medians(pairs))
    if low is None or high is None:
        low = high = None
        label = "the interval is too wide to write" if label == ROUGH else label
    baseline_median, own_median = _medians(pairs)
    return Cost(
        benchmark=benchmark.name,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        environment=arm,
        cost=cost,
        low=low,
        high=high,
        blocks=len(pairs.blocks),
        baseline_median=baseline_median,
        median=own_median,
        per_block={block: ratio for block, ratio in zip(pairs.blocks, each, strict=True) if ratio is not None},
        label=label,
    )


def _unknown(
    benchmark: BenchmarkRecord,
    metric: Metric,
    arm: str,
    pairs: _Pairs,
    label: str,
    *,
    medians: tuple[float | None, float | None],
) -> Cost:
    return Cost(
        benchmark=benchmark.name,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        environment=arm,
        cost=None,
        low=None,
        high=None,
        blocks=len(pairs.blocks),
        baseline_median=medians[0],
        median=medians[1],
        label=label,
    )


def _medians(pairs: _Pairs) -> tuple[float | None, float | None]:
    """Of the baseline and of the arm, over the same blocks that made the ratio."""
    return _finite_median(pairs.baseline), _finite_median(pairs.values)


def _median(values: _Values) -> float | None:
    return _finite_median(tuple(values.values()))


def _finite_median(values: tuple[float, ...]) -> float | None:
    return median(values) if values and all(map(math.isfinite, values)) else None


def _exp(value: float | None) -> float | None:
    """e to the value; None for None and for what no finite float above 0 can hold."""
    if value is None or value > 709:
        return None
    return math.exp(value) or None
