"""The arithmetic of a validation: lines, binomial bounds, rows, their words and their exit code."""

import math
import random

import pytest

from vbench.stats import envelope, pairing
from vbench.stats.envelope import Envelope
from vbench.validation import binomial, judging, regression, rows
from vbench.validation.rows import Row, State

DOSES = {"none": 0.0, "half": 0.005, "one": 0.01, "five": 0.05, "ten": 0.1}


def measured(values: list[float]) -> Envelope:
    return envelope.envelopes((pairing.Pairs("cell", tuple(range(len(values))), tuple(values)),))[0]


def responses(slope: float, intercept: float, blocks: int) -> dict[str, dict[int, float]]:
    one = {arm: math.exp(intercept + slope * math.log1p(dose)) for arm, dose in DOSES.items()}
    return {arm: dict.fromkeys(range(1, blocks + 1), ratio) for arm, ratio in one.items()}


def row(state: State) -> Row:
    return Row(part="part", check="check", target="target", state=state)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.0), (1.0, 0.01), (-2.0, -0.3)])
def test_a_line_is_found_exactly(slope: float, intercept: float) -> None:
    found = regression.lines(DOSES, responses(slope, intercept, 6))
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    for line in found.values():
        assert line.slope == pytest.approx(slope, abs=1e-12)
        assert line.intercept == pytest.approx(intercept, abs=1e-12)


def test_what_all_arms_of_a_block_share_moves_its_intercept_and_not_its_slope() -> None:
    costs = responses(1.0, 0.0, 3)
    shared = {arm: {block: ratio * 1.07**block for block, ratio in each.items()} for arm, each in costs.items()}
    found = regression.lines(DOSES, shared)
    assert [line.slope for line in found.values()] == pytest.approx([1.0] * 3)
    assert [line.intercept for line in found.values()] == pytest.approx([b * math.log(1.07) for b in (1, 2, 3)])


def test_a_block_without_one_of_its_arms_has_no_line() -> None:
    costs = responses(1.0, 0.0, 3)
    del costs["ten"][2]
    assert sorted(regression.lines(DOSES, costs)) == [1, 3]
    assert regression.lines(DOSES, {arm: each for arm, each in costs.items() if arm != "one"}) == {}


def test_lines_are_averaged_over_the_blocks_that_all_benchmarks_have() -> None:
    first, second = regression.lines(DOSES, responses(1.2, 0.0, 3)), regression.lines(DOSES, responses(0.8, 0.1, 2))
    found = regression.averaged([first, second])
    assert sorted(found) == [1, 2]
    assert found[1].slope == pytest.approx(1.0)
    assert found[1].intercept == pytest.approx(0.05)
    assert regression.averaged([]) == {}


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1.0], [1.0]), ([1.0, 1.0], [1.0, 2.0]), ([0.0, math.nan], [0.0, 1.0])]
)
def test_what_has_no_line_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="a line needs"):
        regression.line(x, y)


def test_tails_of_the_binomial_distribution_are_exact() -> None:
    assert binomial.above(0, 2, 0.5) == 0.75
    assert binomial.above(1, 2, 0.5) == 0.25
    assert binomial.above(2, 2, 0.5) == 0.0
    assert binomial.above(-1, 2, 0.5) == 1.0
    assert binomial.above(3, 20, 0.05) == pytest.approx(0.01590153, abs=1e-8)


@pytest.mark.parametrize(("n", "most"), [(1, 0), (2, 1), (20, 3), (60, 6), (100, 9)])
def test_as_many_false_positives_are_allowed_as_chance_makes_in_19_of_20_validations(n: int, most: int) -> None:
    assert binomial.most_by_chance(n) == most
    assert binomial.above(most, n, 0.05) <= 0.05
    assert binomial.above(most - 1, n, 0.05) > 0.05


def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson() -> None:
    assert binomial.rate_interval(0, 10) == pytest.approx((0.0, 0.3084971), abs=1e-6)
    assert binomial.rate_interval(10, 10) == pytest.approx((0.6915029, 1.0), abs=1e-6)
    assert binomial.rate_interval(5, 20) == pytest.approx((0.0865715, 0.4910459), abs=1e-6)
    with pytest.raises(ValueError, match="has no rate"):
        binomial.rate_interval(0, 0)


def test_a_truth_inside_the_interval_holds() -> None:
    noise = random.Random(1)
    found = rows.contains("dose", "slope", measured([1 + noise.gauss(0, 0.05) for _ in range(20)]), 1.0, widest=0.25)
    assert found.state is State.HOLDS
    assert found.blocks == 20
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
    assert found.figure == rows.around(found.value or 0, found.low, found.high)


def test_a_truth_outside_the_interval_does_not_hold() -> None:
    noise = random.Random(2)
    below = measured([0.8 + noise.gauss(0, 0.05) for _ in range(20)])
    above = measured([0.1 + noise.gauss(0, 0.01) for _ in range(20)])
    low = rows.contains("dose", "slope", below, 1.0, widest=0.25)
    assert (low.state, low.why) == (State.FAILS, f"the interval lies below 1: {low.low:.6g} to {low.high:.6g}")
    high = rows.contains("dose", "intercept", above, 0.0, widest=0.25)
    assert (high.state, high.why) == (State.FAILS, f"the interval lies above 0: {high.low:.6g} to {high.high:.6g}")


def test_an_interval_that_misses_the_truth_barely_tells_its_ends() -> None:
    """A validation gave this slope. Its interval is longer below the mean than above it."""
    slope = Envelope(21, 0.9368204008298074, 0.16, 0.8534614347490747, 0.9996370518115318)
    found = rows.contains("dose", "slope", slope, 1.0, widest=0.25)
    assert found.figure == "0.937 (0.853 to 1.000)"
    assert found.why == "the interval lies below 1: 0.853461 to 0.999637"
    intercept = Envelope(21, 0.012, 0.02, 0.0004, 0.021)
    found = rows.contains("dose", "intercept", intercept, 0.0, widest=0.25, percent=True)
    assert found.why == "the interval lies above 0 %: 0.04 to 2.1 %"


def test_a_truth_inside_an_interval_that_is_too_wide_has_not_been_shown() -> None:
    def intercept(half: float) -> Row:
        found = Envelope(20, 0.001, 0.01, 0.001 - half, 0.001 + half)
        return rows.contains("dose", "intercept", found, 0.0, widest=0.02, percent=True)

    assert intercept(0.019).target == "95 % interval contains 0 %; half-width ≤ 2 %"
    assert (intercept(0.019).state, intercept(0.019).why) == (State.HOLDS, "")
    for half in (0.021, 0.6):
        assert (intercept(half).state, intercept(half).why) == (State.FAILS, rows.TOO_WIDE)
        assert "more minutes" in intercept(half).why


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.1, 0.9, 1.0], [1.0] * 12])
def test_without_an_interval_nothing_holds(values: list[float]) -> None:
    found = rows.contains("dose", "slope", measured(values), 1.0, widest=0.25)
    assert found.state is State.FAILS
    assert found.why


def test_what_ten_minutes_of_the_development_machine_gave_holds() -> None:
    """The figures of validate-20261122T191621Z-0046."""
    quota = (0.7947450054101695, 0.7811535486344915, 0.8085772459734528)
    slope = Envelope(51, 1.051654610039801, 0.3, 0.9652086641514849, 1.1430348513964346)
    intercept = Envelope(51, 0.000926197693536311, 0.02, -0.005975969620532423, 0.007576676842176486)
    found = (
        rows.recovered("fault", "quota", quota, truth=0.8, tolerance=judging.QUOTA_TOLERANCE, blocks=22),
        rows.contains("dose", "slope", slope, 1.0, widest=judging.SLOPE_HALF_WIDTH),
        rows.contains("dose", "intercept", intercept, 0.0, widest=judging.MARGIN, percent=True),
    )
    assert [row.state for row in found] == [State.HOLDS] * 3
    assert [row.figure for row in found] == [
        "0.795 (0.781 to 0.809)",
        "1.052 (0.965 to 1.144)",
        "0.09 (-0.60 to 0.76) %",
    ]


def test_false_positives_hold_up_to_the_bound() -> None:
    assert rows.false_positives("A/A", 3, 20, 12).state is State.HOLDS
    assert rows.false_positives("A/A", 3, 20, 12).figure == "3 of 20: 15.0% (3.2% to 37.9%)"
    assert rows.false_positives("A/A", 4, 20, 12).state is State.FAILS
    assert rows.false_positives("A/A", 0, 0, 0).state is State.FAILS


def test_equivalence_is_shown_and_not_assumed() -> None:
    noise = random.Random(3)
    near = [sign * abs(noise.gauss(0, 0.005)) for sign in (1, -1) * 6]
    assert rows.equivalent("control", "runc", measured(near), 0.02).state is State.HOLDS
    wide = rows.equivalent("control", "runc", measured([value * 60 for value in near]), 0.02)
    assert (wide.state, wide.why.split(":")[0]) == (State.FAILS, "not shown")
    far = rows.equivalent("control", "runc", measured([value + 0.1 for value in near]), 0.02)
    assert (far.state, far.why) == (State.FAILS, "the interval lies outside")


def test_an_equivalence_whose_interval_no_number_can_hold_fails_in_words() -> None:
    found = rows.equivalent("control", "runc", measured([0.0] * 5 + [1200.0 + step for step in range(5)]), 0.02)
    assert (found.state, found.why, found.low) == (State.FAILS, "the interval is too wide to write", None)


def test_a_known_fault_is_found_within_its_tolerance_or_not_at_all() -> None:
    def quota(value: float, half: float) -> Row:
        interval = (value, value - half, value + half)
        return rows.recovered("fault", "quota", interval, truth=0.8, tolerance=0.01, blocks=9)

    assert quota(0.805, 0.004).state is State.HOLDS
    assert (quota(0.95, 0.01).state, quota(0.95, 0.01).why) == (State.FAILS, "the interval lies outside")
    assert quota(0.83, 0.05).why == rows.TOO_WIDE
    assert (quota(0.815, 0.015).state, quota(0.815, 0.015).why) == (State.FAILS, rows.ESTIMATE_OUTSIDE)
    assert quota(0.805, 0.004).target == "0.8 ± 0.01; half-width ≤ 0.02"


def test_an_interval_that_holds_every_quota_has_found_none() -> None:
    wide = rows.recovered("fault", "quota", (0.795, 0.30, 1.90), truth=0.8, tolerance=0.01, blocks=9)
    assert (wide.state, wide.why) == (State.FAILS, rows.TOO_WIDE)
    assert wide.figure == "0.80 (0.30 to 1.90)"
    for half, state in ((0.019, State.HOLDS), (0.021, State.FAILS)):
        found = rows.recovered(
            "fault", "quota", (0.795, 0.795 - half, 0.795 + half), truth=0.8, tolerance=0.01, blocks=9
        )
        assert found.state is state


def test_a_figure_has_as_many_digits_as_its_interval_supports() -> None:
    assert rows.around(1.01234, 0.99, 1.03) == "1.012 (0.990 to 1.030)"
    assert rows.around(0.0012, -0.001, 0.003, percent=True) == "0.12 (-0.10 to 0.30) %"
    assert rows.around(203.4, 190.0, 216.0) == "203 (190 to 216)"


def test_the_exit_code_is_0_only_when_something_was_possible_and_all_of_it_held() -> None:
    holds, fails, impossible = row(State.HOLDS), row(State.FAILS), row(State.IMPOSSIBLE)
    assert rows.status((holds, impossible)) == 0
    assert rows.status((holds, fails)) == 1
    assert rows.status((impossible,)) == 1
    assert rows.status(()) == 1


def test_a_reason_known_from_elsewhere_explains_failures_alone() -> None:
    assert rows.because(row(State.FAILS), "no monitor").why == "no monitor"
    assert rows.because(row(State.HOLDS), "no monitor").why == ""
