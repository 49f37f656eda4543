"""How single numbers print: never more digits than a reader can use."""

import sys

import pytest

from vbench.text import interval, number, percent, ratio


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e200, "1.00e+200"),
        (sys.float_info.max, "1.80e+308"),
        (1234567.0, "1.23e+06"),
        (1e6, "1000000"),
        (1e-9, "1.00e-09"),
        (0.000456, "4.56e-04"),
        (0.001, "0.001"),
        (0.0, "0.000"),
    ],
)
def test_huge_and_tiny_ratios_have_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown
    assert ratio(value) == f"{shown}×"
    assert interval(value, value) == f"{shown} to {shown}"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1e200, "1.00e+202 %"), (sys.float_info.max, "1.80e+310 %"), (1e4, "1000000 %"), (0.12, "12 %"), (0.0, "0.00 %")],
)
def test_huge_percentages_have_three_significant_digits(share: float, shown: str) -> None:
    assert percent(share) == shown
