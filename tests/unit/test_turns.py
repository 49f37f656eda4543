"""The turns of arms that are alive together, as the plan has them."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import APART, FEW, a_suite
from vbench.stats import order
from vbench.suite import plan as plans


def test_over_the_blocks_every_arm_has_every_turn_of_a_benchmark_equally_often() -> None:
    plan = plans.make(a_suite(FEW.replace("blocks = 6", "blocks = 12")))
    for benchmark in plan.blocks[1].benchmarks:
        orders = [block.turns[block.benchmarks.index(benchmark)] for block in plan.blocks[1:]]
        for turn in range(3):
            counts = Counter(order[turn] for order in orders)
            assert counts == {0: 4, 1: 4, 2: 4}


def test_a_plan_of_fewer_blocks_has_the_turns_of_a_longer_one() -> None:
    few, more = (plans.make(a_suite(FEW.replace("blocks = 6", f"blocks = {n}")), seed=1) for n in (6, 9))
    assert few.blocks[1:] == more.blocks[1:7]


def test_arms_that_are_measured_apart_have_no_turns() -> None:
    assert {block.turns for block in plans.make(a_suite(FEW.replace(*APART))).blocks} == {()}


@pytest.mark.parametrize(
    ("trial", "slice_s", "rounds"),
    [
        ("300 ms", "30 ms", 9),
        ("1 s", "50 ms", 21),
        ("1 ms", "30 ms", 2),
        ("100 ms", "1 ms", 6),
        ("1 s", "700 ms", 2),
        ("1 min", "30 ms", 39),
    ],
)
def test_a_trial_has_slices_about_as_long_as_the_suite_says(trial: str, slice_s: str, rounds: int) -> None:
    """A slice of a kernel is never shorter than 20 ms, if the trial is not."""
    text = FEW.replace('trial = "1 ms"', f'trial = "{trial}"\nslice = "{slice_s}"')
    assert plans.rounds(a_suite(text), "cpu.hash") == rounds


def test_three_slices_are_three_though_their_quotient_is_a_little_less() -> None:
    assert 0.3 / 0.1 < 3
    assert order.rounds(3, 0.3 / 0.1) == 3


@given(st.integers(2, 40), st.floats(0.01, 100))
def test_over_the_rounds_all_arms_have_the_same_mean_moment_and_none_two_slices_in_a_row(
    arms: int, wanted: float
) -> None:
    count = order.rounds(arms, wanted)
    slices = [arm for turn in order.turns(arms, count) for arm in turn]
    moments = [[at for at, arm in enumerate(slices) if arm == each] for each in range(arms)]
    assert {len(each) for each in moments} == {count}
    assert len({sum(each) for each in moments}) == 1
    assert count <= max(2, 1.5 * wanted)
    if arms > 2 and wanted >= arms:
        assert all(one != other for one, other in pairwise(slices))
