"""Turns the trials of a run into one cost and one verdict for each environment, benchmark and metric."""

from vbench import facts
from vbench.cost.analysis import Analysis, Use
from vbench.cost.blocks import Voided
from vbench.cost.conditions import Conditions
from vbench.cost.design import COST, Contrast, Design, Term
from vbench.cost.families import FamilyCost
from vbench.cost.idling import apart, restless
from vbench.cost.ladders import Climb
from vbench.cost.spending import Spending, Spent
from vbench.cost.steadiness import Steadiness
from vbench.cost.trials import Attempts, Planned, condensed
from vbench.cost.verdicts import Finding
from vbench.model import Confound, Run
from vbench.stats.envelope import DOTS_ONLY, LEAST_ENVELOPE, ROUGH
from vbench.stats.envelope import LEAST_ROUGH as LEAST_FOR_INTERVAL

__all__ = [
    "COST",
    "DOTS_ONLY",
    "LEAST_ENVELOPE",
    "LEAST_FOR_INTERVAL",
    "ROUGH",
    "Analysis",
    "Attempts",
    "Climb",
    "Conditions",
    "Contrast",
    "Design",
    "FamilyCost",
    "Finding",
    "Planned",
    "Spending",
    "Spent",
    "Steadiness",
    "Term",
    "Use",
    "Voided",
    "condensed",
    "confounds",
]


def confounds(run: Run) -> tuple[Confound, ...]:
    """What an environment differs in from the baseline and which could explain its cost instead."""
    baseline = run.facts.get(run.manifest.baseline, {})
    others = [record.name for record in run.manifest.environments if record.name != run.manifest.baseline]
    differing = [confound for name in others for confound in facts.confounds(name, baseline, run.facts.get(name, {}))]
    return (*differing, *restless(run), *apart(run))
