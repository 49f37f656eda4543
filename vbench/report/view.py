"""Collects what every report of a run shows: arms, rows, losses and costs."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from vbench.cost import Analysis, Conditions, FamilyCost, Steadiness, Voided, confounds
from vbench.model import (
    FAMILIES,
    BenchmarkRecord,
    Confound,
    Cost,
    EnvironmentRecord,
    Failed,
    Measured,
    Metric,
    Run,
    Skipped,
)
from vbench.reasons import Reason
from vbench.report import names
from vbench.stats import steady
from vbench.text import counted, finite, label, percent, reason_text
from vbench.units import show

CostKey = tuple[str, str, str]  # benchmark, metric, environment

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "hexagon", "star", "pentagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
COLOURS = 6
"""Number of arm colours in style.css. With more arms colours repeat; colour and symbol together tell 24 arms apart."""


@dataclass(frozen=True)
class Arm:
    """One environment with the mark that stands for it in every chart."""

    record: EnvironmentRecord
    role: str  # baseline, control, compared
    colour: str  # a CSS variable: each palette has its own value for it
    symbol: str
    dash: str
    group: int = 0  # of the arms that were alive with it
    where: str = ""  # the group in words, of an arm that is in several

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def title(self) -> str:
        """The name, with the group where it takes that to tell whose numbers these are."""
        return f"{self.name}{self.where}"

    def label(self, limit: int) -> str:
        """The title for plotly, in about so many characters: the group is never cut."""
        return label(self.name, max(2, limit - len(self.where))) + self.where


@dataclass(frozen=True)
class Row:
    """One benchmark metric in one environment."""

    cost: Cost
    arm: Arm
    notes: tuple[str, ...]  # all notes of the trials
    kept: Cost | None = None  # with every voided block kept; None where no block was voided
    steadiness: Steadiness | None = None  # None where no trial was labelled

    @property
    def label(self) -> str:
        """Labels, suspects and notes of a row. A drift of single trials counts only if most drift the same way."""
        notes = [note for note in self.notes if not note.startswith(steady.LABEL)]
        if self.steadiness is not None and self.steadiness.is_drifting:
            notes.append(_drifting(self.steadiness))
        return "; ".join(part for part in (self.cost.label, *self.cost.suspects, *notes) if part)


@dataclass(frozen=True)
class Group:
    """One benchmark metric with a row for each arm, the control last."""

    benchmark: str
    metric: str
    unit: str
    better: str
    rows: tuple[Row, ...]
    operation: str = ""  # what one operation of the benchmark is, in plain words
    measured: str = ""  # what of it the metric is
    anchor: str = ""  # of the benchmark, in a page

    @property
    def title(self) -> str:
        return f"{self.benchmark} {self.metric}"

    @property
    def family(self) -> str:
        return self.benchmark.split(".")[0]

    @property
    def control(self) -> Cost | None:
        """The cost of the control. None if the metric has none."""
        return next((row.cost for row in self.rows if row.arm.role == "control"), None)

    def row_of(self, arm: Arm) -> Row | None:
        return next((row for row in self.rows if row.arm is arm), None)

    def cost_of(self, arm: Arm) -> Cost | None:
        row = self.row_of(arm)
        return row.cost if row else None

    @property
    def baseline_median(self) -> str:
        medians = (finite(row.cost.baseline_median) for row in self.rows)
        return show(next((value for value in medians if value is not None), None), self.unit)


@dataclass(frozen=True)
class Loss:
    """Trials of one arm and benchmark that gave no number for the same reason."""

    environment: str
    benchmark: str
    outcome: str
    cause: Reason
    hint: str
    blocks: tuple[int, ...]  # 0 is the calibration

    @property
    def reason(self) -> str:
        return reason_text(self.cause)

    @property
    def where(self) -> str:
        """Blocks in words: `calibration, 1 to 4, 7`."""
        spans: list[list[int]] = []
        for block in (block for block in self.blocks if block):
            if spans and block == spans[-1][1] + 1:
                spans[-1][1] = block
            else:
                spans.append([block, block])
        spans_shown = [f"{first} to {last}" if last > first else str(first) for first, last in spans]
        return ", ".join((["calibration"] if 0 in self.blocks else []) + spans_shown)


@dataclass(frozen=True)
class View:
    run: Run
    analysis: Analysis
    arms: tuple[Arm, ...]  # baseline first, control last
    groups: tuple[Group, ...]
    confounds: tuple[Confound, ...]
    losses: tuple[Loss, ...]
    trials: dict[str, int]  # measured, failed, skipped; without block 0
    analysed: int  # blocks that gave at least one pair
    costs: tuple[Cost, ...]  # in the suite's order
    families: tuple[FamilyCost, ...]
    conditions: tuple[Conditions, ...]
    voided: Voided
    not_measured: tuple[str, ...]  # declared confirmatory

    @property
    def compared(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.arms if arm.role == "compared")

    @property
    def baseline(self) -> str:
        return self.run.manifest.baseline

    @property
    def series(self) -> tuple[Arm, ...]:
        """The arms as charts of single trials have them: the baseline stands there once for each of its groups."""
        groups = range(len(self.run.manifest.plan.groups))
        baseline = [arm for arm in self.arms if arm.role == "baseline"]
        each = [replace(arm, group=number, where=f" (group {number})") for arm in baseline for number in groups]
        return (*(each or baseline), *(arm for arm in self.arms if arm.role != "baseline"))

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for group in self.groups for row in group.rows)

    def rows_of(self, arm: Arm) -> list[Row]:
        return [row for row in self.rows if row.arm is arm]


def view_of(run: Run, analysis: Analysis | None = None) -> View:
    """The view of a run. `analysis` is the run's own; None makes one."""
    analysis = analysis or Analysis.of(run)
    everyone = arms(run)
    return View(
        run=run,
        analysis=analysis,
        arms=everyone,
        groups=_groups(run, analysis, everyone),
        confounds=confounds(run),
        losses=losses(analysis),
        trials=trial_counts(analysis),
        analysed=analysed_blocks(analysis.costs),
        costs=analysis.costs,
        families=analysis.families,
        conditions=analysis.conditions,
        voided=analysis.voided,
        not_measured=analysis.not_measured,
    )


def arms(run: Run) -> tuple[Arm, ...]:
    """Arms with their marks. A mark follows from the position in the suite, so an arm looks the same everywhere."""
    manifest = run.manifest
    ordered = {manifest.baseline: "baseline", manifest.control: "control"}
    compared = [record for record in manifest.environments if record.name not in ordered]
    by_name = {record.name: record for record in manifest.environments}
    groups = {arm: number for number, group in enumerate(manifest.plan.groups) for arm in group[1:]}
    result = []
    if manifest.baseline in by_name:
        result.append(Arm(by_name[manifest.baseline], "baseline", "var(--ink)", "line-ns", "solid"))
    for index, record in enumerate(compared):
        colour = f"var(--arm-{index % COLOURS})"
        symbol, dash = SYMBOLS[index % len(SYMBOLS)], DASHES[index % len(DASHES)]
        result.append(Arm(record, "compared", colour, symbol, dash, groups.get(record.name, 0)))
    if manifest.control in by_name and manifest.control != manifest.baseline:
        group = groups.get(manifest.control, 0)
        result.append(Arm(by_name[manifest.control], "control", "var(--control)", "circle-open", "dot", group))
    return tuple(result)


def _drifting(steadiness: Steadiness) -> str:
    way = "+" if steadiness.change > 0 else "−"
    share = f"{steadiness.same} of {counted(steadiness.blocks, 'block')}"
    return (
        f"{steady.LABEL}: the last third of a trial differs from its first the same way in {share}, "
        f"by {way}{percent(abs(steadiness.change))} in the median"
    )


def cost_key(cost: Cost) -> CostKey:
    return cost.benchmark, cost.metric, cost.environment


def _groups(run: Run, analysis: Analysis, everyone: tuple[Arm, ...]) -> tuple[Group, ...]:
    costs = analysis.costs
    by_key = {cost_key(cost): cost for cost in costs}
    with_voided = {cost_key(cost): cost for cost in analysis.with_voided().costs} if analysis.voided.attempts else {}
    notes, drifting = _notes(analysis), analysis.steadiness
    records = {record.name: record for record in run.manifest.benchmarks}
    benchmark_anchors = anchors([benchmark for benchmark, _ in _metrics(run, costs)])
    result = []
    for benchmark, metric in _metrics(run, costs):
        rows = tuple(
            Row(
                by_key[key],
                arm,
                notes.get((benchmark, arm.name), ()),
                with_voided.get(key),
                drifting.get((benchmark, arm.name)),
            )
            for arm in everyone
            if (key := (benchmark, metric.name, arm.name)) in by_key
        )
        if rows:
            group = Group(benchmark, metric.name, metric.unit, metric.better, rows, anchor=benchmark_anchors[benchmark])
            result.append(_named(group, records.get(benchmark)))
    return tuple(result)


def _named(group: Group, record: BenchmarkRecord | None) -> Group:
    """The group with its plain names and the settings that differ from the defaults."""
    if record is None:
        return group
    settings = [f"{key} {value}" for key, value in names.pairs(names.unnamed_settings(record))]
    operation = ", ".join(part for part in (names.operation(record), *settings) if part)
    return replace(group, operation=operation, measured=names.measured_of(record, group.metric))


def anchors(benchmarks: Sequence[str]) -> dict[str, str]:
    """An anchor for each benchmark: the same for the same name in every run, and safe in an address."""
    result: dict[str, str] = {}
    for name in dict.fromkeys(benchmarks):
        plain = f"b-{_UNSAFE.sub('-', name)[:60]}"
        candidates = (plain, *(f"{plain}-{number}" for number in range(2, len(benchmarks) + 2)))
        result[name] = next(anchor for anchor in candidates if anchor not in result.values())
    return result


def _metrics(run: Run, costs: tuple[Cost, ...]) -> list[tuple[str, Metric]]:
    """Benchmark and metric of every group, by family and then in the order of the suite."""
    metrics = {(record.name, metric.name): metric for record in run.manifest.benchmarks for metric in record.metrics}
    for cost in costs:
        metrics.setdefault((cost.benchmark, cost.metric), Metric(cost.metric, cost.unit, cost.better))
    families = [*FAMILIES, *sorted({name.split(".")[0] for name, _ in metrics} - set(FAMILIES))]
    ordered = sorted(metrics, key=lambda key: families.index(key[0].split(".")[0]))
    return [(benchmark, metrics[benchmark, metric]) for benchmark, metric in ordered]


def _notes(analysis: Analysis) -> dict[tuple[str, str], tuple[str, ...]]:
    """Notes of the trials with their numbers. Notes that differ after `:` are counted as one."""
    notes_by_topic: dict[tuple[str, str, str], list[str]] = {}
    total: Counter[tuple[str, str]] = Counter()
    for trial in analysis.attempts.final:
        if trial.block > 0 and isinstance(trial.outcome, Measured):
            total[trial.benchmark, trial.environment] += 1
            for note in {note.partition(":")[0]: note for note in trial.outcome.notes}.values():
                notes_by_topic.setdefault((trial.benchmark, trial.environment, note.partition(":")[0]), []).append(note)
    result: dict[tuple[str, str], tuple[str, ...]] = {}
    for (benchmark, arm, topic), notes in sorted(notes_by_topic.items()):
        text = notes[0] if len(set(notes)) == 1 else topic
        text = f"{text} ({len(notes)} of {counted(total[benchmark, arm], 'trial')})"
        result[benchmark, arm] = (*result.get((benchmark, arm), ()), text)
    return result


def losses(analysis: Analysis) -> tuple[Loss, ...]:
    blocks: dict[tuple[str, str, str, Reason, str], list[int]] = {}
    for trial in analysis.attempts.final:
        match trial.outcome:
            case Measured():
                continue
            case Failed(reason, hint):
                outcome = "failed"
            case Skipped(reason, hint):
                outcome = "skipped"
            case other:
                assert_never(other)
        blocks.setdefault((trial.environment, trial.benchmark, outcome, reason, hint), []).append(trial.block)
    return tuple(Loss(*key, tuple(sorted(set(where)))) for key, where in blocks.items())


def trial_counts(analysis: Analysis) -> dict[str, int]:
    """Number of trials by outcome, without those of block 0, which calibrates."""
    names = {Measured: "measured", Failed: "failed", Skipped: "skipped"}
    counts = Counter(names[type(trial.outcome)] for trial in analysis.attempts.final if trial.block > 0)
    return {name: counts[name] for name in names.values()}


def analysed_blocks(costs: tuple[Cost, ...]) -> int:
    """Number of blocks that gave at least one pair."""
    indexes = {block for cost in costs for block in _per_block(cost)}
    return len(indexes) if indexes else max((cost.blocks for cost in costs), default=0)


def _per_block(cost: Cost) -> dict[int, float]:
    return cost.per_block if cost.difference is None else cost.difference.per_block
