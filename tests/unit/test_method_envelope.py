"""The envelope is exact under exchange and order, follows units, narrows with blocks, and never rests on nothing."""

import math
import time
from random import Random

import numpy as np
import pytest
import scipy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vbench.stats import bootstrap, envelope, pvalues
from vbench.stats.envelope import Envelope
from vbench.stats.pairing import BadValue, Pairs

BLOCKS = st.lists(st.floats(-0.5, 0.5), min_size=10, max_size=40)
POSITIVE = st.floats(1e-9, 1e9)


def one(d: list[float] | tuple[float, ...], rounding: float = 1e-12) -> Envelope:
    return envelope.envelopes([Pairs("cell", tuple(range(1, len(d) + 1)), tuple(d), rounding=rounding)])[0]


def ends(found: Envelope) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_exchanging_the_arms_inverts_ratio_and_interval_to_the_last_bit(d: list[float]) -> None:
    there, back = one(d), one([-value for value in d])
    assert there.mean is not None
    assert there.mean == -(back.mean or 0.0)
    assert (there.why, there.p_bootstrap) == (back.why, back.p_bootstrap)
    if there.low is not None:
        assert ends(there) == (-ends(back)[1], -ends(back)[0])
        assert there.bootstrap is not None
        assert back.bootstrap is not None
        assert there.bootstrap == (-back.bootstrap[1], -back.bootstrap[0])


@given(BLOCKS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_blocks_changes_no_bit(d: list[float], random: Random) -> None:
    shuffled = list(d)
    random.shuffle(shuffled)
    assert one(shuffled) == one(d)


@given(BLOCKS, st.floats(1e-6, 1e6))
@settings(max_examples=60, deadline=None)
def test_another_unit_scales_the_interval(d: list[float], scale: float) -> None:
    assume(np.ptp(d) > 1e-3)
    here, there = one(d), one([value * scale for value in d], rounding=1e-12 * scale)
    assert (here.low is None) == (there.low is None)
    if here.low is not None:
        assert np.allclose(ends(there), np.array(ends(here)) * scale, rtol=1e-6, atol=1e-9 * scale)


@given(BLOCKS, st.floats(-2, 2))
@settings(max_examples=60, deadline=None)
def test_a_constant_cost_moves_the_t_interval_and_leaves_its_width(d: list[float], cost: float) -> None:
    assume(np.ptp(d) > 1e-3)
    here, there = one(d), one([value + cost for value in d])
    assert here.t is not None
    assert there.t is not None
    assert np.allclose(np.array(here.t) + cost, there.t, atol=1e-9)


@given(st.lists(st.floats(-0.5, 0.5), min_size=10, max_size=14, unique=True))
@settings(max_examples=60, deadline=None)
def test_the_same_blocks_seen_twice_narrow_the_interval(d: list[float]) -> None:
    assume(np.ptp(d) > 1e-3)
    few, many = one(d), one(d * 2)
    assert few.t is not None
    assert many.t is not None
    assert many.t[1] - many.t[0] < few.t[1] - few.t[0]
    if few.half_width is not None:
        assert many.half_width is not None
        assert many.half_width < few.half_width


def test_the_interval_narrows_with_blocks_in_expectation() -> None:
    random = np.random.default_rng(7)
    widths = []
    for blocks in (10, 15, 20, 30, 40):
        found = envelope.bands(random.standard_normal((400, blocks)))
        widths.append(float(np.mean(found.high - found.low)))
    assert widths == sorted(widths, reverse=True)


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_the_envelope_holds_both_intervals_and_the_t_interval_is_scipys(d: list[float]) -> None:
    found = one(d)
    if found.low is None:
        assert found.why
        return
    assert found.t is not None
    assert found.bootstrap is not None
    assert found.low == min(found.t[0], found.bootstrap[0])
    assert found.high == max(found.t[1], found.bootstrap[1])
    low, high = scipy.stats.t.interval(0.95, len(d) - 1, loc=np.mean(d), scale=scipy.stats.sem(d))
    assert found.t == (pytest.approx(low, rel=1e-6, abs=1e-9), pytest.approx(high, rel=1e-6, abs=1e-9))


@given(BLOCKS)
@settings(max_examples=100, deadline=None)
def test_the_p_value_is_at_most_a_twentieth_exactly_when_the_interval_excludes_zero(d: list[float]) -> None:
    found = one(d)
    if found.low is None:
        assert pvalues.of(found) == 1.0
        return
    low, high = ends(found)
    assume(min(abs(low), abs(high)) > 1e-9)
    assert (pvalues.of(found) <= 0.05) == (low > 0 or high < 0)


def test_the_bootstrap_is_the_one_written_out_resample_by_resample() -> None:
    d = np.random.default_rng(1).exponential(size=12)
    chosen = bootstrap.weights(12, resamples=199)
    oriented, _ = envelope._canonical(d[None, :])
    centred = oriented[0] - oriented[0].mean()
    expected = []
    for column in chosen.T:
        resample = np.repeat(centred, np.rint(column * 12).astype(int))
        expected.append(resample.mean() / (resample.std(ddof=1) / math.sqrt(12)))
    assert np.allclose(bootstrap.studentized(centred[None, :], resamples=199)[0], expected)


def test_every_resample_draws_as_many_blocks_as_there_are() -> None:
    for blocks in (10, 37):
        assert np.allclose(bootstrap.weights(blocks).sum(axis=0), 1)
        assert np.allclose(bootstrap.weights(blocks).mean(axis=1) * blocks, 1, atol=0.05)


def test_the_ends_of_the_bootstrap_are_order_statistics() -> None:
    t_star = np.random.default_rng(2).standard_normal((3, 9999))
    ordered = np.sort(t_star, axis=1)
    low, high = bootstrap.tails(ordered, 0.05)
    assert (low == ordered[:, 249]).all()
    assert (high == ordered[:, 9749]).all()
    with pytest.raises(ValueError, match="no 1e-05 tail"):
        bootstrap.tails(t_star, 2e-5)


def test_another_seed_moves_the_bootstrap_little_and_the_same_one_not_at_all() -> None:
    d = np.random.default_rng(3).normal(0.02, 0.01, (20, 15))
    first, again, other = envelope.bands(d), envelope.bands(d), envelope.bands(d, seed=1)
    assert (first.low == again.low).all()
    assert (first.bootstrap_low != other.bootstrap_low).any()
    assert np.allclose(first.bootstrap_low, other.bootstrap_low, atol=0.002)


@pytest.mark.parametrize(
    ("blocks", "label"), [(2, "dots only"), (4, "dots only"), (5, "rough"), (9, "rough"), (10, "")]
)
def test_few_blocks_give_dots_then_a_rough_interval_then_the_envelope(blocks: int, label: str) -> None:
    found = one([0.01 * math.sin(block) for block in range(blocks)])
    assert found.label == label
    assert (found.low is None) == (blocks < 5)
    assert (found.bootstrap is None) == (blocks < 10)
    if label == "rough":
        assert ends(found) == found.t


def test_blocks_without_spread_have_no_interval() -> None:
    assert one([0.3] * 20) == Envelope(20, pytest.approx(0.3), 0.0, why="no spread")
    assert one([0.1 + 0.2, 0.3] * 10).why == "no spread"
    assert one([5.0, 5.0 + 1e-13] * 10, rounding=1e-11).why == "no spread"


def test_one_pair_and_no_pair_have_no_interval() -> None:
    assert one([0.3]) == Envelope(1, 0.3, label="dots only", why="one pair has no spread")
    assert envelope.envelopes([Pairs("cell", why="no values")])[0].why == "no values"


def test_too_many_equal_blocks_give_no_interval_rather_than_a_short_one() -> None:
    found = one([0.0] * 9 + [0.01])
    assert found.low is None
    assert "equal values" in found.why
    assert pvalues.of(found) == 1.0


@pytest.mark.parametrize(("others", "has_interval"), [(3, False), (4, False), (5, True)])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_few_other_blocks_on_one_side_of_many_equal_ones_give_no_interval(
    others: int, has_interval: bool, turn: int
) -> None:
    many = [0.2 * turn] * (20 - others)
    same, unlike = [0.21 * turn] * others, [(0.21 + 0.01 * place) * turn for place in range(others)]
    for few in (same, unlike):
        found = one([*few, *many])
        assert (found.low is not None) == has_interval
        if not has_interval:
            lie = f"{20 - others} of 20 blocks have the same, and the other {others} lie on one side of it"
            assert found.why == f"too many equal values: {lie}"
            assert pvalues.of(found) == 1.0


def test_one_block_on_the_other_side_gives_the_interval_back() -> None:
    assert one([0.0] * 15 + [0.01] * 4).low is None
    assert one([0.0] * 15 + [0.01] * 3 + [-0.01]).low is not None


def test_equal_means_equal_but_for_rounding() -> None:
    values = [0.3 + 1e-14 * (place % 3) for place in range(16)]
    assert one([*values, 0.31, 0.32, 0.33, 0.34]).low is None
    assert one([*values, 0.31, 0.32, 0.33, 0.34], rounding=1e-15).low is not None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_the_cells_name(bad: float) -> None:
    with pytest.raises(BadValue, match=r"cpu\.hash"):
        envelope.envelopes([Pairs("cpu.hash", (1, 2), (0.1, bad))])
    with pytest.raises(ValueError, match="finite"):
        envelope.bands(np.array([[0.1, bad]]))


def test_cells_of_unequal_size_come_back_in_their_order() -> None:
    random = np.random.default_rng(4)
    cells = [Pairs(str(n), tuple(range(n)), tuple(random.standard_normal(n))) for n in (15, 10, 0, 15, 1, 5)]
    found = envelope.envelopes(cells)
    assert [one_of.blocks for one_of in found] == [15, 10, 0, 15, 1, 5]
    for cell, one_of in zip(cells, found, strict=True):
        assert one_of.mean is None or one_of.mean == pytest.approx(math.fsum(cell.d) / len(cell.d))


def test_two_hundred_cells_take_well_under_half_a_second_of_processor_time() -> None:
    d = np.random.default_rng(5).standard_normal((200, 40))
    envelope.bands(d)
    spent = []
    for _ in range(3):
        began = time.thread_time()
        envelope.bands(d)
        spent.append(time.thread_time() - began)
    assert min(spent) <= 0.5
