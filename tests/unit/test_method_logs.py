"""Logarithms of ratios back to ratios, where e to them is a number and where it is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.stats import logs

ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(ANY)
def test_what_is_a_ratio_is_a_finite_number_above_0(length: float) -> None:
    found = logs.ratio(length)
    assert found is None or (math.isfinite(found) and found > 0)


@given(st.floats(-700, 700))
def test_exchanged_arms_give_inverse_ratios(length: float) -> None:
    larger, smaller = logs.ratio(abs(length)), logs.ratio(-abs(length))
    assert larger is not None
    assert smaller == 1 / larger


@given(ANY)
def test_an_excess_is_a_finite_number_above_minus_1(length: float) -> None:
    found = logs.excess(length)
    assert found is None or (math.isfinite(found) and found >= -1)


@pytest.mark.parametrize("length", [None, math.nan, math.inf, 27_388.9])
def test_beyond_every_number_is_unknown(length: float | None) -> None:
    assert logs.ratio(length) is None
    assert logs.excess(length) is None


def test_small_lengths_keep_their_digits() -> None:
    assert logs.excess(1e-12) == pytest.approx(1e-12, rel=1e-15)
    assert logs.ratio(0.0) == 1.0
