"""No sentence on a cost says more than the interval that stands beside it."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.runs import make_run
from vbench.cli.frame import _cell
from vbench.cost import Analysis
from vbench.model import Cost, Difference, Verdict
from vbench.report import verdicts
from vbench.stats import envelope, logs
from vbench.stats.claims import Bounds
from vbench.stats.pairing import Pairs
from vbench.stats.verdict import Case, decide
from vbench.text import interval
from vbench.units import show, show_up
from vbench.validation import rows

COST = next(cost for cost in Analysis.of(make_run(losses=False)).costs if cost.verdict is Verdict.INCONCLUSIVE)
LENGTH = st.floats(-3, 3) | st.floats(-0.05, 0.05) | st.floats(-1e-5, 1e-5)  # of logarithms: near 1, and far from it
DELTA = st.floats(1e-4, 0.5) | st.sampled_from([0.01, 0.02, 0.05])
SCALE = {"ns": -9, "µs": -6, "ms": -3, "s": 0, "ks": 3}


def printed(low: float, high: float) -> tuple[Decimal, Decimal]:
    first, _, last = interval(low, high).partition(" to ")
    return Decimal(first), Decimal(last)


def outer(low: float, high: float) -> tuple[Decimal, Decimal]:
    """The ends that words must hold: the exact ones, and those that are printed."""
    first, last = printed(low, high)
    return min(first, Decimal(repr(low))), max(last, Decimal(repr(high)))


def ratio_of(text: str) -> Decimal:
    """`4.2 %` above nothing is 1.042, and so is `1.042×`."""
    return 1 + share_of(text) if text.endswith("%") else Decimal(text.removesuffix("×"))


def share_of(text: str) -> Decimal:
    return Decimal(text.removesuffix(" %")) / 100


def seconds_of(text: str) -> Decimal:
    value, unit = text.split()
    return Decimal(value).scaleb(SCALE[unit])


def holds(sentence: str, low: float, high: float) -> bool:
    """Whether every bound that a sentence on a ratio states lies outside the interval, or at its end."""
    first, last = outer(low, high)
    fine = []
    for bound in re.findall(r"a cost above (\S+(?: %)?) is excluded", sentence):
        fine.append(ratio_of(bound) >= last)
    for bound in re.findall(r"a gain above (\S+ %) (?:is|too)", sentence):
        fine.append(1 - share_of(bound) <= first)
    for bound in re.findall(r"(?:differs by less|difference is smaller) than (\S+ %)", sentence):
        fine += [1 + share_of(bound) >= last, 1 - share_of(bound) <= first]
    for near, far in re.findall(r"by \S+ % \((\S+) to (\S+ %)\)", sentence):
        outermost, nearest = (last - 1, first - 1) if low > 1 else (1 - first, 1 - last)
        fine += [share_of(far) >= outermost, share_of(near) <= nearest]
    if sentence.startswith("slower"):
        fine.append(first > 1)
    if sentence.startswith("faster"):
        fine.append(last < 1)
    return all(fine)


def ratio_cost(low: float, middle: float, high: float, verdict: Verdict) -> Cost:
    return replace(COST, cost=middle, low=low, high=high, verdict=verdict, half_width=high / middle - 1)


ENDS = st.tuples(LENGTH, LENGTH, LENGTH).map(lambda lengths: tuple(math.exp(length) for length in sorted(lengths)))


@given(ENDS, DELTA)
@example((0.964, 0.98, 1.009), 0.02)  # "any difference is smaller than 2 %" stood beside this interval
@example((1.0424, 1.06, 1.0796), 0.02)
@example((1.0003, 1.01, 1.02), 0.02)
@example((1.0000000000000002, 2.7, 2.8), 0.02)
@settings(max_examples=500, deadline=None)
def test_the_words_of_every_verdict_hold_the_interval_that_is_printed(
    ends: tuple[float, float, float], delta: float
) -> None:
    low, middle, high = ends
    allowed = [Verdict.EQUIVALENT, Verdict.INCONCLUSIVE]
    allowed += [Verdict.SLOWER] if low > 1 else [Verdict.FASTER] if high < 1 else []
    for verdict in allowed:
        cost = ratio_cost(low, middle, high, verdict)
        for sentence in (verdicts.sentence(cost, delta), verdicts.beside(cost), verdicts.excluded(cost)):
            assert holds(sentence, low, high), sentence


@given(ENDS)
@settings(max_examples=300, deadline=None)
def test_what_lies_beyond_1_is_printed_beyond_1(ends: tuple[float, float, float]) -> None:
    low, _, high = ends
    first, last = printed(low, high)
    side = (low > 1) - (high < 1)
    assert Bounds(low, high).side == side
    assert (first > 1) - (last < 1) == side


@given(ENDS, st.sampled_from([1e-9, 1e-3, 1.0]), DELTA)
@settings(max_examples=300, deadline=None)
def test_the_words_of_a_difference_hold_its_interval(
    ends: tuple[float, float, float], scale: float, margin: float
) -> None:
    low, middle, high = (scale * (value - 1) for value in ends)
    cost = replace(COST, cost=None, low=None, high=None, unit="s", difference=Difference(middle, low, high))
    excluded = verdicts.excluded(cost)
    for bound in re.findall(r"cost above (\S+ \S+) is", excluded):
        assert seconds_of(bound) >= max(Decimal(repr(high)), seconds_of(show(high, "s")))
    for bound in re.findall(r"gain above (\S+ \S+) (?:is|too)", excluded):
        assert seconds_of(bound) >= max(Decimal(repr(-low)), seconds_of(show(-low, "s")))
    assert ("cost above" in excluded) == (high > 0)
    assert ("gain above" in excluded) == (low < 0)
    said = verdicts.sentence(replace(cost, verdict=Verdict.EQUIVALENT), scale * margin)
    for bound in re.findall(r"(?:differs by less|difference is smaller) than (\S+ \S+) ", said):
        assert seconds_of(bound) >= max(Decimal(repr(abs(end))) for end in (low, high))


@given(st.lists(st.floats(-0.1, 0.1), min_size=10, max_size=20), st.sampled_from([0.1, 0.3, 1.0]), DELTA)
@settings(max_examples=150, deadline=None)
def test_the_reason_of_a_verdict_holds_the_interval(d: list[float], scale: float, delta: float) -> None:
    pairs = Pairs("cell", tuple(range(len(d))), tuple(scale * value for value in d))
    (found,) = envelope.envelopes([pairs])
    decision = decide(Case(envelope=found, margin=math.log1p(delta)))
    low, high = logs.ratio(found.low), logs.ratio(found.high)
    if low is not None and high is not None:
        assert holds(decision.reason, low, high), decision.reason
    else:
        assert "than" not in decision.reason.partition(";")[0] or decision.verdict is Verdict.INCONCLUSIVE


def test_a_cost_whose_95_percent_interval_reaches_beyond_the_margin_is_not_said_to_be_smaller() -> None:
    cost = ratio_cost(0.964, 0.98, 1.009, Verdict.EQUIVALENT)
    assert verdicts.sentence(replace(cost, role=""), 0.02) == (
        "equivalent, the 90 % interval lies within ± 2.0 %, the 95 % interval does not: "
        "a cost above 0.90 % is excluded, a gain above 3.6 % too (0.964 to 1.009)"
    )


def test_a_cost_without_an_interval_is_not_called_equivalent() -> None:
    d = (*([0.0] * 11), 0.001)
    (found,) = envelope.envelopes([Pairs("cell", tuple(range(12)), d)])
    assert found.low is None
    decision = decide(Case(envelope=found, margin=math.log1p(0.02)))
    assert decision.verdict is Verdict.INCONCLUSIVE


@given(ENDS)
@settings(max_examples=200, deadline=None)
def test_the_live_view_s_plus_minus_holds_both_ends(ends: tuple[float, float, float]) -> None:
    low, middle, high = ends
    cost, reach = _cell(ratio_cost(low, middle, high, Verdict.INCONCLUSIVE)).split(" ±")
    shown, share = Decimal(cost.removesuffix("×")), share_of(reach)
    assert shown * (1 - share) <= Decimal(repr(low))
    assert shown * (1 + share) >= Decimal(repr(high))


@given(ENDS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_figure_of_a_validation_holds_both_ends(ends: tuple[float, float, float], percent: bool) -> None:
    low, middle, high = ends
    found = re.fullmatch(r"\S+ \((\S+) to (\S+)\)(?: %)?", rows.around(middle, low, high, percent=percent))
    assert found is not None
    scale = 100 if percent else 1
    assert float(found[1]) <= low * scale * (1 + 1e-11)
    assert float(found[2]) >= high * scale * (1 - 1e-11)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.005001, "s", "5.01 ms"),
        (9.996e-4, "s", "1.00 ms"),
        (1234.5, "s", "1240 s"),
        (5.2e-11, "s", "0.06 ns"),
        (0.01491, "1", "0.015"),
        (0.01491, "units", "0.015 units"),
        (0.0, "s", "0 s"),
    ],
)
def test_a_length_is_rounded_away_from_zero(value: float, unit: str, text: str) -> None:
    assert show_up(value, unit) == text


def test_an_end_has_the_digits_that_tell_it_from_1() -> None:
    assert interval(1.0004, 1.0204) == "1.0004 to 1.020"
    assert interval(0.99997, 1.0) == "0.99997 to 1.000"
    assert interval(1.05004, 1.06, 1.05) == "1.05004 to 1.060"
