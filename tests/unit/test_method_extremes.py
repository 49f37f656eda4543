"""Differences of any size that a float holds are judged alike, or say in words that they are too large."""

import math
import warnings

import pytest

from vbench.stats import envelope, judgement, pairing, suspects
from vbench.stats.judgement import Hypothesis, Judged
from vbench.stats.pairing import Pairs

SHAPE = [0.01 * math.sin(block) for block in range(12)]


def judged(own: list[float], baseline: list[float], margin: float) -> Judged:
    pairs = pairing.differences("app.lag runc", dict(enumerate(own)), dict(enumerate(baseline)), "lower", unit="s")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return judgement.judge([Hypothesis("app.lag value", "runc", pairs, margin=margin)], delta=0.02)[0]


@pytest.mark.parametrize("exponent", [-1000, -600, 500, 600, 800, 990])
@pytest.mark.parametrize("mean", [0.0, 1.0, -0.02])
def test_a_difference_is_judged_alike_in_every_unit(mean: float, exponent: int) -> None:
    scale = 2.0**exponent
    own = [mean + value for value in SHAPE]
    here = judged(own, [0.0] * 12, 0.05)
    there = judged([value * scale for value in own], [0.0] * 12, 0.05 * scale)
    assert there.decision.verdict is here.decision.verdict
    assert (there.p, there.suspects) == (here.p, here.suspects)
    for name in ("mean", "spread", "low", "high"):
        assert getattr(there.envelope, name) == getattr(here.envelope, name) * scale


@pytest.mark.parametrize(("own", "base"), [(1.5e308, -1.5e308), (1e308, 0.0), (1.1e300, 0.0)])
def test_a_difference_beyond_what_can_be_written_says_so(own: float, base: float) -> None:
    found = judged([own * (1 + value) for value in SHAPE], [base] * 12, 1.0)
    assert found.envelope.low is None
    assert found.decision.reason.startswith("no difference: too large to write")


def test_values_near_the_largest_number_have_small_differences() -> None:
    found = judged([1.7e308] * 12, [1.7e308 * (1 - abs(value) / 1e9) for value in SHAPE], 1.0)
    assert found.envelope.low is not None
    assert found.envelope.low > 0


def test_far_blocks_are_named_in_every_unit() -> None:
    for exponent in (-900, 0, 900):
        (far,) = suspects.suspects([math.ldexp(value, exponent) for value in [*SHAPE, 1.0]])
        assert far.positions == (12,)


def test_a_difference_of_many_equal_values_is_told_from_one_that_is_large() -> None:
    (found,) = envelope.envelopes([Pairs("x", tuple(range(12)), (0.0,) * 11 + (1e200,), "s")])
    assert "equal values" in found.why
