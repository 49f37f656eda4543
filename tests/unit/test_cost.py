"""A run's costs are paired ratios above 1 for worse; what cannot be known is None with a reason, never a number."""

import math
import sys
from collections.abc import Callable

import pytest
import scipy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.costs import cost_of, run_of, trial, trials
from tests.unit.outcomes import error
from vbench.cost import DOTS_ONLY, ROUGH, Analysis, confounds
from vbench.model import (
    Cost,
    Fact,
    Failed,
    Measured,
    Skipped,
    Trial,
)

POSITIVE = st.floats(1e-9, 1e9)


def is_no_number(cost: Cost) -> bool:
    return (cost.cost, cost.low, cost.high, cost.per_block) == (None, None, None, {}) and bool(cost.label)


def test_the_cost_is_the_geometric_mean_of_paired_ratios_with_scipys_t_interval() -> None:
    base, own = [1.0, 2.0, 1.5, 1.1, 1.9, 1.3], [1.3, 2.4, 1.9, 1.4, 2.5, 1.5]
    found = cost_of(run_of(trials("bare", base), trials("runc", own)))
    d = [math.log(y / x) for x, y in zip(base, own, strict=True)]
    low, high = scipy.stats.t.interval(0.95, 5, loc=sum(d) / 6, scale=scipy.stats.sem(d))
    assert found.cost == pytest.approx(math.exp(sum(d) / 6))
    assert (found.low, found.high) == (pytest.approx(math.exp(low)), pytest.approx(math.exp(high)))
    assert (found.blocks, found.label) == (6, ROUGH)
    assert (found.baseline_median, found.median) == (pytest.approx(1.4), pytest.approx(1.7))
    assert found.per_block[2] == pytest.approx(1.2)


def test_above_one_is_worse_whatever_the_metrics_direction() -> None:
    run = run_of(trials("bare", [1.0] * 6), trials("runc", [2.0, 2.1, 1.9, 2.0, 2.2, 1.8]))
    time, bandwidth = cost_of(run, metric="time"), cost_of(run, metric="bandwidth")
    assert time.cost is not None
    assert time.cost > 1.9
    assert bandwidth.cost == pytest.approx(time.cost)
    assert bandwidth.low == pytest.approx(time.low)


def test_the_control_has_a_cost_and_the_baseline_has_none() -> None:
    run = run_of(trials("bare", [1.0, 2.0]), trials("control", [1.0, 2.0]), trials("runc", [2.0, 4.0]))
    assert [(c.environment, c.metric) for c in Analysis.of(run).costs] == [
        ("control", "time"),
        ("runc", "time"),
        ("control", "bandwidth"),
        ("runc", "bandwidth"),
    ]


def test_a_trials_number_is_the_median_of_its_samples() -> None:
    def with_tail(arm: str, scale: float) -> list[Trial]:
        return [trial(arm, b, Measured({"time": (1.0, 3.0 * scale, 1000.0)})) for b in range(1, 4)]

    assert cost_of(run_of(with_tail("bare", 1), with_tail("runc", 2))).cost == pytest.approx(2)


def test_the_calibration_enters_nothing() -> None:
    run = run_of(trials("bare", [9.0, 1.0, 1.0], start=0), trials("runc", [1.0, 2.0, 2.0], start=0))
    found = cost_of(run)
    assert found.cost == pytest.approx(2)
    assert set(found.per_block) == {1, 2}


def test_only_blocks_in_which_both_arms_have_a_number_make_pairs() -> None:
    own = [*trials("runc", [2.0, 4.0]), trial("runc", 3, Failed(error("it broke"))), *trials("runc", [8.0], start=5)]
    found = cost_of(run_of(trials("bare", [1.0, 2.0, 3.0, 4.0]), own))
    assert set(found.per_block) == {1, 2}
    assert found.blocks == 2


def test_a_trial_that_stands_twice_counts_as_it_stands_last() -> None:
    run = run_of(trials("bare", [1.0, 1.0]), trials("runc", [9.0, 2.0]), trials("runc", [2.0]))
    assert cost_of(run).cost == pytest.approx(2)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_below_five_blocks_there_are_dots_and_no_interval(blocks: int) -> None:
    found = cost_of(run_of(trials("bare", [1.0, 1.1, 1.2, 1.3][:blocks]), trials("runc", [2.0] * blocks)))
    assert found.cost is not None
    assert (found.low, found.high, found.label) == (None, None, DOTS_ONLY)
    assert len(found.per_block) == blocks


def test_pairs_without_spread_have_a_cost_and_no_interval() -> None:
    found = cost_of(run_of(trials("bare", [1.0] * 10), trials("runc", [1.25] * 10)))
    assert found.cost == pytest.approx(1.25)
    assert (found.low, found.high, found.label) == (None, None, "no spread")


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("arm", ["bare", "runc"])
def test_a_value_without_a_ratio_makes_the_cell_unknown_and_is_not_left_out(value: float, arm: str) -> None:
    odd = trial(arm, 3, Measured({"time": (value,)}))
    found = cost_of(run_of(trials("bare", [1.0] * 8), trials("runc", [2.0] * 8), [odd]))
    assert is_no_number(found)
    assert "zero, negative or not a number" in found.label
    assert found.blocks == 8


@pytest.mark.parametrize(
    ("own", "label"),
    [
        ([], "runc: no trials"),
        ([trial("runc", 1, Failed(error("the guest panicked"), "look"))], "runc failed: the guest panicked"),
        ([trial("runc", 1, Skipped(error("no fio")))], "runc skipped: no fio"),
        ([trial("runc", 1, Measured({"other": (1.0,)}))], "runc: this metric was not measured"),
        ([trial("runc", 1, Measured({"time": ()}))], "runc: this metric was not measured"),
        (trials("runc", [1.0], start=9), "no block has both"),
    ],
)
def test_a_missing_arm_is_unknown_with_its_reason(own: list[Trial], label: str) -> None:
    found = cost_of(run_of(trials("bare", [1.0, 3.0]), own))
    assert is_no_number(found)
    assert (found.label, found.blocks, found.baseline_median) == (label, 0, 2.0)


def test_a_missing_baseline_is_unknown_with_its_reason() -> None:
    found = cost_of(run_of([trial("bare", 1, Failed(error("gone")))], trials("runc", [1.0, 3.0])))
    assert is_no_number(found)
    assert (found.label, found.median, found.baseline_median) == ("the baseline failed: gone", 2.0, None)


def test_a_ratio_that_no_number_can_hold_is_unknown() -> None:
    run = run_of(trials("bare", [1e-300] * 3), trials("runc", [1e300] * 3))
    assert is_no_number(cost_of(run))
    wide = cost_of(run_of(trials("bare", [1e-152, 1.0, 1e-152, 1.0, 1.0]), trials("runc", [1e152, 1.0] * 2 + [1.0])))
    assert wide.cost is not None
    assert (wide.low, wide.high, wide.label) == (None, None, "the interval is too wide to write")


def test_a_run_without_trials_has_every_cell_and_no_number() -> None:
    assert len(Analysis.of(run_of()).costs) == 4
    assert all(is_no_number(cost) for cost in Analysis.of(run_of()).costs)


def test_a_start_has_a_cost_like_any_benchmark() -> None:
    made = [replace(t, benchmark="start.ready") for t in (*trials("bare", [1.0, 2.0]), *trials("runc", [3.0, 6.0]))]
    assert cost_of(run_of(made, benchmark="start.ready")).cost == pytest.approx(3)


def test_confounds_are_the_differences_from_the_baseline() -> None:
    facts = {
        "bare": {"kernel.release": Fact("6.1", "uname")},
        "control": {"kernel.release": Fact("6.1", "uname")},
        "runc": {"kernel.release": Fact("5.10", "uname")},
    }
    found = confounds(replace(run_of(), facts=facts))
    assert [(c.environment, c.key, c.baseline, c.value) for c in found] == [("runc", "kernel.release", "6.1", "5.10")]
    assert confounds(run_of()) == ()


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=15))
@settings(max_examples=80, deadline=None)
def test_exchanging_the_arms_inverts_ratio_and_interval(pairs: list[tuple[float, float]]) -> None:
    base, own = zip(*pairs, strict=True)
    there, back = (cost_of(run_of(trials("bare", x), trials("runc", y))) for x, y in ((base, own), (own, base)))
    assert there.label == back.label
    for one, other in ((there.cost, back.cost), (there.low, back.high), (there.high, back.low)):
        if one is None or other is None:
            assert one is other
        else:
            assert one == pytest.approx(1 / other, rel=1e-9)
    assert all(back.per_block[b] == pytest.approx(1 / ratio) for b, ratio in there.per_block.items())


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=15), st.floats(1e-3, 1e3))
@settings(max_examples=80, deadline=None)
def test_another_unit_changes_no_cost(pairs: list[tuple[float, float]], scale: float) -> None:
    base, own = zip(*pairs, strict=True)
    one = cost_of(run_of(trials("bare", base), trials("runc", own)))
    other = cost_of(run_of(trials("bare", [x * scale for x in base]), trials("runc", [y * scale for y in own])))
    assert other.cost == pytest.approx(one.cost, rel=1e-9)
    if one.low is not None and other.low is not None:
        assert other.low == pytest.approx(one.low, rel=1e-6)


def _scaled(arm: str, scale: float) -> Callable[[list[float]], list[Trial]]:
    return lambda values: [trial(arm, b, Measured({"time": (v * scale,)})) for b, v in enumerate(values, start=1)]


def test_a_median_of_values_near_the_largest_number_is_one_of_them() -> None:
    huge = sys.float_info.max
    cost = cost_of(run_of(trials("bare", [huge] * 2), trials("runc", [huge] * 2)))
    assert (cost.baseline_median, cost.median, cost.cost) == (huge, huge, 1.0)


ANY = st.floats(allow_nan=True, allow_infinity=True)


HALF = 2.0**1023  # the sum of two of these is beyond the largest number


@given(st.lists(ANY, max_size=12), st.lists(ANY, max_size=12))
@example([1.0, 1.0], [math.nextafter(HALF, 0), HALF])
@example([math.nextafter(HALF, 0), HALF], [1.0, 1.0])
@settings(max_examples=150, deadline=None)
def test_whatever_was_measured_no_cost_is_a_false_number(base: list[float], own: list[float]) -> None:
    for cost in Analysis.of(run_of(_scaled("bare", 1)(base), _scaled("runc", 1)(own))).costs:
        for value in (cost.cost, cost.low, cost.high, *cost.per_block.values()):
            assert value is None or (math.isfinite(value) and value > 0)
        for value in (cost.baseline_median, cost.median):
            assert value is None or math.isfinite(value)
        assert (cost.low is None) == (cost.high is None)
        if cost.low is not None and cost.high is not None and cost.cost is not None:
            assert cost.low <= cost.cost <= cost.high
            assert cost.blocks >= 5
        assert cost.label or cost.low is not None
