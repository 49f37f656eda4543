"""Quantities are read strictly and printed with their units; unknown is a dash."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vbench import units
from vbench.units import DASH, Bytes, Seconds, Share


@pytest.mark.parametrize(
    ("text", "value"),
    [("256 MiB", 2**28), ("1GB", 10**9), ("4 KiB", 4096), (7, 7), ("1.5 KiB", 1536), ("0", 0), ("12 b", 12)],
)
def test_sizes_are_read_in_bytes(text: object, value: int) -> None:
    assert Bytes.parse(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("10 min", 600), ("200 ms", 0.2), ("5 µs", 5e-6), ("3 ns", 3e-9), ("2 h", 7200), (0.5, 0.5)],
)
def test_durations_are_read_in_seconds(text: object, value: float) -> None:
    assert Seconds.parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "wrong",
    ["", "fast", "-1 s", "1 parsec", "1,5 s", "١ s", True, None, [], math.nan, math.inf, -1, "9" * 400, 10**400],
)
def test_what_is_no_quantity_is_refused(wrong: object) -> None:
    for kind in (Bytes, Seconds):
        with pytest.raises(ValueError, match="expected a"):
            kind.parse(wrong)


@pytest.mark.parametrize("wrong", [1e308, 2**63, 10**300, "99999999 h", "9999999 TiB"])
def test_what_nobody_means_is_refused(wrong: object) -> None:
    for kind in (Bytes, Seconds, Share):
        with pytest.raises(ValueError, match=r"expected a .*, got "):
            kind.parse(wrong)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1.234e-6, "s", "1.23 µs"),
        (4.56e9, "B/s", "4.56 GB/s"),
        (789_000, "1/s", "789 k/s"),
        (5.0, "1/s", "5.00 /s"),
        (1.25, "1", "1.25"),
        (0, "s", "0 s"),
        (90.0, "s", "90.0 s"),
        (None, "s", DASH),
        (math.nan, "B", DASH),
    ],
)
def test_numbers_are_shown_with_three_digits_and_their_unit(value: float | None, unit: str, shown: str) -> None:
    assert units.show(value, unit) == shown


@given(st.floats(1e-9, 1e13), st.sampled_from(["s", "B", "B/s", "1/s"]))
@settings(deadline=None)
def test_what_is_shown_is_the_value_to_three_digits(value: float, unit: str) -> None:
    number, _, rest = units.show(value, unit).partition(" ")
    prefix = rest[: len(rest) - len(unit.removeprefix("1"))]
    scale = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1, "m": 1e-3, "µ": 1e-6, "n": 1e-9}[prefix]
    assert float(number) * scale == pytest.approx(value, rel=0.006)


def test_durations_and_sizes_are_shown_for_people() -> None:
    assert [units.show_duration(s) for s in (42, 200, 3900)] == ["42 s", "3 min 20 s", "1 h 05 min"]
    assert [units.show_bytes(b) for b in (12, 4096, 2**28, 2**30)] == ["12 B", "4 KiB", "256 MiB", "1 GiB"]


def test_the_hooks_go_there_and_back() -> None:
    assert units.encode(units.decode(Bytes, "1 KiB")) == 1024
    assert units.encode(units.decode(Seconds, "1 ms")) == 0.001
    for hook in (lambda: units.decode(int, 1), lambda: units.encode(object())):
        with pytest.raises(NotImplementedError):
            hook()
