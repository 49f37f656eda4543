"""Turns pairs into costs. All contrasts of a run are judged together, since each is adjusted for the others."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.cost.cells import Comparison
from vbench.cost.design import COST, Design
from vbench.model import Cost, Difference
from vbench.stats import judgement, logs, steady
from vbench.stats.envelope import LEAST_ENVELOPE
from vbench.stats.judgement import Hypothesis, Judged

CHANGED = 0.01
"""Largest p at which a change of level is told: chance makes one as clear in one cell of a hundred."""


class Finding(Struct, frozen=True):
    """A cost with its comparison and the statistics that led to its verdict."""

    cost: Cost
    comparison: Comparison
    judged: Judged


def findings(design: Design, comparisons: Sequence[Comparison]) -> tuple[Finding, ...]:
    """One finding a comparison, in their order."""
    judged = judgement.judge([_hypothesis(design, comparison) for comparison in comparisons], delta=design.delta)
    return tuple(_finding(*pair) for pair in zip(comparisons, judged, strict=True))


def _finding(comparison: Comparison, judged: Judged) -> Finding:
    return Finding(_cost(comparison, judged), comparison, judged)


def _hypothesis(design: Design, comparison: Comparison) -> Hypothesis:
    is_cost = comparison.contrast.kind == COST
    is_control = is_cost and comparison.environment == design.control
    return Hypothesis(
        quantity=comparison.quantity,
        arm=comparison.environment,
        pairs=comparison.pairs,
        is_control=is_control,
        is_confirmatory=is_cost and not is_control and comparison.name in design.confirmatory,
        margin=comparison.metric.margin if comparison.metric.scale == "difference" else None,
        kind=comparison.contrast.kind,
        floor_scale=comparison.floor_scale,
    )


def _cost(comparison: Comparison, judged: Judged) -> Cost:
    if not comparison.pairs.d:
        return _assembled(comparison, judged, label=comparison.pairs.why)
    if comparison.pairs.is_ratio:
        return _ratio(comparison, judged)
    return _difference(comparison, judged)


def _ratio(comparison: Comparison, judged: Judged) -> Cost:
    envelope, hodges_lehmann = judged.envelope, judged.hodges_lehmann
    raw = {block: logs.ratio(d) for block, d in zip(comparison.pairs.blocks, comparison.pairs.d, strict=True)}
    ratios = {block: ratio for block, ratio in raw.items() if ratio is not None}
    cost = logs.ratio(envelope.mean)
    if cost is None or len(ratios) < len(raw):
        return _assembled(comparison, judged, label="no ratio: too large to write")
    low, high = logs.ratio(envelope.low), logs.ratio(envelope.high)
    label = _label(judged)
    if (low is None or high is None) and envelope.low is not None:
        low = high = None
        label = "the interval is too wide to write"
    return _assembled(
        comparison,
        judged,
        label=label,
        cost=cost,
        low=low,
        high=high,
        per_block=ratios,
        hodges_lehmann=logs.ratio(hodges_lehmann.centre) if hodges_lehmann else None,
    )


def _difference(comparison: Comparison, judged: Judged) -> Cost:
    envelope = judged.envelope
    assert envelope.mean is not None
    per_block = dict(zip(comparison.pairs.blocks, comparison.pairs.d, strict=True))
    difference = Difference(envelope.mean, envelope.low, envelope.high, per_block)
    return _assembled(comparison, judged, label=_label(judged), difference=difference)


def _assembled(
    comparison: Comparison,
    judged: Judged,
    *,
    label: str,
    cost: float | None = None,
    low: float | None = None,
    high: float | None = None,
    per_block: dict[int, float] | None = None,
    hodges_lehmann: float | None = None,
    difference: Difference | None = None,
) -> Cost:
    """The cost; without a ratio or a difference it is unknown, for the reason in `label`."""
    decision = judged.decision
    has_number = cost is not None or difference is not None
    own_median, baseline_median = _two(comparison, comparison.medians())
    own_busy, baseline_busy = _two(comparison, comparison.busy)
    own_cpu_s, baseline_cpu_s = _two(comparison, comparison.per_operation)
    return Cost(
        benchmark=comparison.benchmark,
        metric=comparison.metric.name,
        unit=comparison.metric.unit,
        better=comparison.metric.better,
        environment=comparison.environment,
        cost=cost,
        low=low,
        high=high,
        blocks=len(comparison.blocks),
        baseline_median=baseline_median,
        median=own_median,
        per_block=per_block or {},
        label=label,
        verdict=decision.verdict if has_number and judged.envelope.blocks >= LEAST_ENVELOPE else None,
        rule=str(decision.rule) if has_number else "",
        reason=decision.reason if has_number else label,
        role=judged.role,
        floor=_length(judged, judged.floor),
        half_width=_length(judged, judged.envelope.half_width),
        detectable=_length(judged, decision.detectable),
        blocks_to_decide=decision.blocks_to_decide,
        unresolved=decision.unresolved,
        p=judged.p if judged.counted else None,
        p_adjusted=judged.p_adjusted if judged.counted else None,
        hodges_lehmann=hodges_lehmann,
        suspects=_suspects(comparison, judged) if has_number else (),
        difference=difference,
        baseline_processors=baseline_busy,
        processors=own_busy,
        baseline_cpu_s_per_operation=baseline_cpu_s,
        cpu_s_per_operation=own_cpu_s,
        group=comparison.terms[0].group,
    )


def _two(comparison: Comparison, values: tuple[float | None, ...]) -> tuple[float | None, float | None]:
    """The values of the arm and of its reference; unknown for a contrast of more than two arms."""
    return (values[0], values[1]) if len(comparison.contrast.weights) == 2 else (None, None)


def _label(judged: Judged) -> str:
    """Why a cost has no interval, or the limits of the interval that it has."""
    envelope = judged.envelope
    if envelope.label == "" or envelope.spread == 0:
        return envelope.why if envelope.low is None else ""
    return envelope.label


def _suspects(comparison: Comparison, judged: Judged) -> tuple[str, ...]:
    blocks = comparison.pairs.blocks
    suspects = [f"{suspect.what} ({_numbered(blocks, suspect.positions)})" for suspect in judged.suspects]
    change = steady.change_point(comparison.pairs.d) if judged.envelope.spread else None
    if change is not None and change.p <= CHANGED:
        suspects.append(f"the cost changed its level after block {blocks[change.after - 1]} (p = {change.p:.1g})")
    return tuple(suspects)


def _numbered(blocks: tuple[int, ...], positions: tuple[int, ...]) -> str:
    numbers = ", ".join(str(blocks[position]) for position in positions)
    return f"block {numbers}" if len(positions) == 1 else f"blocks {numbers}"


def _length(judged: Judged, value: float | None) -> float | None:
    """A length in the unit of d, converted for a reader: a ratio minus 1, or in the metric's unit."""
    if value is None or not judged.hypothesis.pairs.is_ratio:
        return value
    return logs.excess(value)
