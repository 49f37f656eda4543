"""Ends an adaptive run when the declared intervals are narrow enough: on their width, never on what they say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vbench import units
from vbench.cost import COST, Analysis, Design, Finding
from vbench.model import Look, Manifest, Metric, Trial, Void
from vbench.stats import logs, stopping
from vbench.suite import Suite

Looking = Callable[[Sequence[Trial], Sequence[Void]], Look]


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
    return _Looking(Design.of(manifest), rule)


@dataclass(frozen=True)
class _Looking:
    design: Design
    rule: stopping.Stopping

    def __call__(self, trials: Sequence[Trial], voids: Sequence[Void]) -> Look:
        """Looks at the widths after the blocks so far. Between the looks that the rule fixed nothing is computed."""
        blocks = max((trial.block for trial in trials), default=0)
        if blocks not in self.rule.looks():
            return Look(blocks)
        analysis = Analysis(self.design, tuple(trials), tuple(voids))  # the runner looks after whole blocks alone
        by_name = {finding.comparison.name: finding for finding in analysis.by_kind[COST]}
        declared = {name: by_name[name] for name in self.design.confirmatory if name in by_name}
        envelopes = {name: finding.judged.envelope for name, finding in declared.items()}
        margins = {name: margin for name, finding in declared.items() if (margin := _margin(finding)) is not None}
        widths = stopping.look(envelopes, blocks, self.rule, margins)
        return Look(blocks, widths.stop, _words(widths, declared, self.rule))


def _margin(finding: Finding) -> float | None:
    """The margin of a difference in the metric's unit; None for a ratio. The suite has one for each difference."""
    metric = finding.comparison.metric
    return metric.margin if metric.scale == "difference" else None


def _words(widths: stopping.Widths, declared: Mapping[str, Finding], rule: stopping.Stopping) -> str:
    """The widths that are still open; at the last look also what would decide."""
    head = f"after {widths.blocks} blocks: "
    if widths.end is stopping.End.WIDTHS_REACHED:
        return head + str(widths.end)
    last = widths.end is stopping.End.AT_MOST
    if not declared:
        nothing = "nothing declared confirmatory is measured in this run"
        on = f"so no width ends it before {rule.n_max} blocks; --blocks sets another number"
        return f"{head}{widths.end}; {nothing}" if last else f"{head}{nothing}, {on}"
    open_cells = "; ".join(_open(name, declared[name], rule, last=last) for name in widths.open)
    if last:
        return f"{head}{widths.end}, still too wide: {open_cells}"
    beyond = f"; {rule.n_max} blocks will not do for {', '.join(widths.beyond)}" if widths.beyond else ""
    return f"{head}still too wide: {open_cells}{beyond}"


def _open(name: str, finding: Finding, rule: stopping.Stopping, *, last: bool) -> str:
    envelope, metric = finding.judged.envelope, finding.comparison.metric
    if envelope.half_width is None or envelope.mean is None:
        return f"{name} (no interval: {envelope.why or envelope.label})"
    reached = _shown(envelope.half_width, metric)
    wanted = _shown(rule.limit(envelope.mean, _margin(finding)), metric)
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
