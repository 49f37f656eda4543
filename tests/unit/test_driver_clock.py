"""Before each run of a kernel its memory is set up and its clock looked at; every operation is counted, none twice."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.driving import ask
from tests.unit.guest_folder import guest_folder
from tests.unit.scripted import line, of_kind, start_on
from vbench.benchmarks.kernel_driver import clock_notes, parse
from vbench.contracts import Workplace
from vbench.errors import TrialFailed
from vbench.guest import driver
from vbench.host import proc
from vbench.host.proc import LocalSession


@pytest.fixture
def affinity() -> Iterator[set[int]]:
    before = os.sched_getaffinity(0)
    yield before
    os.sched_setaffinity(0, before)


def test_a_set_up_is_answered_with_the_cost_of_a_clock_read_and_runs_nothing() -> None:
    memory = {"kernel": "triad", "params": {"size_b": 2**20, "huge_pages": "never"}}
    ready, reply = ask(memory | {"set_up": True}, memory)
    assert list(ready) == ["ready", "clock_read_s"]
    assert 0 < ready["clock_read_s"] < 1  # in seconds
    assert len(reply["values"]) == 10


def test_a_set_up_that_fails_says_so() -> None:
    (refused,) = ask({"kernel": "fork", "params": {"program": "/nowhere"}, "set_up": True})
    assert refused["errno"] == errno.ENOENT


def test_pilot_warm_ups_and_values_are_counted_as_operations() -> None:
    (reply,) = ask({"kernel": "hash", "loops": 7})
    assert reply["operations"] == 7 * (1 + len(reply["warmups"]) + 10)


def test_a_calibration_counts_too() -> None:
    (reply,) = ask({"kernel": "getpid"})
    assert reply["operations"] > reply["loops"] * (1 + len(reply["warmups"]) + 10)


def test_a_doses_extra_work_is_no_operation() -> None:
    request = {"kernel": "hash", "loops": 1000, "trial_s": 0.01, "warmup_s": 0.001, "params": {}}
    argv = [sys.executable, "-I", "-S", "-B", str(guest_folder() / "driver.py")]
    done = proc.run(argv, timeout_s=60, stdin=json.dumps(request).encode() + b"\n", env={"VBENCH_DOSE": "0.5"})
    reply = json.loads(done.check().stdout)
    assert reply["operations"] == 1000 * (1 + len(reply["warmups"]) + 10)


def test_a_clock_that_steps_back_while_it_is_read_is_an_error() -> None:
    library = SimpleNamespace(vb_clock=lambda reads, seconds: errno.ERANGE)
    with pytest.raises(OSError, match="CLOCK_MONOTONIC_RAW stepped back") as caught:
        driver.clock_read_s(library)
    assert caught.value.errno == errno.ERANGE


def test_a_clock_that_is_behind_on_another_processor_is_an_error(affinity: set[int]) -> None:
    ticks = iter([1000, 2000, 1500])
    with pytest.raises(OSError, match="stepped back by 500 ns between processors"):
        driver.check_across([min(affinity)], lambda: next(ticks))
    assert os.sched_getaffinity(0) == affinity


def test_looking_at_the_clock_gives_back_every_processor(affinity: set[int]) -> None:
    ticks = iter(range(1000))
    driver.check_across(sorted(affinity), lambda: next(ticks))
    assert os.sched_getaffinity(0) == affinity
    assert next(ticks) == driver.CLOCK_MOVES


def test_a_clock_read_may_cost_a_thousandth_of_what_it_times() -> None:
    reply = parse(line(clock_read_s=1e-6))
    assert clock_notes(reply, 1.1e-3) == ()
    assert clock_notes(reply, 0.9e-3) == ("a clock read costs more than a thousandth of what it times",)
    assert clock_notes(parse(line()), 1e-9) == ()  # unknown


@pytest.mark.parametrize(("kind", "told"), [("syscall.getpid", False), ("network.rr", True)])
def test_a_clock_is_judged_by_what_lies_between_two_reads(kind: str, told: bool) -> None:
    values, extra = [20e-6] * 10, {"round_trips_ns": [20_000] * 300}
    reply = parse(line(values=values, loops=5000, clock_read_s=50e-9, extra=extra))
    notes = of_kind(kind).measured(reply).notes  # type: ignore[attr-defined]
    assert any("clock read" in note for note in notes) == told


def test_the_host_is_asked_between_set_up_and_the_first_operation() -> None:
    begun: list[str] = []
    here = LocalSession(Workplace(sys.executable, PurePosixPath(guest_folder())))
    with start_on(here) as start:
        start.begin = lambda: begun.append("now")
        measured = of_kind("cpu.hash").measure(start)
    assert begun == ["now"]
    assert measured.operations is not None
    assert measured.loops is not None
    assert measured.operations > measured.loops * 10


def test_a_trial_whose_clock_stepped_back_fails_before_its_first_operation() -> None:
    said: dict[str, Any] = {"error": "CLOCK_MONOTONIC_RAW stepped back", "errno": 34}
    begun: list[str] = []
    shell = f"while read x; do echo '{json.dumps(said)}'; done"
    here = SimpleNamespace(workplace=Workplace(), spawn=lambda argv: LocalSession().spawn(["/bin/sh", "-c", shell]))
    with start_on(here) as start:
        start.begin = lambda: begun.append("now")
        with pytest.raises(TrialFailed, match="stepped back"):
            of_kind("cpu.hash").measure(start)
    assert begun == []
