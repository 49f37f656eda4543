"""The smaller parts of the method agree with oracles, with worked examples, and refuse what they cannot answer."""

import math
from random import Random

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from vbench.stats import (
    dimensioning,
    envelope,
    equivalence,
    geometric,
    hodges_lehmann,
    multiplicity,
    noise_floor,
    pvalues,
    quantiles,
    rare,
    steady,
    suspects,
)
from vbench.stats.envelope import Envelope
from vbench.stats.pairing import Pairs

FINITE = st.floats(-10, 10)
P = st.lists(st.floats(0, 1), min_size=0, max_size=40)


# --- Hodges-Lehmann ---------------------------------------------------------------------------------------------


def test_the_pseudo_median_is_the_median_of_the_walsh_averages() -> None:
    found = hodges_lehmann.estimate([1.0, 2.0, 10.0])
    assert found.centre == 3.75
    assert found.low is None


@pytest.mark.parametrize(("n", "rank"), [(5, 0), (6, 1), (10, 9), (15, 26), (20, 53)])
def test_its_interval_stands_at_the_printed_ranks_of_wilcoxons_table(n: int, rank: int) -> None:
    assert hodges_lehmann._rank(n, 0.05) == rank


@given(st.lists(FINITE, min_size=6, max_size=20))
@settings(deadline=None)
def test_it_is_turned_by_an_exchange_and_holds_its_centre(d: list[float]) -> None:
    there, back = hodges_lehmann.estimate(d), hodges_lehmann.estimate([-value for value in d])
    assert there.centre == -back.centre
    assert there.low is not None
    assert there.high is not None
    assert back.low is not None
    assert (there.high, there.low <= there.centre <= there.high) == (-back.low, True)


def test_one_far_block_moves_it_little() -> None:
    d = [0.01 * math.sin(block) for block in range(15)]
    assert abs(hodges_lehmann.estimate([*d[:-1], 100.0]).centre - hodges_lehmann.estimate(d).centre) < 0.005


# --- quantiles --------------------------------------------------------------------------------------------------


def test_a_quantile_needs_enough_samples_to_have_one_beyond_it() -> None:
    assert [quantiles.fewest(p) for p in (0.5, 0.9, 0.99, 0.999)] == [1, 29, 299, 2995]
    for p in (0.9, 0.95, 0.99, 0.999):
        assert 1 - p ** quantiles.fewest(p) >= 0.95 > 1 - p ** (quantiles.fewest(p) - 1)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=400), st.sampled_from([0.5, 0.9, 0.99]))
@settings(deadline=None)
def test_it_is_the_nearest_rank_or_nothing(samples: list[int], p: float) -> None:
    enough = len(samples) >= quantiles.fewest(p)
    nearest_rank = sorted(samples)[math.ceil(p * len(samples)) - 1] if enough else None
    counts = {value: samples.count(value) for value in set(samples)}
    assert quantiles.within(samples, p) == quantiles.of_counts(counts, p) == nearest_rank


def test_what_is_no_quantile_is_refused() -> None:
    for p in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="quantile"):
            quantiles.fewest(p)
    with pytest.raises(ValueError, match="finite"):
        quantiles.within([1.0, math.nan], 0.5)
    assert quantiles.within([], 0.5) is None


# --- equivalence and floor --------------------------------------------------------------------------------------


def one(d: list[float]) -> Envelope:
    return envelope.envelopes([Pairs("cell", tuple(range(len(d))), tuple(d))])[0]


def tost(d: list[float], margin: float) -> float:
    """The p-value of scipy's two one-sided t tests."""
    below = scipy.stats.ttest_1samp(d, -margin, alternative="greater").pvalue
    above = scipy.stats.ttest_1samp(d, margin, alternative="less").pvalue
    return float(max(below, above))


@given(st.lists(FINITE, min_size=5, max_size=20, unique=True), st.floats(0.01, 5))
@settings(deadline=None)
def test_equivalence_is_two_one_sided_tests_by_t_and_from_15_blocks_by_the_bootstrap_too(
    d: list[float], margin: float
) -> None:
    found = one(d)
    by_t = tost(d, margin)
    if np.ptp(d) < 1e-6 or found.inner is None or abs(by_t - 0.05) < 1e-9:
        return
    tested = equivalence.of(found, margin)
    by_bootstrap = True
    assert (found.inner.bootstrap is None) == (len(d) < 15)
    if len(d) >= 15:
        low, high = envelope.bands(np.array([d]), alpha=0.1)[4:6]
        assert found.inner.bootstrap == (low[0], high[0])
        by_bootstrap = bool(-margin < low[0] and high[0] < margin)
    if len(d) >= 10:
        assert bool(equivalence.holds(envelope.bands(np.array([d])), len(d), margin)[0]) == tested.holds
    assert tested.holds == (by_t < 0.05 and by_bootstrap)


@given(st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=20))
@settings(deadline=None)
def test_equivalence_is_alike_for_exchanged_arms(d: list[float]) -> None:
    there, back = one(d), one([-value for value in d])
    if there.inner is None:
        assert back.inner is None
        assert there.low is None
        return
    one_way, other = equivalence.of(there, 0.1), equivalence.of(back, 0.1)
    assert (one_way.low, one_way.high, one_way.holds) == (-other.high, -other.low, other.holds)
    assert there.low is not None
    assert there.high is not None
    assert there.low <= one_way.low <= one_way.high <= there.high


def test_from_15_blocks_on_a_tail_towards_the_bound_is_equivalent_by_t_and_not_by_the_bootstrap() -> None:
    near = [-0.0002, -0.0004, 0.0001, 0.0005, -0.0001, 0.0003, 0.0, 0.0002, 0.0015, -0.0003, 0.0004, -0.0005, 0.0006]
    for blocks, is_asked in ((14, False), (15, True)):
        d = [*[*near, 0.0001][: blocks - 1], 0.0025 * blocks]
        assert tost(d, 0.02) < 0.05
        assert equivalence.of(one(d), 0.02).holds != is_asked


@given(st.lists(FINITE, min_size=3, max_size=20, unique=True))
@settings(deadline=None)
def test_the_floor_is_the_smallest_margin_that_t_tests_would_call_equivalent(d: list[float]) -> None:
    mean, spread = float(np.mean(d)), float(np.std(d, ddof=1))
    if spread < 1e-6:
        return
    floor = noise_floor.floor(mean, spread, len(d))
    assert tost(d, floor * 0.999) >= 0.05
    assert tost(d, floor * 1.001) < 0.05


def test_nothing_is_equivalent_without_spread_or_margin() -> None:
    for d in ([], [0.0], [0.001, 0.0], [0.0] * 12, [0.0] * 11 + [0.001]):
        with pytest.raises(ValueError, match="interval"):
            equivalence.of(one(d), 0.02)
    for spread in (0.0, math.nan):
        with pytest.raises(ValueError, match="spread"):
            noise_floor.floor(0.0, spread, 10)
    for delta in (0.0, -0.02, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive"):
            equivalence.margin_of(delta)


# --- p-values and multiplicity ----------------------------------------------------------------------------------


@given(st.lists(FINITE, min_size=2, max_size=20, unique=True))
@settings(deadline=None)
def test_the_t_p_value_is_scipys(d: list[float]) -> None:
    spread = float(np.std(d, ddof=1))
    if spread < 1e-6:
        return
    expected = scipy.stats.ttest_1samp(d, 0).pvalue
    assert pvalues.by_t(float(np.mean(d)), spread, len(d)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_holm_is_the_worked_example() -> None:
    assert multiplicity.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(P)
@settings(deadline=None)
def test_benjamini_hochberg_is_scipys_and_never_above_holm(p: list[float]) -> None:
    found = multiplicity.benjamini_hochberg(p)
    if p:
        assert found == pytest.approx(tuple(scipy.stats.false_discovery_control(p, method="bh")))
    for raw, raised, strictest in zip(p, found, multiplicity.holm(p), strict=True):
        assert raw <= raised + 1e-15
        assert raised <= strictest + 1e-12
        assert strictest <= 1


@given(P, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_comparisons_does_not_matter(p: list[float], random: Random) -> None:
    places = list(range(len(p)))
    random.shuffle(places)
    for adjust in (multiplicity.holm, multiplicity.benjamini_hochberg):
        straight, shuffled = adjust(p), adjust([p[place] for place in places])
        assert [shuffled[places.index(place)] for place in range(len(p))] == pytest.approx(list(straight))


def test_what_is_no_probability_is_refused() -> None:
    for bad in (math.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match="p-value"):
            multiplicity.holm([0.5, bad])


# --- dimensioning -----------------------------------------------------------------------------------------------


def test_the_erratum_is_applied_and_known_components_are_found_again() -> None:
    random = np.random.default_rng(1)
    blocks, starts, runs = 4000, 5, 4
    pilot = (
        random.normal(0, 3, (blocks, 1, 1))
        + random.normal(0, 2, (blocks, starts, 1))
        + random.normal(0, 1, (blocks, starts, runs))
    )
    assert dimensioning.components(pilot) == pytest.approx((1, 4, 9), rel=0.15)
    s = dimensioning.spreads(pilot)
    assert dimensioning.components(pilot)[2] == s[2] - s[1] / starts
    assert dimensioning.components(pilot)[1] == s[1] - s[0] / runs


def test_repetitions_go_where_the_variance_is_and_the_seconds_are_not() -> None:
    random = np.random.default_rng(2)
    noisy_starts = random.normal(0, 1, (20, 1)) + random.normal(0, 0.01, (20, 10))
    noisy_runs = random.normal(0, 0.3, (4000, 1)) + random.normal(0, 1, (4000, 10))
    assert dimensioning.repetitions(noisy_starts, (1.0, 1.0)) == (1,)
    cheap, dear = (dimensioning.repetitions(noisy_runs, (1.0, cost))[0] for cost in (1.0, 100.0))
    assert cheap == 4
    assert dear == pytest.approx(10 / 0.3, abs=4)


def test_a_level_that_adds_nothing_gets_one_repetition_or_leaves_all_to_the_one_below() -> None:
    pilot = np.tile(np.array([1.0, 2.0, 3.0]), (4, 1))
    assert dimensioning.repetitions(pilot, (1.0, 1.0), most=50) == (50,)
    assert dimensioning.repetitions(pilot.T, (1.0, 1.0)) == (1,)


def test_a_pilot_needs_two_repetitions_and_a_cost_for_every_level() -> None:
    with pytest.raises(ValueError, match="at least two"):
        dimensioning.spreads(np.ones((5, 1)))
    with pytest.raises(ValueError, match="2 levels"):
        dimensioning.repetitions(np.random.default_rng(0).normal(size=(5, 5)), (1.0,))


# --- steadiness and shapes --------------------------------------------------------------------------------------


def test_a_trial_that_warms_up_is_not_steady_and_noise_is() -> None:
    warming = steady.drift([2.0 - 0.05 * i for i in range(15)])
    assert warming is not None
    assert not warming.is_steady
    noisy = steady.drift([1.0, 1.3, 0.8, 1.1, 0.9, 1.4, 0.7, 1.2, 1.0])
    assert noisy is not None
    assert noisy.is_steady
    slight = steady.drift([1.00, 1.00, 1.00, 1.02, 1.02, 1.02, 1.04, 1.04, 1.04])
    assert slight is not None
    assert slight.is_steady
    assert steady.drift([1.0] * 5) is None


@pytest.mark.parametrize("size", [2.0**1023, 1.7e308])
def test_the_drift_of_values_near_the_largest_number_is_told(size: float) -> None:
    found = steady.drift([size] * 6 + [math.nextafter(size, 0)] * 6)
    assert found is not None
    assert found.is_steady
    even = steady.drift([size] * 6 + [size / 2] * 6)
    assert even is not None
    assert (even.first, even.change, even.is_steady) == (size, -0.5, False)


def test_a_step_is_found_where_it_is() -> None:
    random = np.random.default_rng(3)
    values = np.r_[random.normal(0, 1, 20), random.normal(4, 1, 12)].tolist()
    found = steady.change_point(values)
    assert found is not None
    assert found.after == 20
    assert found.p < 0.001
    assert found.shift == pytest.approx(4, abs=1)
    assert steady.change_point(values[:7]) is None


def test_a_level_series_rarely_shows_a_step() -> None:
    random = np.random.default_rng(4)
    found = [steady.change_point(random.normal(size=20).tolist()) for _ in range(500)]
    assert np.mean([one is not None and one.p <= 0.05 for one in found]) <= 0.07


def test_far_blocks_and_two_modes_are_named_and_quiet_blocks_are_not() -> None:
    calm = [0.01 * math.sin(block) for block in range(20)]
    assert suspects.suspects(calm) == ()
    [far] = suspects.suspects([*calm, 1.0])
    assert far.positions == (20,)
    assert "1 of 21 blocks" in far.what
    [modes] = suspects.suspects([*calm[:10], *(1 + value for value in calm)])
    assert modes.positions == tuple(range(10))
    assert "two modes" in modes.what
    assert suspects.suspects([1.0] * 20) == suspects.suspects(calm[:9]) == ()
    assert suspects.suspects([0.0] * 10 + [1.0] * 10)[0].what.startswith("two modes")


# --- families and runs ------------------------------------------------------------------------------------------


def test_a_geometric_mean_is_taken_block_by_block() -> None:
    one = Pairs("a", (1, 2, 3), (0.1, 0.2, 0.3))
    other = Pairs("b", (2, 3, 4), (0.4, 0.5, 0.6))
    found = geometric.mean_cost("cpu", [one, other])
    assert found.blocks == (2, 3)
    assert found.d == pytest.approx((0.3, 0.4))


def test_shared_disturbances_do_not_shrink_the_interval_of_a_family() -> None:
    shared = np.random.default_rng(5).normal(0, 0.05, 15)
    blocks = tuple(range(15))
    cells = [Pairs(str(i), blocks, tuple((shared + 0.001 * i).tolist())) for i in range(8)]
    assert np.std(geometric.mean_cost("cpu", cells).d) == pytest.approx(np.std(shared))


def test_a_family_without_a_common_block_has_no_mean() -> None:
    assert geometric.mean_cost("cpu", [Pairs("a", (1,), (0.1,)), Pairs("b", (2,), (0.1,))]).why
    assert "b without values" in geometric.mean_cost("cpu", [Pairs("a", (1,), (0.1,)), Pairs("b")]).why
    assert geometric.mean_cost("cpu", []).why
    with pytest.raises(ValueError, match="only ratios"):
        geometric.mean_cost("cpu", [Pairs("a", (1,), (0.1,), unit="s")])


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e120])
@pytest.mark.parametrize("shape", ["one", "apart", "rounded", "two values", "far"])
def test_two_modes_are_those_of_the_split_that_is_largest_of_all(shape: str, scale: float) -> None:
    """Running sums only choose the splits that are looked at, and the findings do not depend on the choice."""
    draw = np.random.default_rng(20130620)
    vectors = []
    for count in range(10, 60):
        values = draw.normal(size=count)
        changed = {
            "one": values,
            "apart": np.where(draw.random(count) < 0.5, values, 12 + values),
            "rounded": np.round(values),
            "two values": np.where(draw.random(count) < 0.4, 0.0, 1.0),
            "far": np.exp(3 * values),
        }
        vectors.append(changed[shape] * scale)
    chosen = [suspects.suspects(vector) for vector in vectors]
    assert chosen == [suspects.suspects(vector, every_split) for vector in vectors]


def every_split(ordered: suspects.Array) -> list[int]:
    least = math.ceil(suspects.LEAST_SIDE * ordered.size)
    return list(range(least, ordered.size - least + 1))


# --- rare events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [1, 3, 10, 15, 40, 200])
def test_an_event_at_the_bound_is_missed_by_one_run_in_twenty(blocks: int) -> None:
    bound = rare.unseen(blocks)
    assert scipy.stats.binom.pmf(0, blocks, bound) == pytest.approx(0.05)
    assert bound < 3 / blocks
    assert bound == pytest.approx(3 / blocks, rel=2 / blocks)


def test_without_a_block_there_is_no_bound() -> None:
    with pytest.raises(ValueError, match="at least one block"):
        rare.unseen(0)
