"""Writes sentences on the costs of a run. Only verdicts become claims, and each claim has the control's interval."""

import math
from collections import Counter
from dataclasses import dataclass

from vbench.cost import DOTS_ONLY, LEAST_ENVELOPE, LEAST_FOR_INTERVAL, ROUGH, FamilyCost
from vbench.model import Cost, State, Verdict
from vbench.report import grouping, verdicts
from vbench.report.verdicts import MANY
from vbench.report.view import Arm, Group, Row, View
from vbench.stats import rare
from vbench.stats.claims import percent_up
from vbench.text import amount, amount_interval, counted, finite, has_interval, interval, listed, number, percent, ratio

FAMILY_WORDS = {
    "cpu": "computing",
    "memory": "memory",
    "syscall": "system calls",
    "scheduler": "scheduling",
    "python": "Python",
    "disk": "disk",
    "network": "network",
    "http": "HTTP",
    "command": "commands of the suite’s own",
    "start": "start-up",
}
SCOPE = "These figures describe this host during this run. They say nothing about other hosts of its type."
WHY_ROUGH = f"Student’s t over the blocks alone; a verdict needs {LEAST_ENVELOPE} blocks."
CLAIMS = 6
"""Most families with a claim. Each has one claim, its largest cost."""
_UNRESOLVED = "This host cannot resolve"


@dataclass(frozen=True)
class Claim:
    """One cost with its verdict and the control's interval for the same metric."""

    where: str  # "system calls"
    metric: str  # "syscall.fork latency"
    plain: str  # the metric in words
    cost: str
    verdict: str  # "slower by 12 % (8.0 to 16.0 %), confirmatory"
    noise: str  # "control 0.990 to 1.012"


@dataclass(frozen=True)
class ArmSummary:
    """Sentences on one arm: its largest costs, the count of all verdicts, and the metrics of the other verdicts."""

    arm: Arm
    lead: str  # words before the claims: "costs most at"
    claims: tuple[Claim, ...]
    count: str
    others: tuple[tuple[str, str], ...]  # "Inconclusive", "disk.randread iops (half-width 8.1 %), ..."
    many: dict[str, str]  # verdict to the count of its metrics in words, if there are too many to list
    families: str


def family(name: str) -> str:
    """A family in words. An unknown family keeps its name."""
    return FAMILY_WORDS.get(name, name)


def title(view: View) -> str:
    return f"{listed([arm.name for arm in view.compared]) or 'Nothing'} against {view.baseline}"


def summaries(view: View) -> tuple[ArmSummary, ...]:
    return tuple(_summary(view, arm) for arm in view.compared)


def _summary(view: View, arm: Arm) -> ArmSummary:
    rows = view.rows_of(arm)
    claims = _claims(view, arm)
    numbers = Counter(str(row.cost.verdict).capitalize() for row in rows)
    many = {verdict: counted(number, "metric") for verdict, number in numbers.items() if number > MANY}
    lead, count = _lead(view, rows, claims), _count(view, rows)
    return ArmSummary(arm, lead, claims, count, _others(rows), many, _families(view, arm))


def _lead(view: View, rows: list[Row], claims: tuple[Claim, ...]) -> str:
    if any(row.cost.verdict for row in rows):
        return f"against {view.baseline} costs most at" if claims else "is not shown to be slower anywhere."
    return f"against {view.baseline}, observed without a verdict, largest at" if claims else ""


def control_sentence(view: View) -> str:
    """Sentences on the noise of the host, from the intervals of the control."""
    controls = [row.cost for row in view.rows if row.arm.role == "control"]
    name = view.run.manifest.control
    ratios = [cost for cost in controls if has_interval(cost)]
    differences = [cost for cost in controls if cost.difference is not None and verdicts.is_bounded(cost)]
    differs = [_metric(cost) for cost in controls if cost.verdict is Verdict.WITHHELD]
    withheld = f" It differs from {view.baseline} at {listed(differs)}: verdicts there are withheld." if differs else ""
    if ratios:
        also = f" {_noise_of_differences(differences)}" if differences else ""
        meaning = f"{name} is the baseline measured a second time, so its distance from 1 is noise: "
        return meaning + _noise_of_ratios(ratios) + also + withheld
    if differences:
        meaning = f"{name} is the baseline measured a second time, so its distance from 0 is noise. "
        return meaning + _noise_of_differences(differences) + withheld
    return f"{name}, the baseline measured a second time, has no interval: the noise of this host is unknown.{withheld}"


def _noise_of_ratios(costs: list[Cost]) -> str:
    ratios = [cost.cost for cost in costs if cost.cost is not None]
    widest = max(costs, key=lambda cost: (cost.high or 1) / (cost.low or 1))
    off = sum(verdicts.side(cost) != 0 for cost in costs)
    return (
        f"from {ratio(min(ratios))} to {ratio(max(ratios))} over {counted(len(costs), 'metric')}, the widest interval "
        f"{interval(widest.low, widest.high)} at {_metric(widest)}. "
        f"Of its {counted(len(costs), 'interval')} {off} {'excludes' if off == 1 else 'exclude'} 1; "
        "one in twenty does so by chance."
    )


def _noise_of_differences(costs: list[Cost]) -> str:
    """Sentence on the control's differences. Their units differ, so none is called the widest."""
    off = sum(verdicts.side(cost) != 0 for cost in costs)
    count = f"{off or 'none'} {'exclude' if off > 1 else 'excludes'} 0"
    each = ", ".join(f"{_metric(cost)} {amount_interval(cost)}" for cost in costs) if len(costs) <= MANY else ""
    return f"Of {counted(len(costs), 'interval')} in a metric’s own unit {count}{': ' if each else ''}{each}."


def voided_sentence(view: View) -> str:
    """Sentences on voided attempts, and on the costs with all attempts kept. Empty if nothing was voided."""
    void = view.voided
    if not void.attempts:
        return ""
    causes = ((cause.words, cause.attempts) for cause in void.causes)
    reasons = "; ".join(f"{words} ({attempts})" if attempts > 1 else words for words, attempts in causes)
    struck = ", ".join(f"{name} {count}" for name, count in void.arms.items() if count)
    again = len(void.dropped)
    rest = (
        f"; {counted(again, 'block')} could not be repeated and {'is' if again == 1 else 'are'} missing"
        if again
        else ""
    )
    where = f" Where gates struck: {struck}." if struck else ""
    what = f"{counted(void.attempts, 'attempt')} at {counted(len(void.blocks), 'block')}"
    by = "" if any(item.harness for item in view.run.voids) else " by gates"
    return f"{what} voided{by}, in all arms{rest}: {reasons}.{where} {_kept(view)}"


def _kept(view: View) -> str:
    """Sentence on the cost that would change most if no attempt were voided."""
    moved = [
        (abs(row.kept.cost / row.cost.cost - 1), row)
        for row in view.rows
        if row.kept is not None and row.kept.cost and row.cost.cost and row.arm.role == "compared"
    ]
    if not moved:
        return "The column “Nothing voided” has the costs with everything kept."
    most, row = max(moved, key=lambda pair: pair[0])
    assert row.kept is not None
    return (
        f"With everything kept no cost would move by more than {percent_up(most)}: that of {row.arm.name} at "
        f"{_metric(row.cost)} would be {_stated(row.kept)} in place of {_stated(row.cost)}."
    )


def standing(view: View) -> str:
    """Sentences on the blocks analysed, rough intervals, and metrics without an interval or a number."""
    labels = Counter(row.cost.label for row in view.rows)
    without = sum(finite(row.cost.cost) is None and row.cost.difference is None for row in view.rows)
    parts = [_analysed(view)]
    if labels[ROUGH]:
        are = "is" if labels[ROUGH] == 1 else "are"
        parts.append(f"{counted(labels[ROUGH], 'interval')} {are} {ROUGH}: {WHY_ROUGH}")
    if labels[DOTS_ONLY]:
        few = counted(labels[DOTS_ONLY], "ratio")
        parts.append(f"{few} of fewer than {LEAST_FOR_INTERVAL} blocks: {DOTS_ONLY}, no interval.")
    if without:
        parts.append(f"{counted(without, 'cell')} without a number, with the reason in the table.")
    return " ".join(parts)


def _analysed(view: View) -> str:
    planned, last = view.run.manifest.blocks, max((trial.block for trial in view.run.trials), default=0)
    if view.run.manifest.state is State.COMPLETE and 0 < last < planned:
        why = "the run ended when its confirmatory intervals were narrow enough"
        return f"{counted(view.analysed, 'block')} of at most {planned} analysed: {why}."
    of = "" if view.analysed == planned else f" of {planned} planned"
    return f"{counted(view.analysed, 'block')}{of} analysed."


def limits(view: View) -> tuple[str, ...]:
    """Limits of the results, one or two sentences per line."""
    judged = [roles(view)] if any(row.cost.verdict for row in view.rows) else []
    rarely = [seldom(view.analysed)] if view.analysed else []
    found = f"{standing(view)} {lost_sentence(view)}"
    return (SCOPE, *judged, found, *grouping.sentences(view), *rarely, *_beyond_this_host(view))


def seldom(blocks: int) -> str:
    """Sentences on events too rare for so many blocks. The data cannot tell of them, so the words must."""
    share = f"{math.ceil(rare.unseen(blocks) * 100)} %"
    return (
        f"{counted(blocks, 'block')} can miss what happens in up to {share} of blocks (upper 95 % bound). "
        "No interval includes what no block has shown."
    )


def _beyond_this_host(view: View) -> list[str]:
    """Sentences on metrics whose noise floor exceeds the margin, and on declared comparisons that were not measured."""
    noisy = [row.cost for row in view.rows if row.arm.role == "control" and row.cost.unresolved]
    own = verdicts.differences(view.run.manifest)
    of_ratios = len(view.groups) - sum((group.benchmark, group.metric) in own for group in view.groups)
    ratios = [_metric(cost) for cost in noisy if cost.difference is None]
    differences = [verdicts.margin_at(own, cost) for cost in noisy if cost.difference is not None]
    parts = []
    if ratios:
        many = f"{len(ratios)} of {counted(of_ratios, 'metric')}{' with a ratio' if own else ''}"
        where = listed(ratios) if len(ratios) <= MANY else many
        parts.append(f"{_UNRESOLVED} {percent(view.run.manifest.delta)} at {where}: the noise floor is higher.")
    if differences:
        many = f"their own margins at {len(differences)} of {counted(len(own), 'metric')} judged by difference"
        what = listed(differences) if len(differences) <= MANY else many
        parts.append(f"{_UNRESOLVED} {what}: the noise floor is higher.")
    if view.not_measured:
        parts.append(f"Declared confirmatory and not measured: {', '.join(view.not_measured)}.")
    return parts


def roles(view: View) -> str:
    """The sentence on confirmatory and exploratory comparisons and their adjustment."""
    confirmatory = sum(row.cost.role == "confirmatory" for row in view.rows)
    exploratory = "exploratory: adjusted by Benjamini and Hochberg, a search for candidates rather than a test"
    if not confirmatory:
        declared = bool(view.run.manifest.confirmatory)
        none = "No declared comparison was measured" if declared else "The suite declared no comparison confirmatory"
        return f"{none}, so every verdict is {exploratory}."
    are = "is" if confirmatory == 1 else "are"
    return f"{counted(confirmatory, 'comparison')} {are} confirmatory, adjusted by Holm; all others are {exploratory}."


def lost_sentence(view: View) -> str:
    failed, skipped = view.trials["failed"], view.trials["skipped"]
    if not failed + skipped:
        return f"All {view.trials['measured']} trials gave numbers."
    return f"{view.trials['measured']} trials gave numbers, {failed} failed, {skipped} were skipped."


def forest_caption(view: View) -> str:
    rows = [row for row in view.rows if row.arm.role == "compared" and has_interval(row.cost)]
    if not rows:
        return "No interval yet: the marks are ratios of too few blocks to claim anything."
    top = max(rows, key=lambda row: row.cost.cost or 0)
    judged = verdicts.counts(row.cost for row in rows)
    delta = view.run.manifest.delta
    return (
        f"{f'Verdicts: {judged}' if judged else 'No verdict yet'}. The largest observed cost is {top.arm.name} at "
        f"{_metric(top.cost)}: {_stated(top.cost)}. The green band is ± {percent(delta)}, the smallest "
        f"cost of interest; the grey ones are {view.run.manifest.control}. Marks without a verdict have no colour."
    )


def fold_sentence(view: View) -> str:
    """Text beside the title of a folded family: its size, and each environment's verdicts and largest cost."""
    parts = [counted(len(view.groups), "metric")]
    for arm in view.compared:
        rows = [row for row in view.rows_of(arm) if finite(row.cost.cost) is not None]
        if rows:
            top = max(rows, key=lambda row: row.cost.cost or 0)
            judged = verdicts.counts(row.cost for row in rows)
            parts.append(f"{arm.name} {f'{judged}, ' if judged else ''}largest {ratio(top.cost.cost)}")
    return "; ".join(parts)


def heat_caption(view: View) -> str:
    parts = []
    for arm in view.compared:
        costs = [row.cost.cost for row in view.rows_of(arm) if row.cost.cost is not None]
        costs = [value for value in costs if finite(value) is not None]
        if costs:
            parts.append(f"{arm.name} from {ratio(min(costs))} to {ratio(max(costs))}")
    ranges = "; ".join(parts)
    return (
        f"Observed ratios: {ranges}. Where the verdict is slower or faster: bold, orange is worse, blue better. "
        "All else has no colour."
        if ranges
        else "No ratio is known."
    )


def group_caption(group: Group) -> str:
    parts = [f"{row.arm.name} {_stated(row.cost)}{_judged(row)}" for row in group.rows if row.arm.role != "baseline"]
    return "; ".join(parts) + "."


def _claims(view: View, arm: Arm) -> tuple[Claim, ...]:
    """Claims of an arm, the largest cost first."""
    return tuple(_claim(view, group, arm) for group, _ in largest(view, arm)[:CLAIMS])


def largest(view: View, arm: Arm) -> list[tuple[Group, Cost]]:
    """The largest cost of each family. Only slower costs count; without verdicts, those with an interval above 1."""
    is_judged = any(row.cost.verdict for row in view.rows_of(arm))
    largest_of: dict[str, tuple[Group, Cost]] = {}
    for group in view.groups:
        cost = group.cost_of(arm)
        if cost is None or not (cost.verdict is Verdict.SLOWER if is_judged else verdicts.side(cost) > 0):
            continue
        if group.family not in largest_of or (cost.cost or 0) > (largest_of[group.family][1].cost or 0):
            largest_of[group.family] = group, cost
    return sorted(largest_of.values(), key=lambda pair: -(pair[1].cost or 0))


_NONE = Cost("", "", "1", "lower", "", None, None, None, 0, None, None)


def _claim(view: View, group: Group, arm: Arm) -> Claim:
    cost = group.cost_of(arm) or _NONE
    control = group.control or _NONE
    control_interval = amount_interval(control) if verdicts.is_bounded(control) else "unknown"
    verdict = verdicts.sentence(cost, verdicts.margin_of(view.run.manifest, cost))
    noise = f"{view.run.manifest.control} {control_interval}"
    plain = ": ".join(part for part in (group.operation, group.measured) if part)
    return Claim(family(group.family), group.title, plain, amount(cost), verdict, noise)


def _count(view: View, rows: list[Row]) -> str:
    judged = [row.cost for row in rows if row.cost.verdict]
    rough = sum(row.cost.verdict is None and verdicts.is_bounded(row.cost) for row in rows)
    without = len(rows) - len(judged) - rough
    if not judged and not rough:
        return f"No interval for any of its {counted(len(rows), 'metric')}, so nothing is claimed."
    parts = [f"Of {counted(len(judged), 'metric')}: {verdicts.counts(judged)}"] if judged else []
    parts += [f"{counted(rough, 'interval')} without a verdict"] if rough else []
    parts += [f"{counted(without, 'metric')} without an interval"] if without else []
    return "; ".join(parts) + "." + verdicts.equivalence(view.run.manifest, judged)


def _others(rows: list[Row]) -> tuple[tuple[str, str], ...]:
    """Each verdict other than slower, with its metrics."""
    lines = []
    for verdict in (Verdict.FASTER, Verdict.EQUIVALENT, Verdict.INCONCLUSIVE, Verdict.WITHHELD):
        costs = [row.cost for row in rows if row.cost.verdict is verdict]
        if costs:
            lines.append((str(verdict).capitalize(), ", ".join(qualified(cost) for cost in costs)))
    return tuple(lines)


def qualified(cost: Cost) -> str:
    """A metric, in brackets its gain if it is faster, or what is open if it is inconclusive."""
    match cost.verdict:
        case Verdict.FASTER:
            more = [amount(cost)]
        case Verdict.INCONCLUSIVE:
            more = [verdicts.beside(cost), _would_decide(cost)]
        case _:
            more = []
    inside = ", ".join(part for part in more if part)
    return f"{_metric(cost)} ({inside})" if inside else _metric(cost)


def _would_decide(cost: Cost) -> str:
    """The number of blocks that would decide. Empty if more blocks need not change the verdict."""
    needed = cost.blocks_to_decide
    return f"about {needed} blocks would decide" if needed is not None and needed > cost.blocks else ""


def _families(view: View, arm: Arm) -> str:
    """Geometric means of the families that have an interval."""
    means = [mean for mean in view.families if mean.environment == arm.name and finite(mean.low) is not None]
    return "; ".join(_family(mean) for mean in means)


def _family(mean: FamilyCost) -> str:
    inside = interval(mean.low, mean.high)
    rough = f", {mean.label}" if mean.label else ""
    members = counted(len(mean.members), "benchmark")
    return f"{family(mean.family)} {ratio(mean.cost)} ({inside}{rough}) over {members}"


def _metric(cost: Cost) -> str:
    return f"{cost.benchmark} {cost.metric}"


def _judged(row: Row) -> str:
    return f", {row.cost.verdict}" if row.cost.verdict and row.arm.role == "compared" else ""


def _stated(cost: Cost) -> str:
    if cost.difference is not None:
        return f"{amount(cost)} ({amount_interval(cost)})"
    if finite(cost.cost) is None:
        return "no number" + (f" ({cost.label})" if cost.label else "")
    inside = interval(cost.low, cost.high) if has_interval(cost) else "no interval"
    return f"{number(cost.cost)}× ({inside})"
