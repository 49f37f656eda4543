"""Gates see the host's counters and nothing else, and unknown counters void nothing."""

import os
from pathlib import Path

import pytest

from vbench import gates
from vbench.contracts import ClockReading
from vbench.gates import Counters
from vbench.model import Layer, Reading


def counters(at_s: float, busy_s: float, ours_s: float | None, **more: object) -> Counters:
    known = {"steal_s": 0.0, "kernel_s": {}, "throttled": None} | more
    return Counters(at_s=at_s, busy_s=busy_s, ours_s=ours_s, **known)  # type: ignore[arg-type]


def reading(first: Counters, last: Counters, clocks: tuple[ClockReading | None, ...] = (None, None)) -> Reading:
    return gates.reading(
        block=1,
        attempt=0,
        environment="tcg",
        counters=(first, last),
        clocks=(clocks[0], clocks[1]),
        limit_ppm=gates.LIMIT_PPM,
    )


def test_a_quiet_start_voids_nothing() -> None:
    found = reading(counters(100, 50, 40), counters(110, 59, 48.9))
    assert gates.foreign_share(found) == pytest.approx(0.01)
    assert gates.judge(found) == ()


def test_foreign_work_above_two_percent_of_wall_voids() -> None:
    found = reading(counters(100, 50, 40), counters(110, 59, 48))
    (reason,) = gates.judge(found)
    assert reason == "tcg: foreign tasks used 10.0% of its processors"


def test_what_ticks_cannot_tell_from_nothing_is_not_foreign() -> None:
    found = reading(counters(100, 50, 40), counters(101, 51, 40.95))
    assert gates.foreign_share(found) == pytest.approx(0.05)
    assert gates.judge(found) == ()


def test_a_quota_in_step_with_the_tick_does_not_look_foreign() -> None:
    found = reading(counters(100, 50, 40, idle_s=5.0), counters(110, 60, 48, idle_s=7.0))
    assert found.busy_s == pytest.approx(8)
    assert gates.judge(found) == ()


def test_kernel_threads_that_served_the_run_are_not_foreign() -> None:
    first = counters(100, 50, 40, kernel_s={7: 3.0})
    last = counters(110, 59, 48, kernel_s={7: 4.0, 8: 90.0})
    assert gates.foreign_share(reading(first, last)) == 0


def test_steal_is_reported_and_never_voids() -> None:
    found = reading(counters(0, 0, 0), counters(10, 5, 5, steal_s=4.0))
    assert found.steal_s == 4
    assert gates.judge(found) == ()


def test_what_is_unknown_voids_nothing_and_stays_unknown() -> None:
    found = reading(counters(0, 0, None), counters(10, 9, None))
    assert found.ours_s is None
    assert found.throttled is None
    assert gates.foreign_share(found) is None
    assert gates.judge(found) == ()


def test_throttling_voids() -> None:
    found = reading(counters(0, 0, 0, throttled=3), counters(10, 5, 5, throttled=5))
    assert gates.judge(found) == ("tcg: the processor was throttled 2 times",)


def clock(host_s: float, inside_s: float, trip_s: float = 0.001) -> ClockReading:
    return ClockReading(host_s, inside_s, host_s + trip_s)


def test_a_guest_that_was_stopped_for_half_a_second_voids_its_block() -> None:
    stopped = (clock(100, 7), clock(120, 26.5))
    found = reading(counters(100, 0, 0), counters(120, 0, 0), stopped)
    assert found.clock_error_s == pytest.approx(-0.5)
    assert gates.judge(found) == ("tcg: its clock fell 0.5 s behind the host's",)


def test_a_clock_within_the_limit_and_the_round_trips_is_believed() -> None:
    good = (clock(100, 7), clock(120, 27.0025))
    assert gates.judge(reading(counters(100, 0, 0), counters(120, 0, 0), good)) == ()


def test_an_emulated_guest_is_allowed_a_coarser_clock() -> None:
    assert gates.clock_limit_ppm([Layer("guest"), Layer("tcg")]) == gates.LIMIT_TCG_PPM
    assert gates.clock_limit_ppm([Layer("kvm"), Layer("runc")]) == gates.LIMIT_PPM


def test_the_counters_of_this_host_are_read_and_grow() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    first = gates.read(cpus, apart=True)
    last = gates.read(cpus, apart=True)
    found = reading(first, last)
    assert found.wall_s > 0
    assert found.busy_s is not None
    assert found.busy_s >= 0
    assert gates.read(cpus, apart=False).ours_s is None


def test_throttle_counts_are_summed_where_the_host_has_them(tmp_path: Path) -> None:
    for cpu, count in (("cpu0", "3\n"), ("cpu1", "4\n")):
        folder = tmp_path / "devices/system/cpu" / cpu / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(count)
    assert gates.read([0], apart=True, sysfs=tmp_path).throttled == 7
    assert gates.read([0], apart=True, sysfs=tmp_path / "none").throttled is None
