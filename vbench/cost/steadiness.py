"""Tells whether the trials of one arm drift the same way in block after block. One trial alone cannot tell."""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from vbench.cost.trials import Trials
from vbench.model import Measured, Trial
from vbench.stats import steady


class Steadiness(Struct, frozen=True):
    """The last third of an arm's trials against the first, over the analysed blocks."""

    blocks: int  # whose trial has 6 samples or more and a drift that is not exactly 0, each group's counted
    same: int  # of these, blocks with the more frequent sign of the drift
    change: float  # median drift over the blocks, as a share
    p: float  # probability of as many equal signs by chance
    labelled: int  # trials that were labelled as without a steady state

    @property
    def is_drifting(self) -> bool:
        """At least one trial is labelled, and the drift has the same sign beyond chance: readers must know."""
        return self.labelled > 0 and self.p <= steady.SAME_WAY


def steadiness(trials: Trials) -> dict[tuple[str, str], Steadiness]:
    """Steadiness by benchmark and arm, for those with a labelled trial. The trial keeps its note either way.

    A label alone says little: noise that lasts as long as a third of a trial sets some of them off in any run, in
    either direction. What warms up or runs down does so each time.
    """
    by_arm: dict[tuple[str, str], list[Trial]] = {}
    for (environment, _, benchmark), blocks in trials.items():
        by_arm.setdefault((benchmark, environment), []).extend(blocks.values())
    return {key: _steadiness(each) for key, each in by_arm.items() if any(map(_is_labelled, each))}


def _steadiness(trials: Sequence[Trial]) -> Steadiness:
    changes = [change for trial in trials if (change := _change(trial)) is not None]
    signs = steady.signs(changes)
    middle = median(changes) if changes else 0.0
    return Steadiness(signs.count, signs.same, middle, signs.p, sum(map(_is_labelled, trials)))


def _is_labelled(trial: Trial) -> bool:
    outcome = trial.outcome
    return isinstance(outcome, Measured) and any(note.startswith(steady.LABEL) for note in outcome.notes)


def _change(trial: Trial) -> float | None:
    """The drift of the first metric with enough samples, as a share; None if there is none."""
    if not isinstance(trial.outcome, Measured):
        return None
    for samples in trial.outcome.samples.values():
        if len(samples) >= steady.LEAST and all(sample > 0 for sample in samples):
            drift = steady.drift(samples)
            return drift.change if drift else None
    return None
