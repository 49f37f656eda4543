"""Compares every group of runs with the reference group: first the costs of isolation, then the hosts."""

from collections.abc import Sequence

from msgspec import Struct

from vbench.compare import cells, sameness
from vbench.compare.cells import Cell, Support
from vbench.compare.grouping import Group, groups
from vbench.compare.hosts import FactDifference, differences
from vbench.errors import UsageError
from vbench.model import Run


class Comparison(Struct, frozen=True):
    """One group against the reference."""

    reference: Group
    group: Group
    support: Support
    costs: tuple[Cell, ...]  # each run's own paired costs
    hosts: tuple[Cell, ...]  # raw medians
    facts: tuple[FactDifference, ...]


class Compared(Struct, frozen=True):
    """The result of `vbench compare`. The first of `groups` is the reference."""

    by: str | None
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


def compare(runs: Sequence[Run], *, by: str | None = None, reference: str | None = None) -> Compared:
    """Compare all groups with the reference. Raises UsageError for runs that have no comparable number in common."""
    all_groups = groups(runs, by=by, reference=reference)
    all_costs = cells.costs_of(runs)
    comparisons = tuple(_comparison(all_groups[0], group, all_costs) for group in all_groups[1:])
    if not any(cell.is_compared for c in comparisons for cell in (*c.costs, *c.hosts)):
        raise UsageError("these runs have no number in common that can be compared", hint=_first_reason(comparisons))
    return Compared(by, all_groups, comparisons, sameness.warnings([run for group in all_groups for run in group.runs]))


def _comparison(reference: Group, group: Group, costs: cells.CostsByRun) -> Comparison:
    return Comparison(
        reference,
        group,
        cells.support(len(reference.runs), len(group.runs)),
        cells.paired(reference, group, costs),
        cells.raw(reference, group, costs),
        differences(reference, group),
    )


def _first_reason(comparisons: Sequence[Comparison]) -> str:
    reasons = [cell.why for c in comparisons for cell in (*c.costs, *c.hosts) if cell.why]
    return reasons[0] if reasons else "they have no benchmark in the same environment"
