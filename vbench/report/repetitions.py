"""Splits the variance of an arm's numbers, and says how many values in a trial are best for the next suite."""

from collections.abc import Iterator, Mapping
from statistics import median

import numpy as np
from numpy.typing import NDArray

from vbench.model import Measured, Trial
from vbench.stats import dimensioning, medians

LEAST_BLOCKS = 5  # of a pilot (method.md section 5)


def lines(environment: str, metric: str, trials: Mapping[int, Trial]) -> Iterator[str]:
    """Two lines on one arm in one metric, from its trials by block. None if the seconds of a value are unknown.

    Variances are relative to the squared mean. One more value costs its own seconds. One more trial costs the rest of
    a trial's wall time: warm-up and set-up. The cost of a start is not counted, because all benchmarks share it.
    """
    pilot, loops = _values(metric, trials)
    if pilot is None or loops is None:
        return
    value_s = medians.median(pilot.ravel()) * loops
    trial_s = median(trial.wall_s for trial in trials.values()) - value_s * pilot.shape[1]
    if value_s <= 0 or trial_s <= 0:
        return
    relative = pilot / pilot.mean()
    within, between = dimensioning.components(relative)
    (best,) = dimensioning.repetitions(relative, (value_s, trial_s))
    yield f"{environment}: T1^2 = {within:.6g} within a trial, T2^2 = {between:.6g} between trials"
    spent = f"a value takes {value_s:.3g} s, a trial {trial_s:.3g} s more"
    how_many = "1 value a trial pays" if best == 1 else f"{best} values a trial pay"
    yield f"    {spent}: {how_many} best, it had {pilot.shape[1]}"


def _values(metric: str, trials: Mapping[int, Trial]) -> tuple[NDArray[np.float64] | None, int | None]:
    """Values by block and repetition, and the operations in each value. None if a trial has one value or no loops."""
    outcomes = [trial.outcome for trial in trials.values() if isinstance(trial.outcome, Measured)]
    rows = [outcome.samples[metric] for outcome in outcomes if outcome.loops and metric in outcome.samples]
    if len(rows) < LEAST_BLOCKS or len(rows[0]) < 2 or len({len(row) for row in rows}) != 1:
        return None, None
    return np.array(rows), next(outcome.loops for outcome in outcomes)
