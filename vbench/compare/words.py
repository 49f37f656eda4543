"""Writes the sentences of a comparison: its scope, its finding, and the last column of its tables."""

import math
from collections.abc import Iterator

from vbench.compare.cells import Cell, RunValue, Support
from vbench.compare.comparison import Compared, Comparison
from vbench.compare.grouping import Group, machine
from vbench.model import Verdict
from vbench.text import counted, flat, interval, listed, ratio

COSTS = "What isolation costs in each run: paired within the run, above 1 is worse"
HOSTS = "Raw medians: differences of hosts, not the cost of isolation; a ratio above 1 is worse"


def run_lines(compared: Compared) -> list[tuple[str, str]]:
    """Label and description of each run: id, machine, day and tags."""
    return [(group.label, _run_line(group, index)) for group in compared.groups for index in range(len(group.runs))]


def _run_line(group: Group, index: int) -> str:
    run = group.runs[index]
    tags = " ".join(f"{key}={value}" for key, value in run.manifest.tags.items())
    parts = [run.manifest.run_id, machine(run), run.manifest.started[:10], tags]
    return " · ".join(flat(part) for part in parts if part)


def scope(comparison: Comparison) -> str:
    left, right = comparison.reference, comparison.group
    sizes = f"{len(left.runs)} and {counted(len(right.runs), 'run')}"
    match comparison.support:
        case Support.MACHINES:
            return (
                f"{_identity(left)}; {_identity(right)}. One run a side: all statements hold for these two sessions on "
                "their machines and for no other machine, however similar. There is no interval over runs. The "
                "brackets hold each run's own interval, over its blocks."
            )
        case Support.DOTS:
            return (
                f"{left.label} and {right.label} have {sizes}. This design cannot support a claim: every number is one "
                "run, and an interval over runs needs 3 a side."
            )
        case Support.CLAIM:
            return (
                f"{left.label} and {right.label} have {sizes}. The unit is the run: intervals are 95 % over runs. They "
                "hold for machines that were not measured only if every run had a machine of its own."
            )


def _identity(group: Group) -> str:
    run = group.runs[0]
    return f"{group.label} is {flat(run.manifest.run_id)} on {machine(run)}"


def finding(comparison: Comparison) -> str:
    """What the paired costs show. Empty for a design that supports no claim."""
    match comparison.support:
        case Support.MACHINES:
            return _of_machines(comparison)
        case Support.DOTS:
            return ""
        case Support.CLAIM:
            return _of_groups(comparison)


def _of_machines(comparison: Comparison) -> str:
    both = [cell for cell in comparison.costs if cell.is_compared and own_intervals_overlap(cell) is not None]
    apart = [cell for cell in both if own_intervals_overlap(cell) is False]
    if not both:
        return "No cost has an interval of its own in both runs, so nothing is claimed."
    if not apart:
        return (
            f"The two runs' own intervals overlap at {_all(len(both))}, "
            "which proves neither a difference nor its absence."
        )
    far = max(apart, key=_distance)
    left, right = comparison.reference.label, comparison.group.label
    return (
        f"The two runs' own intervals lie apart at {len(apart)} of {counted(len(both), 'cost')}. Farthest: "
        f"{_where(far)} costs {own(far.reference[0])} on the machine of {left} and "
        f"{own(far.group[0])} on that of {right}."
    )


def _all(count: int) -> str:
    return "the only cost" if count == 1 else f"all {count} costs"


def _of_groups(comparison: Comparison) -> str:
    with_interval = [cell for cell in comparison.costs if cell.low is not None]
    if not with_interval:
        return "No cost has an interval over runs, so nothing is claimed."
    differing = [cell for cell in with_interval if cell.differs]
    excluded = sum(cell.side != 0 for cell in with_interval)
    text = (
        f"Of {counted(len(with_interval), 'interval')} {excluded} {'excludes' if excluded == 1 else 'exclude'} 1; "
        "where nothing differs one in twenty does so by chance."
    )
    if not differing:
        return f"{text} None remains after Benjamini-Hochberg, so no difference is claimed."
    far = max(differing, key=_distance)
    above = sum(cell.side > 0 for cell in differing)
    return (
        f"{text} After Benjamini-Hochberg {len(differing)} {'remains' if len(differing) == 1 else 'remain'}: {above} "
        f"higher and {len(differing) - above} lower in {comparison.group.label}. Farthest: the cost of "
        f"{_where(far)} is {ratio(far.ratio)} ({interval(far.low, far.high)}) of that in {comparison.reference.label}."
    )


def no_difference(comparison: Comparison) -> str:
    """The sentence for a comparison in which no fact is known to differ."""
    if all(run.host for run in (*comparison.reference.runs, *comparison.group.runs)):
        return "No known fact of the hosts or of their environments differs."
    return "The facts of a host are missing, so what else differs is not known."


def reading(cell: Cell) -> str:
    """Text of the last column: the conclusion for this cell, then the runs with a withheld or labelled cost."""
    noisy = f"withheld in {listed(withheld(cell))}: its control differs from its baseline" if withheld(cell) else ""
    return "; ".join(text for text in (_reading(cell), noisy, *_labelled(cell)) if text)


def withheld(cell: Cell) -> list[str]:
    """Runs whose own verdict at this cell is withheld."""
    return [value.run_id for value in (*cell.reference, *cell.group) if value.verdict is Verdict.WITHHELD]


def _labelled(cell: Cell) -> Iterator[str]:
    """Labels with their runs, such as `dots only in run-2`. The mean over runs weighs those runs like any other."""
    runs = (*cell.reference, *cell.group)
    holders: dict[str, list[str]] = {}
    for value in runs:
        if value.label and value.value is not None:
            holders.setdefault(flat(value.label), []).append(value.run_id)
    every = "both runs" if len(runs) == 2 else f"all {len(runs)} runs"
    for label, names in holders.items():
        yield f"{label} in {every if len(names) == len(runs) else listed(names)}"


def _reading(cell: Cell) -> str:
    if _one_each(cell) and cell.is_compared:
        overlap = own_intervals_overlap(cell)
        return "" if overlap is None else "own intervals overlap" if overlap else "own intervals apart"
    if cell.why:
        return flat(cell.why)
    if cell.differs:
        return "higher" if cell.side > 0 else "lower"
    return "excludes 1, but not after adjustment" if cell.side else "not told apart"


def own_intervals_overlap(cell: Cell) -> bool | None:
    """Whether the intervals of two single runs overlap. None if a run has no interval or a withheld verdict."""
    if not _one_each(cell) or withheld(cell):
        return None
    left, right = cell.reference[0], cell.group[0]
    if left.low is None or left.high is None or right.low is None or right.high is None:
        return None
    return left.low <= right.high and right.low <= left.high


def _one_each(cell: Cell) -> bool:
    return len(cell.reference) == len(cell.group) == 1


def own(value: RunValue) -> str:
    """A run's own cost with its own interval."""
    inside = f" ({interval(value.low, value.high)})" if value.low is not None else ""
    return f"{ratio(value.value)}{inside}"


def _where(cell: Cell) -> str:
    return flat(f"{cell.environment} at {cell.benchmark} {cell.metric}")


def _distance(cell: Cell) -> float:
    return abs(math.log(cell.ratio)) if cell.ratio else 0.0
