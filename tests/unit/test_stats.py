"""Orders are balanced, the t distribution is scipy's, and degenerate pairs never give an interval."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import scipy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from vbench.model import Better
from vbench.stats import envelope, order, pairing, student
from vbench.stats.envelope import Envelope
from vbench.stats.pairing import Pairs

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
    assert student.quantile(p, df) == pytest.approx(float(scipy.stats.t.ppf(p, df)), rel=1e-8, abs=1e-10)


@given(st.floats(-1e4, 1e4), st.floats(0.6, 500))
@settings(max_examples=200, deadline=None)
def test_the_t_distribution_is_scipys(t: float, df: float) -> None:
    assert student.cdf(t, df) == pytest.approx(float(scipy.stats.t.cdf(t, df)), rel=1e-10, abs=1e-14)


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


def pairs_of(values: Sequence[float], base: Sequence[float], better: Better) -> Pairs:
    """The contrast of two arms."""
    return pairing.contrast("x", ((dict(enumerate(values)), 1.0), (dict(enumerate(base)), -1.0)), better)


def interval_of(pairs: Pairs) -> Envelope:
    return envelope.envelopes((pairs,))[0]


@given(st.lists(st.floats(-5, 5), min_size=5, max_size=40))
@settings(deadline=None)
def test_students_interval_is_scipys(d: list[float]) -> None:
    found = interval_of(Pairs("x", tuple(range(len(d))), tuple(d)))
    assert found.mean == pytest.approx(math.fsum(d) / len(d))
    if found.t is None:
        assert found.why == "no spread"
        assert max(d) - min(d) < 1e-10
        return
    low, high = scipy.stats.t.interval(0.95, len(d) - 1, loc=found.mean, scale=scipy.stats.sem(d))
    assert found.t == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=5, max_size=20), st.sampled_from(["lower", "higher"]))
@settings(deadline=None)
@example([(1.0, 2.0), (3.0, 4.0)], "lower")
def test_exchanging_the_arms_inverts_the_ratio_and_its_interval_exactly(
    pairs: list[tuple[float, float]], better: Better
) -> None:
    values, base = zip(*pairs, strict=True)
    there, back = interval_of(pairs_of(values, base, better)), interval_of(pairs_of(base, values, better))
    assert there.mean == -back.mean  # type: ignore[operator]
    if there.low is not None and back.high is not None:
        assert (there.low, there.high) == (-back.high, -back.low if back.low is not None else None)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=5, max_size=20), st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_another_unit_changes_nothing(pairs: list[tuple[float, float]], scale: float) -> None:
    values, base = zip(*pairs, strict=True)
    one = interval_of(pairs_of(values, base, "lower"))
    other = interval_of(pairs_of([v * scale for v in values], [b * scale for b in base], "lower"))
    assert other.mean == pytest.approx(one.mean, rel=1e-9, abs=1e-9)
    if one.t is not None and other.t is not None:
        assert other.t == pytest.approx(one.t, rel=1e-9, abs=1e-9)


def test_higher_is_better_turns_the_sign() -> None:
    assert pairs_of([50.0], [100.0], "higher").d == (pytest.approx(math.log(2)),)
    assert pairs_of([50.0], [100.0], "lower").d == (pytest.approx(-math.log(2)),)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_value_without_a_ratio_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="no ratio"):
        pairs_of([1.0, value], [1.0, 1.0], "lower")
    with pytest.raises(ValueError, match="no ratio"):
        pairs_of([1.0, 1.0], [value, 1.0], "lower")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_without_a_difference_is_refused(value: float) -> None:
    terms = (({1: value}, 1.0), ({1: 0.0}, -1.0))
    with pytest.raises(ValueError, match="no difference"):
        pairing.contrast("x", terms, "lower", unit="s")


def test_pairs_without_spread_have_no_interval() -> None:
    assert interval_of(Pairs("x", tuple(range(20)), (0.3,) * 20)).low is None
    assert interval_of(Pairs("x", tuple(range(10)), (0.1 + 0.2, 0.3) * 5)).why == "no spread"
