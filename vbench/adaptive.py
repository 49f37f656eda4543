"""Ends an adaptive run when the declared intervals are narrow enough: on their width, never on what they say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from vbench import cost
from vbench.model import Look, Manifest, Run, State, Trial, Void
from vbench.stats import logs, stopping
from vbench.stats.judgement import Judged
from vbench.suite import Suite

Looking = Callable[[Sequence[Trial], Sequence[Void]], Look]


def looking(suite: Suite, manifest: Manifest) -> Looking | None:
    """What the runner calls after each block; None for a suite with a fixed number of blocks."""
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
    return _Looking(manifest, rule)


@dataclass(frozen=True)
class _Looking:
    manifest: Manifest
    rule: stopping.Stopping

    def __call__(self, trials: Sequence[Trial], voids: Sequence[Void]) -> Look:
        """The widths after the blocks so far; between the looks that the rule fixed nothing is computed."""
        blocks = max((trial.block for trial in trials), default=0)
        if blocks not in self.rule.looks():
            return Look(blocks)
        run = Run(Path(), _complete(self.manifest), tuple(trials), {}, {}, voids=tuple(voids))
        judged = {finding.comparison.name: finding.judged for finding in cost.findings(run)}
        declared = {name: judged[name] for name in self.manifest.confirmatory if name in judged}
        found = stopping.look({name: of.envelope for name, of in declared.items()}, blocks, self.rule)
        return Look(blocks, found.stop, _words(found, declared, self.rule))


def _complete(manifest: Manifest) -> Manifest:
    """As if the run had ended here: only whole blocks are looked at."""
    return replace(manifest, state=State.COMPLETE)


def _words(found: stopping.Look, declared: Mapping[str, Judged], rule: stopping.Stopping) -> str:
    """The widths that are still open; at the last look also what would decide."""
    head = f"after {found.blocks} blocks: "
    if found.end is stopping.End.WIDTHS_REACHED:
        return head + str(found.end)
    last = found.end is stopping.End.AT_MOST
    cells = "; ".join(_open(name, declared[name], rule, last=last) for name in found.open)
    if last:
        return f"{head}{found.end}, still too wide: {cells}"
    beyond = f"; {rule.n_max} blocks will not do for {', '.join(found.beyond)}" if found.beyond else ""
    return f"{head}still too wide: {cells}{beyond}"


def _open(name: str, judged: Judged, rule: stopping.Stopping, *, last: bool) -> str:
    found = judged.envelope
    reached = logs.excess(found.half_width)
    wanted = None if found.mean is None else logs.excess(rule.limit(found.mean))
    if reached is None or wanted is None:
        return f"{name} (no interval)"
    needed = judged.decision.blocks_to_decide
    would = f", about {needed} blocks would decide" if last and needed else ""
    return f"{name} ±{reached:.1%} (wanted ±{wanted:.1%}{would})"
