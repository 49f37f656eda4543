"""Ends an adaptive run when the declared intervals are narrow enough: on their width, never on what they say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vbench import cost
from vbench.model import Look, Manifest, Run, State, Trial, Void
from vbench.stats import stopping
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
        judged = {finding.comparison.name: finding.judged.envelope for finding in cost.findings(run)}
        declared = {name: judged[name] for name in self.manifest.confirmatory if name in judged}
        found = stopping.look(declared, blocks, self.rule)
        return Look(blocks, found.stop, _words(found, self.rule))


def _complete(manifest: Manifest) -> Manifest:
    """As if the run had ended here: only whole blocks are looked at."""
    from msgspec.structs import replace

    return replace(manifest, state=State.COMPLETE)


def _words(found: stopping.Look, rule: stopping.Stopping) -> str:
    head = f"after {found.blocks} blocks: "
    if found.end is stopping.End.WIDTHS_REACHED:
        return head + str(found.end)
    names = ", ".join(found.open)
    beyond = f"; {rule.n_max} blocks will not decide {', '.join(found.beyond)}" if found.beyond else ""
    if found.end is stopping.End.AT_MOST:
        return head + f"{found.end}, still too wide: {names}"
    return head + f"still too wide: {names}{beyond}"
