"""Lists the contrasts of a run: from its arms, the metrics of its benchmarks, and the ladders of its suite."""

import math
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from vbench.model import BenchmarkRecord, Ladder, Manifest, Metric

COST = "cost"  # of an arm against the baseline
STEP = "ladder step"  # of an arm against the one before it on a ladder
WHOLE = "whole ladder"  # of the last arm of a ladder against the first
INTERFERENCE = "interference"  # a difference of differences


class Contrast(Struct, frozen=True):
    """Arms compared within a block: the sum of weight · ln y over the arms, or of weight · y where y has no logarithm.

    The sign is turned so that positive is worse. Contrasts of one kind are adjusted together. `Design.terms` says which
    numbers of the arms are summed.
    """

    name: str
    weights: tuple[tuple[str, float], ...]  # arm and weight; they sum to 0
    kind: str

    def __post_init__(self) -> None:
        if math.fsum(weight for _, weight in self.weights) != 0:
            raise ValueError(f"{self.name}: the weights of a contrast sum to 0, these are {self.weights}")


class Term(Struct, frozen=True):
    """The numbers of an arm that enter a contrast, with their weight: those of the arm's trials in one group."""

    arm: str
    group: int
    weight: float
    where: str = ""  # the group in words, of an arm that is in several

    @property
    def name(self) -> str:
        return f"{self.arm}{self.where}"


def floor_scale(weights: Iterable[float]) -> float:
    """Factor by which the noise floor of these terms exceeds the control's: 1 for two of them, √2 for four."""
    return math.sqrt(math.fsum(weight * weight for weight in weights) / 2)


def between(arm: str, reference: str, *, kind: str, name: str = "") -> Contrast:
    """The contrast of one arm minus another."""
    return Contrast(name or arm, ((arm, 1.0), (reference, -1.0)), kind)


def interference(name: str, own: tuple[str, str], native: tuple[str, str]) -> Contrast:
    """(loaded - sham) - (native loaded - native sham), each pair the loaded arm first."""
    weights = ((own[0], 1.0), (own[1], -1.0), (native[0], -1.0), (native[1], 1.0))
    return Contrast(name, weights, INTERFERENCE)


class MetricContrast(Struct, frozen=True):
    """A contrast in one metric of one benchmark."""

    benchmark: str
    metric: str
    contrast: Contrast


class Design(Struct, frozen=True):
    """The arms, benchmarks and claims of a run: all that an analysis needs beside the trials."""

    arms: tuple[str, ...]  # in the suite's order, baseline and control among them
    baseline: str
    control: str
    benchmarks: tuple[BenchmarkRecord, ...]
    delta: float  # smallest cost of interest, as a ratio minus 1
    confirmatory: tuple[str, ...] = ()  # each "ENVIRONMENT BENCHMARK METRIC"
    ladders: tuple[Ladder, ...] = ()
    more: tuple[MetricContrast, ...] = ()  # beside the costs and the ladders
    groups: tuple[tuple[str, ...], ...] = ()  # of arms that were alive together, the arm of all groups first

    @classmethod
    def of(cls, manifest: Manifest) -> "Design":
        return cls(
            arms=tuple(record.name for record in manifest.environments),
            baseline=manifest.baseline,
            control=manifest.control,
            benchmarks=manifest.benchmarks,
            delta=manifest.delta,
            confirmatory=manifest.confirmatory,
            ladders=manifest.ladders,
            groups=manifest.plan.groups,
        )

    def against(self, baseline: str) -> "Design":
        return replace(self, baseline=baseline)

    def terms(self, contrast: Contrast) -> tuple[Term, ...]:
        """The numbers that a contrast sums. This alone says with which trials of the baseline an arm is compared.

        Arms of one group are compared with each other. Where a contrast has arms of several groups each is compared
        with the baseline of its own, since a block measures the groups one after another: Σ w · (ln y - ln b).
        """
        shared = self.groups[0][0] if self.groups else ""
        own = {arm: self._group(arm) for arm, _ in contrast.weights if arm != shared}
        numbers = sorted(set(own.values()))
        if len(numbers) <= 1:
            return tuple(self._term(arm, weight, *numbers) for arm, weight in contrast.weights)
        terms = [self._term(arm, weight, own[arm]) for arm, weight in contrast.weights if arm in own]
        for number in numbers:
            terms.append(self._term(shared, -math.fsum(term.weight for term in terms if term.group == number), number))
        return tuple(term for term in terms if term.weight)

    def _group(self, arm: str) -> int:
        return next((number for number, group in enumerate(self.groups) if arm in group), 0)

    def _term(self, arm: str, weight: float, group: int = 0) -> Term:
        is_shared = bool(self.groups) and arm == self.groups[0][0]
        return Term(arm, group, weight, f" (group {group})" if is_shared else "")

    @property
    def contrasts(self) -> Iterator[tuple[str, Metric, Contrast]]:
        """Every contrast with its benchmark and metric: the costs in the suite's order, then the ladders."""
        costs = [between(arm, self.baseline, kind=COST) for arm in self.arms if arm != self.baseline]
        metrics = {(record.name, metric.name): metric for record in self.benchmarks for metric in record.metrics}
        for (benchmark, _), metric in metrics.items():
            yield from ((benchmark, metric, contrast) for contrast in costs)
        for ladder in self.ladders:
            metric = metrics[ladder.benchmark, ladder.metric]
            yield from ((ladder.benchmark, metric, contrast) for contrast in (*steps(ladder), whole(ladder)))
        for extra in self.more:
            yield extra.benchmark, metrics[extra.benchmark, extra.metric], extra.contrast


def steps(ladder: Ladder) -> tuple[Contrast, ...]:
    """The contrasts of each arm of a ladder against the arm before it."""
    pairs = zip(ladder.arms[1:], ladder.arms, strict=False)
    return tuple(between(arm, before, kind=STEP, name=f"{ladder.name}: {arm} after {before}") for arm, before in pairs)


def whole(ladder: Ladder) -> Contrast:
    first, last = ladder.arms[0], ladder.arms[-1]
    return between(last, first, kind=WHOLE, name=f"{ladder.name}: {last} after {first}")
