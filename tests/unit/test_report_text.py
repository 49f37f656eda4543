"""How single numbers and names print: no more digits than a reader can use, no hidden characters."""

import math
import sys

import pytest

from vbench.text import interval, number, percent, plain, ratio


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0034, "1.003"), (0.5, "0.500"), (4.206, "4.21"), (52.03, "52.0"), (210.4, "210"), (None, "–"), (math.nan, "–")],
)
def test_ratios_print_the_digits_that_matter(value: float | None, shown: str) -> None:
    assert number(value) == shown
    assert ratio(value) == (shown if shown == "–" else shown + "×")


def test_half_an_interval_is_none() -> None:
    assert interval(1.0, None) == interval(None, 1.0) == interval(math.inf, 1.0) == "–"


def test_hidden_characters_become_visible_and_others_stay() -> None:
    assert plain("a\u202eb\x1b[0m\u200b µ ✓\n") == "a⟨U+202E⟩b⟨U+001B⟩[0m⟨U+200B⟩ µ ✓\n"
