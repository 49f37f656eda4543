"""Ends an adaptive run, and each benchmark in each arm, on the width of intervals: never on what they say.

A benchmark is settled in an arm, and measured no more there, when all its intervals are narrow enough, or when n_max
blocks would not decide those that are not. So the time that is left goes to what it can still decide. What the suite
declares is never out of reach: it is measured until it is narrow enough, or to the end.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from vbench import units
from vbench.cost import COST, Analysis, Design, Finding
from vbench.cost.trials import compared_arms
from vbench.model import Look, Manifest, Metric, Trial, Void
from vbench.stats import logs, stopping
from vbench.stats.envelope import LEAST_ENVELOPE, Envelope
from vbench.stats.stopping import Settled
from vbench.suite import Suite

SHOWN = 6  # names on one line; the report has all
Looking = Callable[[Sequence[Trial], Sequence[Void], Sequence[Look]], Look]


def looking(suite: Suite, manifest: Manifest) -> Looking | None:
    """The look that the runner takes after each block; None for a suite with a fixed number of blocks."""
    method = suite.method
    if method.blocks is not None:
        return None
    rule = stopping.Stopping(
        delta=float(method.delta),
        n_min=method.n_min,
        look_every=method.look_every,
        n_max=method.n_max,
        width=None if method.width is None else float(method.width),
    )
    pairs = tuple(f"{arm} {name}" for arm, name in product(compared_arms(manifest.plan), manifest.plan.benchmarks))
    return _Looking(Design.of(manifest), rule, pairs)


@dataclass(frozen=True)
class _Looking:
    design: Design
    rule: stopping.Stopping
    pairs: tuple[str, ...]  # each "ENVIRONMENT BENCHMARK" of the costs that are asked

    def __call__(self, trials: Sequence[Trial], voids: Sequence[Void], looks: Sequence[Look]) -> Look:
        """Looks at the widths after the blocks so far. Between the looks that the rule fixed nothing is computed."""
        blocks = max((trial.block for trial in trials), default=0)
        if blocks not in self.rule.looks():
            return Look(blocks)
        analysis = Analysis(self.design, tuple(trials), tuple(voids))  # the runner looks after whole blocks alone
        before = {name for look in looks for name in look.settled}
        now = self._settled(analysis, before)
        declared = _declared(analysis)
        is_over, words = self._by_declared(declared, blocks) if declared else self._by_all(blocks, before | now.keys())
        narrow, undecidable = (
            tuple(name for name, why in now.items() if why is each) for each in (Settled.NARROW, Settled.UNDECIDABLE)
        )
        parts = [] if is_over else list(_no_more(narrow, undecidable, self.rule))
        return Look(blocks, is_over, f"after {blocks} blocks: {'; '.join([words, *parts])}", narrow, undecidable)

    def _settled(self, analysis: Analysis, before: Collection[str]) -> dict[str, Settled]:
        """What this look settles. Of too few blocks that a gate left nothing can be said."""
        if len(analysis.attempts.blocks) < LEAST_ENVELOPE:
            return {}
        cells: dict[str, dict[str, Finding]] = {name: {} for name in self.pairs}
        for finding in analysis.by_kind[COST]:
            name = _pair(finding)
            if name in cells and _has_scale(finding.comparison.metric):
                cells[name][finding.comparison.name] = finding
        kept = {_pair(finding) for finding in _declared(analysis).values()}
        found = {name: self._why(each) for name, each in cells.items() if name not in before}
        return {name: why for name, why in found.items() if why is Settled.NARROW or (why and name not in kept)}

    def _why(self, findings: Mapping[str, Finding]) -> Settled | None:
        envelopes, margins = _envelopes(findings)
        return stopping.settled(envelopes, self.rule, margins)

    def _by_all(self, blocks: int, over: Collection[str]) -> tuple[bool, str]:
        """Whether a run that declares nothing ends, and why or why not."""
        still_open = [name for name in self.pairs if name not in over]
        if not still_open:
            return True, "every interval is narrow enough, or out of reach"
        wide = f"still too wide: {_some(still_open)}"
        return (True, f"{stopping.End.AT_MOST}, {wide}") if blocks >= self.rule.n_max else (False, wide)

    def _by_declared(self, declared: Mapping[str, Finding], blocks: int) -> tuple[bool, str]:
        """Whether a run ends by what it declares, and the widths that are still open; at the end what would decide."""
        envelopes, margins = _envelopes(declared)
        widths = stopping.look(envelopes, blocks, self.rule, margins)
        if widths.end is stopping.End.WIDTHS_REACHED:
            return True, str(widths.end)
        open_cells = "; ".join(_open(name, declared[name], self.rule, last=widths.stop) for name in widths.open)
        if widths.stop:
            return True, f"{widths.end}, still too wide: {open_cells}"
        beyond = f"; {self.rule.n_max} blocks will not do for {', '.join(widths.beyond)}" if widths.beyond else ""
        return False, f"still too wide: {open_cells}{beyond}"


def _declared(analysis: Analysis) -> dict[str, Finding]:
    """What the suite declares and this run measures."""
    by_name = {finding.comparison.name: finding for finding in analysis.by_kind[COST]}
    return {name: by_name[name] for name in analysis.design.confirmatory if name in by_name}


def _pair(finding: Finding) -> str:
    return f"{finding.comparison.environment} {finding.cost.benchmark}"


def _no_more(narrow: Sequence[str], undecidable: Sequence[str], rule: stopping.Stopping) -> Iterator[str]:
    if narrow:
        yield f"narrow enough and measured no more: {_some(narrow)}"
    if undecidable:
        yield f"out of reach of {rule.n_max} blocks and measured no more: {_some(undecidable)}"


def _some(names: Sequence[str]) -> str:
    """All names, or the first of many."""
    more = len(names) - SHOWN
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:SHOWN])} and {more} more"


def _envelopes(findings: Mapping[str, Finding]) -> tuple[dict[str, Envelope], dict[str, float]]:
    """The intervals, and the margins of those that are differences, in the metric's unit. A ratio has none."""
    margins = {
        name: metric.margin
        for name, finding in findings.items()
        if (metric := finding.comparison.metric).scale == "difference" and metric.margin is not None
    }
    return {name: finding.judged.envelope for name, finding in findings.items()}, margins


def _has_scale(metric: Metric) -> bool:
    """Whether it is known how narrow is narrow enough. A suite gives each difference that it declares a margin."""
    return metric.scale == "ratio" or metric.margin is not None


def _open(name: str, finding: Finding, rule: stopping.Stopping, *, last: bool) -> str:
    envelope, metric = finding.judged.envelope, finding.comparison.metric
    if envelope.half_width is None or envelope.mean is None:
        return f"{name} (no interval: {envelope.why or envelope.label})"
    reached = _shown(envelope.half_width, metric)
    wanted = _shown(rule.limit(envelope.mean, metric.margin if metric.scale == "difference" else None), metric)
    needed = finding.judged.decision.blocks_to_decide
    rough = f"{envelope.label}, " if envelope.label else ""
    would = f", about {needed} blocks would decide" if last and needed else ""
    return f"{name} ±{reached} ({rough}wanted ±{wanted}{would})"


def _shown(width: float, metric: Metric) -> str:
    """A half-width as the report prints it: in the metric's unit, or in per cent for a ratio."""
    if metric.scale == "difference":
        return units.show(width, metric.unit)
    share = logs.excess(width)
    return "more than any number" if share is None else f"{share:.1%}"
