"""Sentences for trials without a number and for void blocks, in plain lines and above the live view alike."""

from collections.abc import Mapping

from vbench.model import Failed, Measured, Skipped, Trial, Void
from vbench.reasons import Reason
from vbench.runner.events import Began
from vbench.text import percent, reason_text, reasons_text


class Losses:
    """Trials without a number. Skipped trials of one block, environment and reason have one sentence together."""

    def __init__(self) -> None:
        self._skipped: tuple[int, str, Reason] | None = None

    def sentence(self, trial: Trial) -> str:
        """Empty for a measured trial, and for one that an earlier sentence covers."""
        where = f"block {trial.block} {trial.environment} {trial.benchmark}"
        match trial.outcome:
            case Failed(reason):
                return f"{where} failed: {reason_text(reason)}"
            case Skipped(reason):
                before, self._skipped = self._skipped, (trial.block, trial.environment, reason)
                return "" if before == self._skipped else f"{where} skipped: {reason_text(reason)}"
            case Measured():
                return ""


def void_sentence(void: Void) -> str:
    return f"block {void.block} is void: {reasons_text(void.reasons)}"


def not_together(began: Began) -> str:
    """What a run says that cannot have all its arms alive together; empty if it can, or if its suite does not ask."""
    plan, groups = began.plan, [" ".join(group) for group in began.plan.groups]
    if began.apart:
        return f"one environment is alive at a time, so that intervals are wider: {began.apart}"
    if not groups:
        return ""
    because = f", since {began.grouped}" if began.grouped else ""
    named = "; ".join(f"group {number}: {arms}" for number, arms in enumerate(groups))
    return f"environments are alive in {len(groups)} groups, each with {plan.baseline}{because}. {named}"


def parted_sentence(shares: Mapping[str, float], *, all_alone: bool) -> str:
    """What a run says of arms that were not quiet while others were measured."""
    used = ", ".join(f"{arm} {percent(share)}" for arm, share in shares.items())
    how = "every environment is measured alone from now on" if all_alone else "measured alone from now on"
    return f"not quiet while others were measured, {how}: {used} of a processor"
