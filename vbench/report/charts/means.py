"""Computes the lead chart: the mean cost of each family in each environment with its interval, drawn as plain SVG.

The chart needs no script, so a browser shows it first. Positions are shares of its width. Each environment has its own
log scale.
"""

import math
from dataclasses import dataclass

from vbench.cost import FamilyCost
from vbench.model import Verdict
from vbench.report import words
from vbench.report.charts.chart import padded, ticks_between
from vbench.report.view import Arm, Group, View
from vbench.text import finite, has_interval, interval, ratio

FAR = 4
"""How many times as far from 1 as the next family, on the log scale, a family must lie to be drawn as an arrow."""
EDGE = 5  # per cent
LEAST_SPAN = 1.25  # of a scale, from the neighbourhood of 1


@dataclass(frozen=True)
class Mean:
    """The mean of one family in one environment. The ends are None if there is no interval."""

    family: str  # in words
    anchor: str  # of the family's benchmarks in the list of contents
    members: int  # benchmarks
    cost: float | None
    low: float | None
    high: float | None
    label: str
    is_judged: bool  # a benchmark of the family is slower or faster: only then is the mark coloured
    noise: tuple[float, float] | None = None  # the control's own interval

    @property
    def value(self) -> str:
        return ratio(self.cost)

    @property
    def interval(self) -> str:
        return interval(self.low, self.high)


@dataclass(frozen=True)
class Scale:
    """A log axis from `low` to `high`, in per cent of its width."""

    low: float
    high: float

    def position(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        length = math.log(self.high) - math.log(self.low)  # the quotient of the largest and smallest floats overflows
        return round(100 * (math.log(inside) - math.log(self.low)) / length, 2)

    def beyond(self, value: float) -> int:
        """1 if the value lies right of the axis, -1 if it lies left of it, else 0."""
        return (value > self.high) - (value < self.low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of ticks. Those at the right end are left out: their labels would leave the chart."""
        ticks = [(self.position(tick), f"{tick:g}×") for tick in ticks_between(self.low, self.high)]
        return [(position, text) for position, text in ticks if position <= 100 - EDGE]


@dataclass(frozen=True)
class Panel:
    """One environment's families, in the order of the report."""

    arm: Arm
    means: tuple[Mean, ...]
    scale: Scale

    @property
    def label(self) -> str:
        """The label that all intervals of the panel share. Empty if they differ."""
        labels = {mean.label for mean in self.means if mean.low is not None}
        return labels.pop() if len(labels) == 1 else ""


def panels(view: View) -> tuple[Panel, ...]:
    """One panel for each compared environment in which a family has a number."""
    means_by_arm = [(arm, _means(view, arm)) for arm in view.compared]
    return tuple(
        Panel(arm, means, _scale(means)) for arm, means in means_by_arm if any(m.cost is not None for m in means)
    )


def _means(view: View, arm: Arm) -> tuple[Mean, ...]:
    """The geometric mean of each family with several benchmarks, and the cost of each single benchmark."""
    means = {mean.family: mean for mean in view.families if mean.environment == arm.name}
    controls = {f.family: f for f in view.families if f.environment == view.run.manifest.control}
    result = []
    for family in dict.fromkeys(group.family for group in view.groups):
        groups = [group for group in view.groups if group.family == family]
        if family in means:
            result.append(_mean(means[family], controls.get(family), arm, groups))
        elif (single := _single(groups, arm)) is not None:
            result.append(single)
    return tuple(result)


def _mean(mean: FamilyCost, control: FamilyCost | None, arm: Arm, groups: list[Group]) -> Mean:
    low, high = finite(mean.low), finite(mean.high)
    noise = _ends(control.low, control.high) if control else None
    return Mean(
        words.family(mean.family),
        mean.family,
        len(mean.members),
        finite(mean.cost),
        low,
        high,
        mean.label,
        is_judged=_is_judged(groups, arm),
        noise=noise,
    )


def _single(groups: list[Group], arm: Arm) -> Mean | None:
    """The first metric of a family's only benchmark. None if the family has several, or the metric has no ratio."""
    group = groups[0]
    row = group.row_of(arm)
    if len({group.benchmark for group in groups}) > 1 or row is None or row.cost.difference is not None:
        return None
    cost = row.cost
    low, high = (cost.low, cost.high) if has_interval(cost) else (None, None)
    control = group.control
    noise = _ends(control.low, control.high) if control else None
    family, judged = words.family(group.family), _is_judged([group], arm)
    cells = (finite(cost.cost), low, high, cost.label)
    return Mean(family, group.family, 1, *cells, is_judged=judged, noise=noise)


def _ends(low: float | None, high: float | None) -> tuple[float, float] | None:
    low, high = finite(low), finite(high)
    return None if low is None or high is None or low <= 0 else (low, high)


def _is_judged(groups: list[Group], arm: Arm) -> bool:
    rows = [group.row_of(arm) for group in groups]
    return any(row is not None and row.cost.verdict in (Verdict.SLOWER, Verdict.FASTER) for row in rows)


def _scale(means: tuple[Mean, ...]) -> Scale:
    """The scale of all families. One that lies far outside is left out and drawn as an arrow."""
    each = [[v for v in (mean.cost, mean.low, mean.high) if v is not None and v > 0] for mean in means]
    far = sorted((max(abs(math.log(value)) for value in ends), position) for position, ends in enumerate(each) if ends)
    if len(far) > 2 and far[-1][0] > FAR * far[-2][0] > 0:
        each.pop(far[-1][1])
    low, high = (pick([*(value for ends in each for value in ends), 1.0]) for pick in (min, max))
    missing = math.log(LEAST_SPAN) - (math.log(high) - math.log(low))
    return Scale(*padded(low, high, least=math.exp(max(missing, 0.0) / 2)))
