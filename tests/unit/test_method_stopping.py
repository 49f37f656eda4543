"""A run stops on the width of its confirmatory intervals, never on what they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vbench.stats import detectable, envelope, equivalence
from vbench.stats.envelope import Envelope
from vbench.stats.pairing import Pairs
from vbench.stats.stopping import End, Settled, Stopping, done, look, settled, within_reach

RULE = Stopping()


def cell(mean: float, spread: float, blocks: int, seed: int = 0) -> Envelope:
    values = np.random.default_rng(seed).standard_normal(blocks)
    values = mean + spread * (values - values.mean()) / values.std(ddof=1)
    return envelope.envelopes([Pairs("cell", tuple(range(blocks)), tuple(values.tolist()))])[0]


def test_looks_are_taken_from_n_min_in_steps_to_n_max() -> None:
    assert RULE.looks() == (15, 20, 25, 30, 35, 40)
    assert Stopping(n_min=10, n_max=10).looks() == (10,)
    assert Stopping(n_min=10, look_every=4, n_max=17).looks() == (10, 14, 17)


def test_the_limit_is_half_the_margin_or_a_tenth_of_the_cost() -> None:
    assert RULE.limit(0.0) == equivalence.margin_of(0.02) / 2
    assert RULE.limit(-1.0) == RULE.limit(1.0) == 0.1


def test_the_limit_of_a_difference_is_half_its_own_margin_or_a_tenth_of_it_whatever_delta_and_width_say() -> None:
    for rule in (RULE, Stopping(delta=0.5), Stopping(width=0.3)):
        assert rule.limit(0.0, 0.0001) == 0.00005
        assert rule.limit(-0.01, 0.0001) == rule.limit(0.01, 0.0001) == 0.001


def test_every_cell_is_judged_by_its_own_margin_at_the_same_look() -> None:
    cells = {"s": cell(0.0, 0.001, 15), "B/s": cell(0.0, 1e6, 15), "ratio": cell(0.0, 0.01, 15)}
    assert look(cells, 15, RULE, {"s": 0.01, "B/s": 1e7}).end is End.WIDTHS_REACHED
    found = look(cells, 15, RULE, {"s": 0.0001, "B/s": 1e6})
    assert (found.stop, found.open, found.beyond) == (False, ("s", "B/s"), ("s",))
    assert done(cells["B/s"], RULE, 1e7)
    assert not done(cells["B/s"], RULE)
    assert within_reach(cells["B/s"], RULE, 1e6)
    assert not within_reach(cells["B/s"], RULE, 1e5)


def test_narrow_cells_end_the_run_and_wide_ones_go_on() -> None:
    narrow, wide = cell(0.0, 0.01, 15), cell(0.0, 0.03, 15)
    assert look({"a": narrow}, 15, RULE).end is End.WIDTHS_REACHED
    found = look({"a": narrow, "b": wide}, 15, RULE)
    assert (found.stop, found.open, found.next_look) == (False, ("b",), 20)


def test_significance_alone_neither_ends_nor_prolongs_a_run() -> None:
    significant = cell(0.05, 0.03, 15)
    assert significant.low is not None
    assert significant.low > 0
    assert not look({"a": significant}, 15, RULE).stop
    nothing = cell(0.0, 0.01, 15)
    assert nothing.low is not None
    assert nothing.low < 0
    assert look({"a": nothing}, 15, RULE).stop


def test_between_looks_nothing_is_decided() -> None:
    for blocks in (10, 14, 16, 19):
        assert not look({"a": cell(0.0, 0.001, blocks)}, blocks, RULE).stop


def test_at_n_max_the_run_ends_with_what_it_reached() -> None:
    found = look({"a": cell(0.0, 0.5, 40)}, 40, RULE)
    assert (found.end, found.open) == (End.AT_MOST, ("a",))


def test_cells_that_n_max_cannot_narrow_are_named_at_the_first_look() -> None:
    cells = {"near": cell(0.0, 0.02, 15), "far": cell(0.0, 0.27, 15)}
    found = look(cells, 15, RULE)
    assert found.open == ("near", "far")
    assert found.beyond == ("far",)


def test_cells_without_an_interval_are_never_done_and_out_of_reach() -> None:
    for blank in (Envelope(0), Envelope(15, 0.1, 0.0, why="no spread"), cell(0.0, 0.001, 9)):
        assert not done(blank, RULE)
    assert not within_reach(Envelope(15, 0.1, 0.0, why="no spread"), RULE)


def test_a_benchmark_is_settled_by_widths_alone() -> None:
    for mean in (-0.05, 0.0, 0.05):
        assert settled({"narrow": cell(mean, 0.01, 15)}, RULE) is Settled.NARROW
        assert settled({"narrow": cell(mean, 0.01, 15), "open": cell(mean, 0.03, 15)}, RULE) is None
        far = {"narrow": cell(mean, 0.01, 15), "far": cell(mean, 0.27, 15)}
        assert settled(far, RULE) is Settled.UNDECIDABLE
        assert settled(far | {"open": cell(mean, 0.03, 15)}, RULE) is None


def test_a_benchmark_that_can_still_show_the_smallest_cost_of_interest_goes_on() -> None:
    """40 blocks that spread by 5 % give ± 1.6 %: not narrow enough, and a cost of 2 % is seen all the same."""
    wide = cell(0.0, 0.05, 15)
    assert not within_reach(wide, RULE)
    assert settled({"wide": wide}, RULE) is None
    assert settled({"wider": cell(0.0, 0.07, 15)}, RULE) is Settled.UNDECIDABLE
    assert settled({"large": cell(0.5, 0.12, 15)}, RULE) is None  # a tenth of a large cost is precise enough


def test_what_has_no_interval_is_out_of_reach() -> None:
    for blank in (Envelope(0), Envelope(15, 0.1, 0.0, why="no spread")):
        assert settled({"blank": blank}, RULE) is Settled.UNDECIDABLE
    assert settled({}, RULE) is Settled.UNDECIDABLE
    assert settled({"rough": cell(0.0, 0.001, 9)}, RULE) is None


def test_the_margin_of_a_difference_is_the_widest_interval_that_shows_it() -> None:
    assert RULE.widest(0.0) == equivalence.margin_of(0.02)
    assert RULE.widest(0.0, 0.0001) == 0.0001
    assert RULE.widest(-0.5, 0.0001) == 0.05
    assert Stopping(width=0.1).widest(0.0) == equivalence.margin_of(0.1)  # never narrower than what is wanted


def test_a_run_without_confirmatory_cells_goes_to_n_max() -> None:
    assert not look({}, 15, RULE).stop
    assert look({}, 40, RULE).end is End.AT_MOST


@given(st.floats(1e-4, 1), st.integers(2, 500))
@settings(deadline=None)
def test_more_blocks_detect_smaller_costs(spread: float, blocks: int) -> None:
    assert detectable.smallest_mean(spread, blocks + 1) < detectable.smallest_mean(spread, blocks)
    assert detectable.half_width(spread, blocks + 1) < detectable.half_width(spread, blocks)


def test_the_smallest_detectable_cost_is_seen_four_times_in_five() -> None:
    spread, blocks = 0.0155, 20
    cost = detectable.smallest_mean(spread, blocks)
    d = cost + spread * np.random.default_rng(11).standard_normal((4000, blocks))
    t = d.mean(axis=1) / d.std(axis=1, ddof=1) * math.sqrt(blocks)
    assert np.mean(t > 2.093) == pytest.approx(0.8, abs=0.03)


@given(st.floats(-0.1, 0.1), st.floats(1e-3, 1), st.none() | st.floats(0, 0.1), st.floats(1, 2), st.floats(1, 2))
@settings(deadline=None)
def test_the_blocks_that_would_decide_are_the_fewest(
    mean: float, spread: float, margin: float | None, widening: float, inner: float
) -> None:
    def decides(blocks: int) -> bool:
        if detectable.half_width(spread, blocks, widening=widening) < abs(mean):
            return True
        half_width = detectable.half_width(spread, blocks, widening=inner, alpha=0.1)
        return margin is not None and half_width < margin - abs(mean)

    needed = detectable.blocks_to_decide(mean, spread, margin, widening=widening, inner_widening=inner)
    assert decides(needed or detectable.MOST_BLOCKS) == (needed is not None)
    assert needed == 10 or not decides((needed or detectable.MOST_BLOCKS) - 1)
