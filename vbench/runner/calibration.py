"""Ends a run after its calibration if the baseline measured nothing, or if the budget is too small."""

from vbench.errors import EnvironmentUnavailable, OverBudget
from vbench.model import Failed, Skipped
from vbench.runner.ledger import Ledger
from vbench.text import reason_text
from vbench.units import show_duration

TOLERANCE = 0.5
"""Share of the budget by which the expectation may exceed it: a calibration takes about a tenth longer than a block."""


def refuse_barren(ledger: Ledger) -> None:
    """Raises EnvironmentUnavailable if the baseline measured nothing: every cost is a ratio to it."""
    baseline = ledger.plan.baseline
    trial = ledger.barren(baseline)
    if trial is None:
        return
    match trial.outcome:
        case Failed(reason, hint) | Skipped(reason, hint):
            nothing = f"the baseline {baseline} measured nothing in the calibration, so that no cost can follow"
            raise EnvironmentUnavailable(
                f"{nothing}: {reason_text(reason)}",
                hint=hint or "`vbench report` on the run folder shows each trial",
            )


def refuse_over_budget(ledger: Ledger, blocks: int) -> None:
    """Raises OverBudget if these blocks will exceed the run's budget, going by what the calibration took."""
    plan, block_s = ledger.plan, ledger.calibration_s()
    if block_s is None:
        return
    expected_s = block_s * (blocks + 1)
    if expected_s <= plan.budget_s * (1 + TOLERANCE):
        return
    fit = int(plan.budget_s / block_s) - 1
    way = f"--blocks {fit} would fit" if fit >= 1 else "take fewer environments or benchmarks, or shorter trials"
    raise OverBudget(
        f"the calibration took {show_duration(block_s)}, so that {blocks} blocks are expected to take "
        f"{show_duration(expected_s)}; method.budget is {show_duration(plan.budget_s)}",
        hint=f"{way}; or raise method.budget; `vbench run --resume RUN` goes on with this run all the same",
    )
