"""Says in sentences what the costs say: nothing without an interval, and the control's spread beside every claim."""

from collections import Counter
from dataclasses import dataclass

from vbench.cost import DOTS_ONLY, LEAST_FOR_INTERVAL, ROUGH
from vbench.model import Cost
from vbench.report.text import counted, finite, has_interval, interval, listed, number, ratio, side
from vbench.report.view import Arm, Group, Row, View

FAMILY_WORDS = {
    "cpu": "computing",
    "memory": "memory",
    "syscall": "system calls",
    "disk": "disk",
    "network": "network",
    "start": "start-up",
}
WHY_ROUGH = "Student’s t over the blocks alone, and no verdict is drawn from them."
CLAIMS = 6
"""Families named in one sentence: each by its largest cost."""


@dataclass(frozen=True)
class Claim:
    """One number with its interval and the noise seen at the same metric."""

    where: str  # "system calls"
    metric: str  # "syscall.fork latency"
    cost: str
    noise: str  # "9.8 to 10.3; control 0.990 to 1.012"


@dataclass(frozen=True)
class Finding:
    """What is said of one arm: claims that have an interval beyond 1, and the count of all."""

    arm: Arm
    claims: tuple[Claim, ...]
    count: str
    measured: bool  # at least one metric has an interval


def title(view: View) -> str:
    return f"{listed([arm.name for arm in view.compared]) or 'Nothing'} against {view.baseline}"


def findings(view: View) -> tuple[Finding, ...]:
    return tuple(_finding(view, arm) for arm in view.compared)


def _finding(view: View, arm: Arm) -> Finding:
    rows = _rows_of(view, arm)
    return Finding(arm, _claims(view, arm), _count(rows), any(has_interval(row.cost) for row in rows))


def control_sentence(view: View) -> str:
    """The noise that the host showed, as far as an interval carries it."""
    rows = [row for row in view.rows if row.arm.role == "control" and has_interval(row.cost)]
    name = view.run.manifest.control
    if not rows:
        return f"{name}, the baseline measured a second time, has no interval: the noise of this host is unknown."
    ratios = [row.cost.cost for row in rows if row.cost.cost is not None]
    widest = max(rows, key=lambda row: (row.cost.high or 1) / (row.cost.low or 1))
    off = sum(side(row.cost) != 0 for row in rows)
    return (
        f"{name} is the baseline measured a second time, so its distance from 1 is noise: from {ratio(min(ratios))} to "
        f"{ratio(max(ratios))} over {counted(len(rows), 'metric')}, the widest interval "
        f"{interval(widest.cost.low, widest.cost.high)} at {_metric(widest.cost)}. "
        f"Of its {counted(len(rows), 'interval')} {off} {'leaves' if off == 1 else 'leave'} 1 out; "
        "one in twenty does so by chance."
    )


def standing(view: View) -> str:
    """How far the numbers carry."""
    labels = Counter(row.cost.label for row in view.rows)
    without = sum(finite(row.cost.cost) is None for row in view.rows)
    planned = view.run.manifest.blocks
    of = "" if view.analysed == planned else f" of {planned} planned"
    parts = [f"{counted(view.analysed, 'block')}{of} analysed."]
    if labels[ROUGH]:
        parts.append(
            f"{counted(labels[ROUGH], 'interval')} {'is' if labels[ROUGH] == 1 else 'are'} {ROUGH}: {WHY_ROUGH}"
        )
    if labels[DOTS_ONLY]:
        few = counted(labels[DOTS_ONLY], "ratio")
        parts.append(f"{few} of fewer than {LEAST_FOR_INTERVAL} blocks: {DOTS_ONLY}, no interval.")
    if without:
        parts.append(f"{counted(without, 'cell')} without a number, with the reason in the table.")
    return " ".join(parts)


def lost_sentence(view: View) -> str:
    failed, skipped = view.trials["failed"], view.trials["skipped"]
    if not failed + skipped:
        return f"All {view.trials['measured']} trials gave numbers."
    return f"{view.trials['measured']} trials gave numbers, {failed} failed, {skipped} were skipped."


def forest_caption(view: View) -> str:
    rows = [row for row in view.rows if row.arm.role == "compared" and has_interval(row.cost)]
    if not rows:
        return "No interval yet: the marks are ratios of too few blocks to claim anything."
    above = sum(side(row.cost) > 0 for row in rows)
    top = max(rows, key=lambda row: row.cost.cost or 0)
    return (
        f"{above} of {counted(len(rows), 'interval')} lie wholly above 1. The largest cost is {top.arm.name} at "
        f"{_metric(top.cost)}: {_stated(top.cost)}."
    )


def heat_caption(view: View) -> str:
    parts = []
    for arm in view.compared:
        known = [row.cost.cost for row in _rows_of(view, arm) if row.cost.cost is not None]
        known = [value for value in known if finite(value) is not None]
        if known:
            parts.append(f"{arm.name} from {ratio(min(known))} to {ratio(max(known))}")
    found = "; ".join(parts)
    return (
        f"Observed ratios: {found}. Orange is worse, blue better; bold where the interval leaves 1 out."
        if found
        else "No ratio is known."
    )


def group_caption(group: Group) -> str:
    parts = [f"{row.arm.name} {_stated(row.cost)}" for row in group.rows if row.arm.role != "baseline"]
    return "; ".join(parts) + "."


def _rows_of(view: View, arm: Arm) -> list[Row]:
    return [row for row in view.rows if row.arm == arm]


def _claims(view: View, arm: Arm) -> tuple[Claim, ...]:
    """The largest cost of each family, largest first, of those whose interval lies above 1."""
    largest: dict[str, Group] = {}
    for group in view.groups:
        mine = _cost_of(group, arm)
        if mine is None or side(mine) <= 0:
            continue
        best = _cost_of(largest[group.family], arm) if group.family in largest else None
        if best is None or (mine.cost or 0) > (best.cost or 0):
            largest[group.family] = group
    ordered = sorted(largest.values(), key=lambda group: -((_cost_of(group, arm) or _NONE).cost or 0))
    return tuple(_claim(view, group, arm) for group in ordered[:CLAIMS])


_NONE = Cost("", "", "1", "lower", "", None, None, None, 0, None, None)


def _claim(view: View, group: Group, arm: Arm) -> Claim:
    cost = _cost_of(group, arm) or _NONE
    control = next((row.cost for row in group.rows if row.arm.role == "control"), _NONE)
    seen = interval(control.low, control.high) if has_interval(control) else "unknown"
    noise = f"{interval(cost.low, cost.high)}; {view.run.manifest.control} {seen}"
    return Claim(FAMILY_WORDS.get(group.family, group.family), group.title, ratio(cost.cost), noise)


def _cost_of(group: Group, arm: Arm) -> Cost | None:
    return next((row.cost for row in group.rows if row.arm == arm), None)


def _count(rows: list[Row]) -> str:
    known = [side(row.cost) for row in rows if has_interval(row.cost)]
    without = len(rows) - len(known)
    if not known:
        return f"No interval for any of its {counted(len(rows), 'metric')}, so nothing is claimed."
    sides = Counter(known)
    text = f"Of {counted(len(known), 'interval')}, {sides[1]} lie above 1, {sides[-1]} below, {sides[0]} contain 1"
    return f"{text}; {counted(without, 'metric')} without an interval." if without else f"{text}."


def _metric(cost: Cost) -> str:
    return f"{cost.benchmark} {cost.metric}"


def _stated(cost: Cost) -> str:
    if finite(cost.cost) is None:
        return "no number" + (f" ({cost.label})" if cost.label else "")
    inside = interval(cost.low, cost.high) if has_interval(cost) else "no interval"
    return f"{number(cost.cost)}× ({inside})"
