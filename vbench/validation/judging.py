"""Turns the run of each part into rows: pure functions of the run and its analysis."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from msgspec.structs import replace

from vbench import gates
from vbench.cost import Analysis
from vbench.errors import VbenchError
from vbench.model import Cost, Failed, Measured, Run, Skipped
from vbench.reasons import ReasonKind
from vbench.stats import envelope, logs, pairing
from vbench.stats.envelope import Envelope
from vbench.text import reason_text
from vbench.validation import parts, regression, rows
from vbench.validation.parts import Part
from vbench.validation.rows import Row, State

CLOCK = (ReasonKind.CLOCK_BEHIND, ReasonKind.CLOCK_AHEAD)
SPECULATION = ("process.speculation_store_bypass", "process.speculation_indirect_branch")
MARGIN = 0.02  # δ: of the container's cost, and of what the intercept must be known to
SLOPE_HALF_WIDTH = 0.25  # an interval that contains 1 and is no wider is far from 0, no response at all
QUOTA_TOLERANCE, DELAY_TOLERANCE_S = 0.01, 10e-6


def judge(part: Part, run: Run) -> tuple[Row, ...]:
    """All rows of a part."""
    analysis = Analysis.of(run)
    match part.name:
        case "clock":
            part_rows: tuple[Row, ...] = (counted(part, run), stopped(part, run))
        case "quota":
            part_rows = (quota(part, analysis),)
        case "delay":
            part_rows = (delay(part, analysis),)
        case "control":
            part_rows = control(part, run, analysis)
        case "dose":
            part_rows = dose_response(part, analysis)
        case "same":
            part_rows = (same(part, analysis),)
    return tuple(_explained(replace(row, run=run.manifest.run_id), run, analysis) for row in part_rows)


def _explained(row: Row, run: Run, analysis: Analysis) -> Row:
    """The row; where its check failed, it also names the trials and blocks that were lost."""
    lost_trials = [trial.outcome for trial in run.trials if isinstance(trial.outcome, Failed | Skipped)]
    if row.state is State.FAILS and row.value is None and lost_trials and row.blocks is not None:
        reason = reason_text(lost_trials[0].reason).strip().splitlines()[-1]
        return replace(row, why=f"{len(lost_trials)} of {len(run.trials)} trials failed: {reason}")
    last = {
        block: void
        for (block, attempt), void in analysis.attempts.void.items()
        if analysis.attempts.last.get(block) == attempt
    }
    if row.state is not State.FAILS or not last:
        return row
    lost = f"{len(last)} of {run.manifest.blocks} blocks are void: {reason_text(next(iter(last.values())).reasons[0])}"
    return replace(row, why=f"{row.why}; {lost}" if row.blocks else lost)


def foreign_share(runs: Sequence[Run]) -> float | None:
    """Processor time that others took from the environments, as a share of wall: the median over all starts."""
    shares = [share for run in runs for reading in run.readings if (share := gates.foreign_share(reading)) is not None]
    return median(shares) if shares else None


def same(part: Part, analysis: Analysis) -> Row:
    """Disjoint pairs of equal arms, so that no two comparisons share a value and the binomial distribution applies."""
    costs = [
        c
        for one, other in parts.PAIRS
        for c in analysis.against(one).costs
        if c.environment == other
        if c.low is not None
    ]
    positives = sum(c.low is not None and c.high is not None and not c.low <= 1 <= c.high for c in costs)
    return rows.false_positives(part.title, positives, len(costs), min((c.blocks for c in costs), default=0))


def dose_response(part: Part, analysis: Analysis) -> tuple[Row, ...]:
    """The line of each block, averaged over the benchmarks; its slope and intercept over the blocks."""
    each = []
    for benchmark in part.benchmarks:
        costs = {arm: _cost(analysis, arm, benchmark).per_block for arm in parts.DOSES}
        each.append(regression.lines(parts.DOSES, costs))
    lines = regression.averaged(each)
    slope = _over_blocks("slope", {block: line.slope for block, line in lines.items()})
    intercept = _over_blocks("intercept", {block: line.intercept for block, line in lines.items()})
    return (
        replace(rows.contains(part.title, "slope", slope, 1.0, widest=SLOPE_HALF_WIDTH), target=part.checks[0][1]),
        rows.contains(part.title, "intercept", intercept, 0.0, widest=MARGIN, percent=True),
    )


def control(part: Part, run: Run, analysis: Analysis) -> tuple[Row, ...]:
    """A container's processor costs nothing, unless its speculation controls are others."""
    differing = speculation(run, "runc")
    return tuple(_excused(_equivalent(part, analysis, benchmark), differing) for benchmark in part.benchmarks)


def _equivalent(part: Part, analysis: Analysis, benchmark: str) -> Row:
    cost = _cost(analysis, "runc", benchmark)
    envelope_of = _over_blocks(benchmark, {block: math.log(ratio) for block, ratio in cost.per_block.items()})
    row = rows.equivalent(part.title, f"runc, {benchmark}", envelope_of, MARGIN)
    return replace(row, why=row.why if cost.per_block else cost.label)


def _excused(row: Row, differing: str) -> Row:
    if row.state is State.HOLDS or not differing:
        return row
    return replace(row, state=State.IMPOSSIBLE, why=f"speculation controls differ: {differing}")


def speculation(run: Run, arm: str) -> str:
    """The speculation controls that differ between an arm and the baseline. An unknown control does not differ."""
    own, baseline = run.facts.get(arm, {}), run.facts.get(run.manifest.baseline, {})
    values = [(key, baseline[key].value, own[key].value) for key in SPECULATION if key in own and key in baseline]
    return "; ".join(f"{key} {was} → {now}" for key, was, now in values if None not in (was, now) and was != now)


def quota(part: Part, analysis: Analysis) -> Row:
    """Throughput under the quota against the same container without it."""
    (check, _), cost = part.checks[0], _cost(analysis, parts.LIMITED, part.benchmarks[0])
    over = _over_blocks(check, {block: -math.log(ratio) for block, ratio in cost.per_block.items()})
    value, low, high = (logs.ratio(length) for length in (over.mean, over.low, over.high))
    if value is None or low is None or high is None:
        return _nothing(part, over.why or cost.label, cost.blocks)
    return rows.recovered(
        part.title, check, (value, low, high), truth=parts.QUOTA, tolerance=QUOTA_TOLERANCE, blocks=cost.blocks
    )


def delay(part: Part, analysis: Analysis) -> Row:
    """Half of the added round-trip time, since both directions have the same delay."""
    benchmark = part.benchmarks[0]
    own, native = (analysis.attempts.numbers(arm, benchmark, "latency") for arm in (parts.DELAYED, part.baseline))
    try:
        pairs = pairing.differences(part.checks[0][0], own, native, "lower", unit="s")
    except VbenchError as error:
        return _nothing(part, error.message, 0)
    (longer,) = envelope.envelopes((pairs,))
    if longer.mean is None or longer.low is None or longer.high is None:
        return _nothing(part, longer.why, longer.blocks)
    interval_us = (longer.mean * 5e5, longer.low * 5e5, longer.high * 5e5)
    expected = {"truth": parts.DELAY_S * 1e6, "tolerance": DELAY_TOLERANCE_S * 1e6}
    row = rows.recovered(part.title, part.checks[0][0], interval_us, blocks=longer.blocks, **expected)
    value, low, high = (value / 1e6 for value in interval_us)
    return replace(row, target=part.checks[0][1], figure=f"{row.figure} µs", value=value, low=low, high=high, unit="s")


def counted(part: Part, run: Run) -> Row:
    """Whether every trial of the instruction-counting guest was refused because of its clock."""
    check, target = part.checks[0]
    outcomes = [trial.outcome for trial in run.trials if trial.environment == parts.COUNTED]
    reasons = [reason_text(outcome.reason) for outcome in outcomes if not isinstance(outcome, Measured)]
    others = [text for text in reasons if "-icount" not in text]
    measured = sum(isinstance(o, Measured) for o in outcomes)
    why = f"{measured} trials were measured" if measured else (others or [""])[0]
    ok = bool(outcomes) and not why
    figure = "refused" if ok else ""
    return Row(part=part.title, check=check, target=target, state=rows.judged(ok), figure=figure, why=why)


def stopped(part: Part, run: Run) -> Row:
    """Whether the clock gate voided block 1, in which a guest was stopped so that its clock fell behind."""
    check, target = part.checks[1]
    errors = [r.clock_error_s for r in run.readings if r.environment == parts.STOPPED and r.block == 1]
    error_s = next((error for error in errors if error is not None), None)
    causes = [reason for void in run.voids if void.block == 1 for reason in void.reasons]
    voided = any(reason.arm == parts.STOPPED and reason.kind in CLOCK for reason in causes)
    return Row(
        part=part.title,
        check=check,
        target=target,
        state=rows.judged(voided),
        figure="" if error_s is None else f"{-error_s * 1000:.0f} ms missing" + (", voided" if voided else ""),
        value=error_s,
        unit="s",
        why="" if voided else _why_not_voided(run, error_s),
    )


def _why_not_voided(run: Run, error_s: float | None) -> str:
    lost = [t.outcome for t in run.trials if t.environment == parts.STOPPED and not isinstance(t.outcome, Measured)]
    if lost:
        return reason_text(lost[0].reason)
    return "the guest's clock was not read" if error_s is None else "no gate voided its block"


def _nothing(part: Part, why: str, blocks: int) -> Row:
    check, target = part.checks[0]
    return Row(part=part.title, check=check, target=target, state=State.FAILS, why=why, blocks=blocks)


def _cost(analysis: Analysis, arm: str, benchmark: str) -> Cost:
    """The benchmark's first metric."""
    return next(c for c in analysis.costs if c.environment == arm and c.benchmark == benchmark)


def _over_blocks(what: str, values: Mapping[int, float]) -> Envelope:
    """The reported interval of a mean over blocks: of whatever was computed within each of them."""
    pairs = pairing.Pairs(what, tuple(values), tuple(values.values()))
    return envelope.envelopes((pairs,))[0]
