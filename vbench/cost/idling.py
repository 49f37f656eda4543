"""Tells which arms were no quiet neighbours of those that were measured, and which were measured without them."""

from collections.abc import Iterator

from vbench import gates
from vbench.cost.conditions import conditions
from vbench.model import Confound, Run, Trial
from vbench.text import percent

_RESTLESS = "it took processor time from whatever was measured beside it, the baseline included"
_APART = (
    "it was measured alone, since it was not quiet in the calibration: further apart in time from the baseline, so "
    "that its intervals are wider, and the noise floor is that of arms that take turns"
)


def restless(run: Run) -> Iterator[Confound]:
    """Arms that used more of a processor than `gates.IDLE_SHARE` while others were measured, by their median start.

    Of an arm that is measured alone the calibration tells it.
    """
    arms = [record.name for record in run.manifest.environments]
    calibrated = gates.idle_shares(reading for reading in run.readings if reading.block == 0)
    shares = {arm.environment: arm.idle for arm in conditions(arms, run.readings)}
    for arm in arms:
        if shares.get(arm) is None:
            shares[arm] = calibrated.get(arm)
    baseline = percent(shares.get(run.manifest.baseline))
    for arm, share in shares.items():
        if share is not None and share > gates.IDLE_SHARE:
            yield Confound(arm, "processor while idle", baseline, percent(share), _RESTLESS)


def apart(run: Run) -> Iterator[Confound]:
    """Arms that were measured alone after a calibration in turns: a restless one, or all where the baseline is one."""
    turns = {_start(trial) for trial in run.trials if trial.block >= 1 and trial.turn is not None}
    began = {_start(trial) for trial in run.trials if trial.block == 0 and trial.turn is not None}
    alone = dict({_start(trial) for trial in run.trials if trial.block >= 1} & began - turns)
    baseline = run.manifest.baseline
    for arm in (record.name for record in run.manifest.environments):
        if arm in alone and arm != baseline:
            yield Confound(arm, "took turns", "yes" if (baseline, alone[arm]) in turns else "no", "no", _APART)


def _start(trial: Trial) -> tuple[str, int]:
    return trial.environment, trial.group
