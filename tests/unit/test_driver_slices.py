"""Trials in slices, by the real driver: other environments are measured between two requests of one trial."""

import json
from typing import Any

import pytest

from tests.unit.driving import ask

SLICE = {"slice_s": 0.002, "warmup_s": 0.004}


def in_slices(kernel: str, slices: int, **how: Any) -> list[dict[str, Any]]:
    steps = ["begin", *["next"] * slices, "end"]
    return [{"kernel": kernel, "slices": step, **SLICE, **how} for step in steps]


def test_the_values_of_a_trial_are_those_of_its_slices() -> None:
    begun, *slices, whole = ask(*in_slices("hash", 4))
    assert whole["values"] == pytest.approx([each["value"] for each in slices])
    assert whole["loops"] == begun["loops"]
    assert whole["spent_s"] == pytest.approx(begun["spent_s"] + sum(each["spent_s"] for each in slices))


def test_each_slice_has_a_tenth_of_its_operations_before_it_and_these_count_as_operations_alone() -> None:
    _, first, *_, whole = ask(*in_slices("hash", 3, loops=10_000))
    assert whole["operations"] == 3 * 11_000
    assert first["spent_s"] > first["value"] * 10_000


def test_the_warm_up_lasts_as_long_as_was_asked_and_one_slice_at_least() -> None:
    *_, shortest = ask(*in_slices("hash", 1, warmup_s=0))
    *_, longer = ask(*in_slices("hash", 1, loops=1000, warmup_s=0.1))
    assert len(shortest["warmups"]) == 1
    assert len(longer["warmups"]) > 3


def test_a_slice_is_about_as_long_as_was_asked() -> None:
    """Loops are calibrated with the shorter of two runs, so that a busy machine makes slices longer and not shorter."""
    begun, *_ = ask(*in_slices("hash", 1, slice_s=0.02))
    short, *_ = ask(*in_slices("hash", 1, slice_s=0.002))
    assert 3 < begun["loops"] / short["loops"] < 30


def test_pyperf_reads_the_slices_of_a_trial_as_its_values() -> None:
    *_, whole = ask(*in_slices("json", 6))
    (run,) = whole["pyperf"]["benchmarks"][0]["runs"]
    assert run["values"] == pytest.approx(whole["values"])
    assert len(run["values"]) == 6
    json.dumps(whole["pyperf"])


def test_the_round_trips_are_those_of_all_slices_and_of_nothing_else(echo: int) -> None:
    params = {"address": "127.0.0.1", "port": echo}
    *_, whole = ask(*in_slices("rr", 3, loops=40, params=params))
    assert len(whole["extra"]["round_trips_ns"]) == 3 * 40


@pytest.mark.parametrize("step", ["next", "end", "last"])
def test_a_step_of_no_trial_is_an_error_and_the_driver_goes_on(step: str) -> None:
    lost, *others = ask({"kernel": "hash", "slices": step, **SLICE}, *in_slices("hash", 1))
    assert lost["error"] == "ValueError: no trial of hash in slices was begun"
    assert not any("error" in reply for reply in others)


def test_a_trial_ends_with_its_first_error_or_where_another_begins() -> None:
    begin, following, end = in_slices("hash", 1)
    other = {**following, "kernel": "matrix"}
    replies = ask(begin, other, following, begin, {"kernel": "matrix"}, end)
    assert ["error" in reply for reply in replies] == [False, True, True, False, False, True]
