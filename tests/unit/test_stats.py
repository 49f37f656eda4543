"""Orders are balanced, the t distribution is scipy's, and degenerate pairs never give an interval."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy import stats as oracle

from vbench.stats import order, paired, student

POSITIVE = st.floats(1e-12, 1e12)


@given(st.integers(2, 9), st.integers(1, 60), st.integers(0, 2**32))
@settings(deadline=None)
def test_after_every_block_arms_differ_by_at_most_one_at_each_position(arms: int, blocks: int, seed: int) -> None:
    orders = order.balanced(arms, blocks, default_rng(seed))
    counts = [[0] * arms for _ in range(arms)]  # position, arm
    for turn in orders:
        assert sorted(turn) == list(range(arms))
        for position, arm in enumerate(turn):
            counts[position][arm] += 1
        assert all(max(row) - min(row) <= 1 for row in counts)
    assert len(orders) == blocks


@given(st.integers(2, 9), st.integers(0, 2**32))
@settings(deadline=None)
def test_over_a_whole_design_every_arm_follows_every_other_equally_often(arms: int, seed: int) -> None:
    rows = order.balanced(arms, arms if arms % 2 == 0 else 2 * arms, default_rng(seed))
    follows: dict[tuple[int, int], int] = {}
    for row in rows:
        for pair in pairwise(row):
            follows[pair] = follows.get(pair, 0) + 1
    assert len(follows) == arms * (arms - 1)
    assert set(follows.values()) == {1 if arms % 2 == 0 else 2}


@given(st.integers(1, 9), st.integers(0, 30), st.integers(0, 30), st.integers(0, 99))
@settings(deadline=None)
def test_fewer_blocks_are_the_beginning_of_more(arms: int, few: int, more: int, seed: int) -> None:
    short, long = (order.balanced(arms, n, default_rng(seed)) for n in (few, few + more))
    assert long[:few] == short


def test_orders_are_random_in_labels_and_rows() -> None:
    assert len({tuple(order.balanced(4, 4, default_rng(seed))) for seed in range(100)}) > 40
    firsts = [order.balanced(4, 1, default_rng(seed))[0][0] for seed in range(400)]
    assert all(60 <= firsts.count(arm) <= 140 for arm in range(4))


def test_a_design_of_no_arms_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one arm"):
        order.williams(0)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(0.6, 500))
@settings(max_examples=200, deadline=None)
def test_the_t_quantile_is_scipys(p: float, df: float) -> None:
    assert student.quantile(p, df) == pytest.approx(float(oracle.t.ppf(p, df)), rel=1e-8, abs=1e-10)


@given(st.floats(-1e4, 1e4), st.floats(0.6, 500))
@settings(max_examples=200, deadline=None)
def test_the_t_distribution_is_scipys(t: float, df: float) -> None:
    assert student.cdf(t, df) == pytest.approx(float(oracle.t.cdf(t, df)), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize(("df", "value"), [(1, 12.706), (4, 2.776), (9, 2.262), (29, 2.045), (120, 1.980)])
def test_the_t_quantile_is_the_printed_tables(df: int, value: float) -> None:
    assert student.quantile(0.975, df) == pytest.approx(value, abs=5e-4)


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, math.nan])
def test_a_quantile_of_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        student.quantile(p, 5)


@pytest.mark.parametrize("df", [0.0, -1.0, math.nan, math.inf])
def test_degrees_of_freedom_are_positive(df: float) -> None:
    with pytest.raises(ValueError, match="degrees"):
        student.quantile(0.9, df)


def test_the_edges_of_the_t_distribution_are_exact() -> None:
    assert student.cdf(0.0, 7) == 0.5
    assert student.quantile(0.5, 7) == 0.0
    assert (student.cdf(math.inf, 7), student.cdf(-math.inf, 7)) == (1.0, 0.0)
    assert math.isnan(student.cdf(math.nan, 7))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40))
@settings(deadline=None)
def test_the_interval_is_scipys(d: list[float]) -> None:
    found = paired.t_interval(d)
    assert found.mean == pytest.approx(math.fsum(d) / len(d))
    if found.low is None or found.high is None:
        assert found.why == "no spread"
        assert max(d) - min(d) < 1e-10
        return
    low, high = oracle.t.interval(0.95, len(d) - 1, loc=found.mean, scale=oracle.sem(d))
    assert found.low == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(high, rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=20), st.sampled_from(["lower", "higher"]))
@settings(deadline=None)
@example([(1.0, 2.0), (3.0, 4.0)], "lower")
def test_exchanging_the_arms_inverts_the_ratio_and_its_interval_exactly(
    pairs: list[tuple[float, float]], better: paired.Better
) -> None:
    values, base = zip(*pairs, strict=True)
    there = paired.t_interval(paired.log_costs(values, base, better))
    back = paired.t_interval(paired.log_costs(base, values, better))
    assert there.mean == -back.mean
    if there.low is not None and back.high is not None:
        assert (there.low, there.high) == (-back.high, -back.low if back.low is not None else None)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=5, max_size=20), st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_another_unit_changes_nothing(pairs: list[tuple[float, float]], scale: float) -> None:
    values, base = zip(*pairs, strict=True)
    one = paired.t_interval(paired.log_costs(values, base, "lower"))
    scaled = paired.log_costs([v * scale for v in values], [b * scale for b in base], "lower")
    other = paired.t_interval(scaled)
    assert other.mean == pytest.approx(one.mean, rel=1e-9, abs=1e-9)
    if one.low is not None and other.low is not None:
        assert other.low == pytest.approx(one.low, rel=1e-9, abs=1e-9)


def test_higher_is_better_turns_the_sign() -> None:
    assert paired.log_costs([50.0], [100.0], "higher") == [pytest.approx(math.log(2))]
    assert paired.log_costs([50.0], [100.0], "lower") == [pytest.approx(-math.log(2))]


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_value_without_a_ratio_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no ratio"):
        paired.log_costs([1.0, value], [1.0, 1.0], "lower")
    with pytest.raises(ValueError, match="no ratio"):
        paired.log_costs([1.0, 1.0], [value, 1.0], "lower")


@pytest.mark.parametrize("d", [[], [math.nan, 1.0], [math.inf]])
def test_an_interval_of_nothing_is_refused(d: list[float]) -> None:
    with pytest.raises(ValueError, match="finite values"):
        paired.t_interval(d)


def test_one_pair_and_pairs_without_spread_have_no_interval() -> None:
    assert paired.t_interval([0.3]) == paired.Interval(0.3, why="one pair has no spread")
    assert paired.t_interval([0.3] * 20).low is None
    assert paired.t_interval([0.1 + 0.2, 0.3] * 5).why == "no spread"
