"""Every group of runs against the reference: costs of isolation first, then the hosts themselves."""

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
    """Everything that `vbench compare` says; `groups` begin with the reference."""

    by: str | None
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


def compare(runs: Sequence[Run], *, by: str | None = None, reference: str | None = None) -> Compared:
    """Raises UsageError for runs that cannot be compared, such as two that have no benchmark in common."""
    found = groups(runs, by=by, reference=reference)
    all_costs = cells.costs_of(runs)
    comparisons = tuple(_comparison(found[0], group, all_costs) for group in found[1:])
    if not any(cell.is_compared for c in comparisons for cell in (*c.costs, *c.hosts)):
        raise UsageError("these runs have no number in common that can be compared", hint=_first_reason(comparisons))
    return Compared(by, found, comparisons, sameness.warnings([run for group in found for run in group.runs]))


def _comparison(reference: Group, group: Group, found: cells.Found) -> Comparison:
    return Comparison(
        reference,
        group,
        cells.support(len(reference.runs), len(group.runs)),
        cells.paired(reference, group, found),
        cells.raw(reference, group, found),
        differences(reference, group),
    )


def _first_reason(comparisons: Sequence[Comparison]) -> str:
    reasons = [cell.why for c in comparisons for cell in (*c.costs, *c.hosts) if cell.why]
    return reasons[0] if reasons else "they have no benchmark in the same environment"
