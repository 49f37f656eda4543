"""Compares each number that two groups of runs have in common. The unit of replication is the run."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from vbench.compare.grouping import Group, name
from vbench.compare.sameness import environment_of, refusal
from vbench.cost import Analysis
from vbench.model import Better, Cost, Run, Verdict
from vbench.stats import logs, multiplicity, two_groups

ALPHA = 0.05

Key = tuple[str, str, str]  # environment, benchmark, metric
CostsByRun = Mapping[str, Sequence[Cost]]  # run id to all its costs


class Support(StrEnum):
    """The kind of statement that a design supports, by the number of runs in its smaller group."""

    CLAIM = "claim"  # 3 or more: an interval over runs
    DOTS = "dots"  # several runs, too few for an interval
    MACHINES = "machines"  # one run a side: every statement holds for these two machines alone


class RunValue(Struct, frozen=True):
    """One run's number for one metric of one environment: a cost with its interval over blocks, or a raw median."""

    run_id: str
    value: float | None
    low: float | None = None
    high: float | None = None
    blocks: int = 0
    label: str = ""  # the run's own label, or why it has no number
    verdict: Verdict | None = None  # the run's own


class Cell(Struct, frozen=True):
    """One metric of one environment in both groups; ratios above 1 are worse in `group` than in `reference`."""

    environment: str
    benchmark: str
    metric: str
    unit: str
    better: Better
    reference: tuple[RunValue, ...]
    group: tuple[RunValue, ...]
    support: Support
    ratio: float | None = None  # of the geometric means over runs
    low: float | None = None  # ends of the 95 % interval over runs
    high: float | None = None
    p: float | None = None
    adjusted_p: float | None = None  # after Benjamini-Hochberg over the cells of the same table
    why: str = ""  # why there is no ratio, or no interval

    @property
    def is_compared(self) -> bool:
        return self.ratio is not None

    @property
    def side(self) -> int:
        """1: the whole interval lies above 1, -1: below it, 0: it contains 1 or there is none."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 1) - (self.high < 1)

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 1, and the p-value adjusted for all cells of the table is at most ALPHA."""
        return self.side != 0 and self.adjusted_p is not None and self.adjusted_p <= ALPHA


def support(reference: int, group: int) -> Support:
    """The support of a design with so many runs in each group."""
    if min(reference, group) >= two_groups.LEAST:
        return Support.CLAIM
    return Support.MACHINES if reference == group == 1 else Support.DOTS


def paired(reference: Group, group: Group, costs: CostsByRun) -> tuple[Cell, ...]:
    """Cells of the paired costs: each run has its own cost, and the groups are compared over runs."""
    runs = (*reference.runs, *group.runs)
    keys = _ordered(_key(cost) for run in runs for cost in costs[run.manifest.run_id] if _is_paired(run, cost))
    return _adjusted([_cell(key, reference, group, costs, paired=True) for key in keys])


def raw(reference: Group, group: Group, costs: CostsByRun) -> tuple[Cell, ...]:
    """Cells of the raw medians of each arm and the baseline. They show differences of hosts, not costs of isolation."""
    runs = (*reference.runs, *group.runs)
    keys = _ordered(key for run in runs for key in _raw_keys(run, costs[run.manifest.run_id]))
    return _adjusted([_cell(key, reference, group, costs, paired=False) for key in keys])


def costs_of(runs: Iterable[Run]) -> dict[str, tuple[Cost, ...]]:
    return {run.manifest.run_id: Analysis.of(run).costs for run in runs}


def _ordered(keys: Iterable[Key]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(keys))


def _key(cost: Cost) -> Key:
    return cost.environment, cost.benchmark, cost.metric


def _is_paired(run: Run, cost: Cost) -> bool:
    return cost.environment not in (run.manifest.control, run.manifest.baseline)


def _raw_keys(run: Run, costs: Sequence[Cost]) -> Iterator[Key]:
    for cost in costs:
        yield run.manifest.baseline, cost.benchmark, cost.metric
        if _is_paired(run, cost):
            yield _key(cost)


def _cell(key: Key, reference: Group, group: Group, costs: CostsByRun, *, paired: bool) -> Cell:
    runs, read = (*reference.runs, *group.runs), _cost if paired else _median
    example = next(cost for run in runs for cost in costs[run.manifest.run_id] if _key(cost)[1:] == key[1:])
    left, right = (tuple(read(run, costs[run.manifest.run_id], key) for run in g.runs) for g in (reference, group))
    cell = Cell(
        environment=key[0],
        benchmark=key[1],
        metric=key[2],
        unit=example.unit,
        better=example.better,
        reference=left,
        group=right,
        support=support(len(_known(left)), len(_known(right))),
        why=refusal(runs, *key, paired=paired),
    )
    return cell if cell.why else _compared(cell, sign=-1.0 if not paired and example.better == "higher" else 1.0)


def _compared(cell: Cell, *, sign: float) -> Cell:
    left, right = _known(cell.reference), _known(cell.group)
    if not left or not right:
        return replace(cell, why=_why_nothing(cell.group if left else cell.reference))
    result = two_groups.difference(*([sign * math.log(value) for value in side] for side in (left, right)))
    ratio, low, high = (logs.ratio(value) for value in (result.difference, result.low, result.high))
    if ratio is None:
        return replace(cell, why="no ratio: too large to write")
    if low is None or high is None:
        return replace(cell, ratio=ratio, why=result.why or "the interval is too wide to write")
    return replace(cell, ratio=ratio, low=low, high=high, p=result.p)


def _known(side: Sequence[RunValue]) -> list[float]:
    """Values that have a logarithm."""
    return [r.value for r in side if r.value is not None and math.isfinite(r.value) and r.value > 0]


def _why_nothing(side: Sequence[RunValue]) -> str:
    holders: dict[str, list[str]] = {}
    for value in side:
        holders.setdefault(value.label or "no positive number", []).append(value.run_id)
    return "; ".join(f"{runs[0] if len(runs) == 1 else f'{len(runs)} runs'}: {why}" for why, runs in holders.items())


def _cost(run: Run, costs: Sequence[Cost], key: Key) -> RunValue:
    if key[0] == run.manifest.baseline:
        return RunValue(name(run), None, label=f"{key[0]} is the baseline there")
    cost = next((cost for cost in costs if _key(cost) == key), None)
    if cost is None:
        return RunValue(name(run), None, label=_absent(run, key))
    return RunValue(name(run), cost.cost, cost.low, cost.high, cost.blocks, _label(cost), cost.verdict)


def _label(cost: Cost) -> str:
    return "a difference to the baseline, which has no ratio" if cost.difference is not None else cost.label


def _median(run: Run, costs: Sequence[Cost], key: Key) -> RunValue:
    """The raw median of an arm in a run.

    Each cost has a median of the baseline over its own blocks, in its own group. The baseline's is that of the first
    cost with the most blocks.
    """
    if key[0] == run.manifest.baseline:
        candidates = [cost for cost in costs if _key(cost)[1:] == key[1:] and cost.baseline_median is not None]
        best = max(candidates, key=lambda cost: cost.blocks, default=None)
        value = best.baseline_median if best else None
    else:
        best = next((cost for cost in costs if _key(cost) == key), None)
        value = best.median if best else None
    if best is None:
        return RunValue(name(run), None, label=_absent(run, key))
    return RunValue(name(run), value, blocks=best.blocks, label="" if value is not None else best.label)


def _absent(run: Run, key: Key) -> str:
    if environment_of(run, key[0]) is None:
        return f"{key[0]} is not in this run"
    return (
        f"{key[1]} {key[2]} gave no number"
        if key[1] in run.manifest.plan.benchmarks
        else f"{key[1]} is not in this run"
    )


def _adjusted(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Cells with p-values adjusted by Benjamini-Hochberg over the table, because no cell was declared in advance."""
    adjusted = iter(multiplicity.benjamini_hochberg([cell.p for cell in cells if cell.p is not None]))
    return tuple(cell if cell.p is None else replace(cell, adjusted_p=next(adjusted)) for cell in cells)
