"""What isolation cost: from the trials of a run to one ratio and one verdict per environment, benchmark and metric."""

from vbench import facts
from vbench.cost.blocks import Voided, voided
from vbench.cost.cells import condensed
from vbench.cost.conditions import Conditions, conditions
from vbench.cost.families import FamilyCost, families
from vbench.cost.steadiness import Steadiness, steadiness
from vbench.cost.verdicts import Finding, costs, findings, not_measured
from vbench.model import Confound, Measured, Run, Trial
from vbench.stats.envelope import DOTS_ONLY, LEAST_ENVELOPE, ROUGH
from vbench.stats.envelope import LEAST_ROUGH as LEAST_FOR_INTERVAL

__all__ = [
    "DOTS_ONLY",
    "LEAST_ENVELOPE",
    "LEAST_FOR_INTERVAL",
    "ROUGH",
    "Conditions",
    "FamilyCost",
    "Finding",
    "Steadiness",
    "Voided",
    "condensed",
    "conditions",
    "confounds",
    "costs",
    "families",
    "findings",
    "lost",
    "not_measured",
    "steadiness",
    "voided",
]


def lost(run: Run) -> tuple[Trial, ...]:
    """Failed and skipped trials in the journal's order, those of the calibration too."""
    return tuple(trial for trial in run.trials if not isinstance(trial.outcome, Measured))


def confounds(run: Run) -> tuple[Confound, ...]:
    """Facts in which an environment differs from the baseline and which could explain its cost instead."""
    baseline = run.facts.get(run.manifest.baseline, {})
    others = [record.name for record in run.manifest.environments if record.name != run.manifest.baseline]
    return tuple(found for name in others for found in facts.confounds(name, baseline, run.facts.get(name, {})))
