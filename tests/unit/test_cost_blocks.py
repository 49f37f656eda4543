"""Gates void whole blocks in all arms; what was voided is counted, kept apart, and shown beside the costs."""

import pytest
from msgspec.structs import replace

from tests.unit.outcomes import foreign, stated, throttled
from tests.unit.runs import gated, make_run
from vbench.cost import Analysis
from vbench.model import Cost, Measured, Run, State, Trial, Void

RUN = make_run(blocks=12, losses=False)


def cost_in(run: Run, *, keep_voided: bool = False) -> Cost:
    analysis = Analysis.of(run).with_voided() if keep_voided else Analysis.of(run)
    found = analysis.costs
    return next(cost for cost in found if (cost.benchmark, cost.environment) == ("cpu.hash", "runc"))


def test_a_voided_attempt_is_replaced_by_the_next_one() -> None:
    assert Analysis.of(gated(RUN)).costs == Analysis.of(RUN).costs
    assert Analysis.of(gated(RUN)).voided.dropped == ()


def test_a_block_whose_last_attempt_is_voided_is_dropped_in_all_arms() -> None:
    run = gated(RUN, repeated=False)
    assert Analysis.of(run).voided.dropped == (3,)
    for cost in Analysis.of(run).costs:
        assert set(cost.per_block) == set(range(1, 13)) - {3}


def test_with_everything_kept_every_finished_attempt_is_a_block() -> None:
    kept = cost_in(gated(RUN), keep_voided=True)
    assert kept.blocks == 13
    assert kept.per_block[3] == pytest.approx(3 * 1.0, rel=0.05)
    assert kept.per_block[4] == cost_in(RUN).per_block[3]
    assert cost_in(RUN, keep_voided=True) == cost_in(RUN)


def test_voids_are_counted_with_their_reasons_and_the_arm_in_which_the_gate_struck() -> None:
    found = Analysis.of(gated(RUN)).voided
    assert found.attempts == 1
    assert [(cause.words, cause.attempts) for cause in found.causes] == [
        ("foreign tasks used 4.1% of its processors", 1)
    ]
    assert found.arms == {"bare": 0, "control": 0, "runc": 0, "tcg": 1}


def test_reasons_of_one_kind_are_told_once_with_their_range() -> None:
    voids = tuple(
        Void(block, 0, tuple(foreign(arm, share) for arm in arms))
        for block, share, arms in ((1, 0.041, ("tcg", "bare")), (2, 0.12, ("tcg",)), (3, 0.099, ("runc",)))
    )
    found = Analysis.of(replace(RUN, voids=voids)).voided
    assert [(cause.words, cause.attempts) for cause in found.causes] == [
        ("foreign tasks used 4.1 to 12.0% of its processors", 3)
    ]
    assert found.arms == {"bare": 1, "control": 0, "runc": 1, "tcg": 2}
    assert found.blocks == found.dropped == (1, 2, 3)


def test_a_run_of_which_every_block_was_voided_says_so_in_each_cell() -> None:
    voids = tuple(Void(block, 0, (throttled("bare"),)) for block in range(1, 13))
    run = replace(RUN, voids=voids)
    assert {cost.label for cost in Analysis.of(run).costs} == {
        "no block is left: each was voided by a gate, or the run ended in it"
    }
    assert cost_in(run, keep_voided=True) == cost_in(RUN)


def test_a_voided_calibration_costs_no_block() -> None:
    run = replace(RUN, voids=(Void(0, 0, (throttled("bare"),)),))
    assert Analysis.of(run).voided.attempts == 0
    assert Analysis.of(run).costs == Analysis.of(RUN).costs


def test_an_attempt_in_which_the_run_was_ended_is_not_analysed_nor_the_voided_one_before_it() -> None:
    run = gated(RUN, block=12)
    arms = ("bare", "control")
    trials = tuple(t for t in run.trials if (t.block, t.attempt) != (12, 1) or t.environment in arms)
    ended = replace(run, trials=trials, manifest=replace(run.manifest, state=State.PARTIAL))
    assert set(cost_in(ended).per_block) == set(range(1, 12))
    assert all(12 not in cost.per_block for cost in Analysis.of(ended).costs)
    assert cost_in(ended, keep_voided=True).blocks == 12


def test_processors_busy_on_the_host_stand_beside_a_cost_and_unknown_ones_are_none() -> None:
    trials = tuple(
        replace(trial, host_cpu_s=trial.wall_s * (1.7 if trial.environment == "tcg" else 0.9)) for trial in RUN.trials
    )
    found = {
        cost.environment: cost
        for cost in Analysis.of(replace(RUN, trials=trials)).costs
        if cost.benchmark == "cpu.hash"
    }
    assert (found["tcg"].baseline_processors, found["tcg"].processors) == (pytest.approx(0.9), pytest.approx(1.7))
    assert (cost_in(RUN).baseline_processors, cost_in(RUN).processors) == (None, None)


def spent(trial: Trial) -> Trial:
    """A trial of 1000 operations; those of `runc` do not tell how many, and the set-up took ten times as long."""
    each_s = 3e-6 if trial.environment == "tcg" else 2e-6
    if not isinstance(trial.outcome, Measured):
        return trial
    told = replace(trial.outcome, operations=None if trial.environment == "runc" else 1000)
    return replace(trial, outcome=told, host_cpu_s=each_s * 11_000, operations_cpu_s=each_s * 1000)


def test_processor_time_of_an_operation_is_without_set_up_and_unknown_where_operations_are() -> None:
    run = replace(RUN, trials=tuple(map(spent, RUN.trials)))
    found = {cost.environment: cost for cost in Analysis.of(run).costs if cost.benchmark == "cpu.hash"}
    assert found["tcg"].baseline_cpu_s_per_operation == pytest.approx(2e-6)
    assert found["tcg"].cpu_s_per_operation == pytest.approx(3e-6)
    assert found["runc"].cpu_s_per_operation is None
    assert found["runc"].baseline_cpu_s_per_operation == pytest.approx(2e-6)
    assert (cost_in(RUN).baseline_cpu_s_per_operation, cost_in(RUN).cpu_s_per_operation) == (None, None)


def test_processor_time_of_an_operation_is_the_median_over_the_blocks_and_none_of_no_operation() -> None:
    def odd(trial: Trial) -> Trial:
        trial = spent(trial)
        assert isinstance(trial.outcome, Measured)
        if trial.environment == "control":
            return replace(trial, outcome=replace(trial.outcome, operations=0))
        return replace(trial, operations_cpu_s=1.0) if trial.block == 5 else trial

    run = replace(RUN, trials=tuple(map(odd, RUN.trials)))
    found = {
        cost.environment: cost.cpu_s_per_operation for cost in Analysis.of(run).costs if cost.benchmark == "cpu.hash"
    }
    assert found == {"tcg": pytest.approx(3e-6), "control": None, "runc": None}


def test_readings_become_medians_of_each_arm_and_the_unknown_stays_unknown() -> None:
    found = {arm.environment: arm for arm in Analysis.of(gated(RUN)).conditions}
    assert list(found) == ["bare", "control", "runc", "tcg"]
    assert found["tcg"].starts == 12
    assert found["tcg"].steal == pytest.approx(0.005)
    assert found["tcg"].foreign == pytest.approx(0.0125)
    assert found["tcg"].served_s == 6.0
    assert (found["tcg"].run_delay, found["tcg"].queued) == (pytest.approx(0.02), pytest.approx(0.26))
    assert (found["runc"].run_delay, found["runc"].queued) == (pytest.approx(0.02), None)
    assert found["tcg"].clock_error_ppm == pytest.approx(2.5)
    assert found["tcg"].clock_bound_ppm == pytest.approx(12.5)
    assert found["runc"].clock_error_ppm is None
    assert found["tcg"].throttled is None
    assert Analysis.of(RUN).conditions == ()


def test_what_the_run_itself_interrupted_is_no_finished_attempt() -> None:
    """A pause within block 3 voided it with some of its trials stored."""
    run = gated(RUN)
    torn = tuple(t for t in run.trials if (t.block, t.attempt) != (3, 0) or t.environment in ("bare", "runc"))
    run = replace(run, trials=torn, voids=(Void(3, 0, (stated("the run paused for 3 h 00 min"),), harness=True),))
    assert Analysis.of(run).with_voided().costs == Analysis.of(RUN).with_voided().costs


@pytest.mark.parametrize("keep_voided", [False, True])
def test_an_unfinished_repeat_of_an_earlier_block_is_not_analysed(keep_voided: bool) -> None:
    run = gated(RUN)
    repeat = [t for t in run.trials if (t.block, t.attempt) == (3, 1) and t.environment in ("bare", "runc")]
    others = [t for t in run.trials if (t.block, t.attempt) != (3, 1)]
    state = replace(run.manifest, state=State.PARTIAL)
    without = replace(run, trials=tuple(others), manifest=state)
    ended = replace(run, trials=(*others, *repeat), manifest=state)
    assert cost_in(ended, keep_voided=keep_voided) == cost_in(without, keep_voided=keep_voided)
    assert set(cost_in(ended).per_block) == set(range(1, 13)) - {3}
    analysis = Analysis.of(ended)
    assert {analysis.use(trial, "time").why for trial in repeat if trial.benchmark == "cpu.hash"} == {
        "the run ended within this block"
    }
