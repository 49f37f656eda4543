"""Verdicts follow their four rules in order, say why, and are never given on nothing."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vbench.model import Verdict
from vbench.stats import envelope, equivalence, judgement, pairing, pvalues
from vbench.stats.judgement import Hypothesis, Judged
from vbench.stats.pairing import BadValue, Pairs
from vbench.stats.verdict import Case, Rule, decide

MARGIN = equivalence.margin_of(0.02)


def blocks(mean: float, spread: float, count: int = 15, seed: int = 0) -> tuple[float, ...]:
    """Exactly that mean and standard deviation, in a shape that is nearly normal."""
    values = np.random.default_rng(seed).standard_normal(count)
    values = (values - values.mean()) / values.std(ddof=1)
    return tuple((mean + spread * values).tolist())


def case(d: tuple[float, ...], **more: object) -> Case:
    found = envelope.envelopes([Pairs("cell", tuple(range(len(d))), d)])[0]
    return Case(envelope=found, **{"margin": MARGIN, **more})  # type: ignore[arg-type]


def test_a_control_that_differs_withholds_whatever_the_cell_says() -> None:
    for d in (blocks(0.0, 0.005), blocks(0.5, 0.005), blocks(0.01, 0.1)):
        found = decide(case(d, control_p=0.01))
        assert (found.verdict, found.rule) == (Verdict.WITHHELD, Rule.CONTROL_DIFFERS)
        assert "control differs" in found.reason
        assert decide(case(d, control_p=0.051)).verdict is not Verdict.WITHHELD


def test_a_small_cost_is_equivalent_even_when_it_is_significant() -> None:
    assert decide(case(blocks(0.0, 0.005))).reason == "any difference is smaller than 2.0 %"
    found = decide(case(blocks(0.008, 0.002)))
    assert found.verdict is Verdict.EQUIVALENT
    assert found.reason == "differs by less than 2.0 %"


def test_a_cost_beyond_the_margin_is_slower_and_a_gain_is_faster() -> None:
    assert decide(case(blocks(0.05, 0.01))).verdict is Verdict.SLOWER
    assert decide(case(blocks(-0.05, 0.01))).verdict is Verdict.FASTER


def test_the_margin_is_never_widened_by_a_noisy_host() -> None:
    d = blocks(0.05, 0.1)
    quiet, noisy = decide(case(d, floor=0.001)), decide(case(d, floor=0.2))
    assert quiet.verdict is noisy.verdict is Verdict.INCONCLUSIVE
    assert noisy.unresolved
    assert not quiet.unresolved
    assert "this host cannot resolve 2 % for this benchmark" in noisy.reason


def test_an_inconclusive_cell_says_its_width_what_it_could_see_and_what_would_decide() -> None:
    found = decide(case(blocks(0.01, 0.03)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.blocks_to_decide is not None
    assert f"about {found.blocks_to_decide} blocks would decide" in found.reason
    assert "the interval reached a half-width of" in found.reason
    assert found.detectable is not None
    assert "would probably have been seen" in found.reason


def test_the_blocks_that_would_decide_do_decide() -> None:
    for mean in (0.0, 0.005, 0.012, 0.03):
        needed = decide(case(blocks(mean, 0.06))).blocks_to_decide
        assert needed is not None
        assert decide(case(blocks(mean, 0.06, needed + max(5, needed // 10)))).verdict is not Verdict.INCONCLUSIVE


def test_a_cell_that_no_number_of_blocks_would_decide_says_so() -> None:
    found = decide(case(blocks(MARGIN, 20.0)))
    assert found.blocks_to_decide is None
    assert "more than 10,000 blocks" in found.reason


def test_a_claim_that_adjustment_takes_away_is_inconclusive_and_says_so() -> None:
    d = blocks(0.03, 0.02)
    assert decide(case(d, p=0.04)).verdict is Verdict.SLOWER
    found = decide(case(d, p=0.06, adjustment="Holm over 5 comparisons"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "not after Holm over 5 comparisons" in found.reason


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_below_ten_blocks_there_is_no_verdict(count: int) -> None:
    d = blocks(0.5, 0.01, count) if count > 1 else (0.5,)
    found = decide(case(d, control_p=0.001))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason


@given(st.lists(st.floats(-1, 1), min_size=0, max_size=30), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_every_case_has_a_verdict_and_a_reason(d: list[float], p: float, control_p: float) -> None:
    found = decide(case(tuple(d), p=p, control_p=control_p))
    assert found.reason
    assert found.verdict is not Verdict.SLOWER or sum(d) > 0
    if len(d) < 10:
        assert found.verdict is Verdict.INCONCLUSIVE
    elif np.ptp(d) == 0:
        assert found.verdict is (Verdict.WITHHELD if control_p <= 0.05 else Verdict.INCONCLUSIVE)


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=30), st.floats(0, 1))
@example([0.0] * 6 + [1.0] * 3 + [5.5e-06], 0.0)  # an end of the bootstrap at 27,388: e to it is no number
@settings(max_examples=60, deadline=None)
def test_exchanging_the_arms_turns_slower_into_faster(d: list[float], p: float) -> None:
    turned = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}
    there, back = decide(case(tuple(d), p=p)), decide(case(tuple(-value for value in d), p=p))
    assert back.verdict is turned.get(there.verdict, there.verdict)
    assert back.detectable == there.detectable


def judged(*hypotheses: Hypothesis) -> list[Judged]:
    return list(judgement.judge(hypotheses, delta=0.02))


def hypothesis(place: str, arm: str, d: tuple[float, ...], **more: bool) -> Hypothesis:
    return Hypothesis(place, arm, Pairs(f"{place} {arm}", tuple(range(1, len(d) + 1)), d), **more)


def test_a_run_withholds_only_the_places_whose_control_differs() -> None:
    found = judged(
        hypothesis("cpu", "control", blocks(0.0, 0.004), is_control=True),
        hypothesis("cpu", "runc", blocks(0.05, 0.004)),
        hypothesis("disk", "control", blocks(0.03, 0.004), is_control=True),
        hypothesis("disk", "runc", blocks(0.05, 0.004)),
        hypothesis("start", "runc", blocks(0.05, 0.004)),
    )
    assert [one.decision.verdict.value for one in found] == ["equivalent", "slower", "withheld", "withheld", "slower"]
    assert [one.floor is None for one in found] == [False, False, False, False, True]
    assert found[0].floor == found[1].floor


FLAT = (math.log(1.1),) * 12
NEARLY = (*FLAT[:-1], math.log(1.11))  # too many equal values for the bootstrap


@pytest.mark.parametrize("off", [FLAT, NEARLY, tuple(-d for d in FLAT)])
def test_a_control_that_differs_in_every_block_withholds_without_an_interval(off: tuple[float, ...]) -> None:
    found = judged(
        hypothesis("cpu", "control", off, is_control=True),
        hypothesis("cpu", "runc", blocks(0.3, 0.01)),
        hypothesis("cpu", "flat", (0.3,) * 12),
        hypothesis("cpu", "few", (0.3, 0.31) * 4),
        hypothesis("disk", "runc", blocks(0.3, 0.01)),
    )
    assert found[0].envelope.low is None
    verdicts = [one.decision.verdict.value for one in found]
    assert verdicts == ["withheld", "withheld", "withheld", "inconclusive", "slower"]
    assert [one.decision.rule for one in found[:3]] == [Rule.CONTROL_DIFFERS] * 3
    assert all(one.decision.reason.startswith("the control differs from the baseline") for one in found[:3])


def test_a_control_of_too_many_equal_values_is_asked_by_student_alone_and_counted_among_the_controls() -> None:
    (alone,) = judged(hypothesis("cpu", "control", NEARLY, is_control=True))
    assert alone.p == alone.p_adjusted == pvalues.by_t(float(np.mean(NEARLY)), float(np.std(NEARLY, ddof=1)), 12)
    other = hypothesis("disk", "control", blocks(0.0, 0.01), is_control=True)
    assert judged(hypothesis("cpu", "control", NEARLY, is_control=True), other)[0].p_adjusted == 2 * alone.p
    (seldom,) = judged(hypothesis("cpu", "control", (0.0,) * 11 + (0.1,), is_control=True))
    assert (seldom.envelope.low, seldom.decision.verdict) == (None, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("off", [(0.0,) * 12, (1e-13,) * 12, FLAT[:9], NEARLY[-9:]])
def test_a_control_within_rounding_or_of_too_few_blocks_withholds_nothing(off: tuple[float, ...]) -> None:
    found = judged(hypothesis("cpu", "control", off, is_control=True), hypothesis("cpu", "runc", blocks(0.3, 0.01)))
    assert found[1].decision.verdict is Verdict.SLOWER
    assert (found[0].counted, found[0].differs_for_certain) == (False, False)


def test_rounding_of_a_difference_is_that_of_its_values() -> None:
    base = dict.fromkeys(range(12), 1e9)
    for step, verdict in ((1e-4, Verdict.INCONCLUSIVE), (1e-2, Verdict.WITHHELD)):
        own = {block: value + step for block, value in base.items()}
        pairs = pairing.differences("memory control", own, base, "lower", unit="B")
        assert judged(Hypothesis("memory", "control", pairs, is_control=True))[0].decision.verdict is verdict


@given(st.lists(st.sampled_from([0.0, 0.1, 0.3]), min_size=10, max_size=14), st.sampled_from([FLAT, NEARLY, ()]))
@settings(max_examples=40, deadline=None)
def test_what_has_no_interval_is_never_a_claim_whatever_the_control_is(d: list[float], off: tuple[float, ...]) -> None:
    found = judged(hypothesis("cpu", "control", off, is_control=True), hypothesis("cpu", "runc", tuple(d)))[1]
    if found.envelope.low is None:
        assert found.decision.verdict not in (Verdict.SLOWER, Verdict.FASTER)
        assert found.p == found.p_adjusted == 1.0


@pytest.mark.parametrize("mean", [0.0, 0.05, -0.05, 0.018])
def test_a_verdict_without_a_control_says_so_and_stays_the_same(mean: float) -> None:
    arm = hypothesis("cpu", "runc", blocks(mean, 0.01))
    seen = judged(hypothesis("cpu", "control", blocks(0.0, 0.01, seed=1), is_control=True), arm)[1].decision
    said = "the noise of this host was not measured"
    assert said not in seen.reason
    for others, words in (
        ((), f"; no control: {said}"),
        ((hypothesis("cpu", "control", (), is_control=True),), f"; no control: {said}"),
        (
            (hypothesis("cpu", "control", (0.0, 0.1), is_control=True),),
            f"; the control has 2 of the 10 blocks that it needs: {said}",
        ),
        ((hypothesis("disk", "control", blocks(0.0, 0.01), is_control=True),), f"; no control: {said}"),
    ):
        found = judged(*others, arm)[-1].decision
        assert found.verdict is seen.verdict
        assert found.reason.endswith(words)


def test_controls_confirmatory_and_other_cells_are_adjusted_apart() -> None:
    d = blocks(0.01, 0.016)
    alone = judged(hypothesis("a", "runc", d, is_confirmatory=True))[0]
    among = judged(
        *(hypothesis(str(i), "runc", blocks(0.0, 0.05, seed=i)) for i in range(20)),
        hypothesis("a", "runc", d, is_confirmatory=True),
    )[-1]
    assert alone.p == alone.p_adjusted == among.p_adjusted
    two = judged(hypothesis("a", "runc", d, is_confirmatory=True), hypothesis("b", "runc", d, is_confirmatory=True))
    assert two[0].p_adjusted == pytest.approx(2 * alone.p)
    assert [one.role for one in two] == ["confirmatory", "confirmatory"]


def test_more_than_five_confirmatory_comparisons_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 5"):
        judged(*(hypothesis(str(i), "runc", blocks(0.0, 0.05), is_confirmatory=True) for i in range(6)))


def test_cells_without_an_interval_do_not_count_as_comparisons() -> None:
    d = blocks(0.03, 0.02)
    found = judged(
        hypothesis("a", "x", d), hypothesis("b", "x", ()), hypothesis("c", "x", (0.1,)), hypothesis("d", "x", d[:5])
    )
    assert found[0].p_adjusted == found[0].p


BASE = tuple(1 + 0.01 * math.sin(block) for block in range(15))


@pytest.mark.parametrize(
    ("own", "baseline", "reason"),
    [
        (tuple(2 * value for value in BASE), BASE[:14], "15 values against 14 of the baseline cannot be paired"),
        ((2.0,) * 15, (1.0,) * 15, "no spread"),
        ((2.0,), (1.0,), "one pair has no spread"),
        ((), BASE, "no values"),
        (BASE, (), "the baseline has no values"),
        ((0.0, *BASE[1:]), BASE, "no ratio: a value of block 1 is zero or negative"),
    ],
)
def test_degenerate_inputs_are_inconclusive_with_the_reason(
    own: tuple[float, ...], baseline: tuple[float, ...], reason: str
) -> None:
    found = judged(Hypothesis("cpu", "runc", pairing.by_block("cpu runc", own, baseline, "lower")))[0]
    assert found.decision.verdict is Verdict.INCONCLUSIVE
    assert found.decision.reason == reason
    assert found.p == found.p_adjusted == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_with_the_cells_name_and_block(bad: float) -> None:
    with pytest.raises(BadValue, match="cpu runc: block 2 holds") as refused:
        pairing.ratios("cpu runc", {1: 1.0, 2: bad}, {1: 1.0, 2: 1.0}, "lower")
    assert refused.value.hint
    with pytest.raises(BadValue, match="cpu runc: baseline, block 2 holds"):
        pairing.differences("cpu runc", {1: 1.0, 2: 1.0}, {1: 1.0, 2: bad}, "lower", unit="s")


def test_only_blocks_with_both_arms_are_paired() -> None:
    found = pairing.ratios("cpu", {1: 2.0, 3: 2.0, 4: 4.0}, {1: 1.0, 2: 1.0, 4: 1.0}, "lower")
    assert found.blocks == (1, 4)
    assert found.d == (pytest.approx(math.log(2)), pytest.approx(math.log(4)))
    assert pairing.ratios("cpu", {1: 2.0}, {2: 1.0}, "lower").why == "no block has both arms"


def test_metrics_that_can_be_zero_are_compared_by_their_difference_in_their_unit() -> None:
    own = {block: 0.2 + 0.01 * math.sin(block) for block in range(1, 16)}
    base = dict.fromkeys(range(1, 16), 0.0)
    pairs = pairing.differences("memory idle", own, base, "lower", unit="B")
    found = judgement.judge([Hypothesis("memory", "runc", pairs)], delta=0.02)[0]
    assert found.decision.verdict is Verdict.SLOWER
    assert found.decision.reason.startswith("the whole 95 % interval lies above 0")
    assert found.envelope.mean == pytest.approx(0.2, abs=0.01)
    better = judgement.judge([Hypothesis("memory", "runc", pairs, margin=0.5)], delta=0.02)[0].decision
    assert better.verdict is Verdict.EQUIVALENT
    assert better.reason.startswith("differs by less than 500 mB")


def test_higher_is_better_turns_the_sign_of_a_difference_too() -> None:
    assert pairing.differences("x", {1: 3.0}, {1: 1.0}, "higher", unit="s").d == (-2.0,)
