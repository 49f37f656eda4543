"""Gates see the host's counters and nothing else, and unknown counters void nothing."""

import os
from pathlib import Path

import pytest

from vbench import gates
from vbench.beneath import DESCENDANTS, Unseen
from vbench.gates import ClockReading, Counters, Spent
from vbench.host import counters, processes
from vbench.host.local import LocalHost
from vbench.host.proc import spawn
from vbench.host.processes import Source, Task
from vbench.model import Layer, Reading
from vbench.reasons import Reason, ReasonKind
from vbench.text import reason_text

TICKS = 100
DATA = Path(__file__).parent.parent / "data" / "schedstat"


def at_moment(at_s: float, busy_s: float, ours_s: float | None, **more: object) -> Counters:
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
        ticks_per_s=TICKS,
    )


def test_a_quiet_start_voids_nothing() -> None:
    found = reading(at_moment(100, 50, 40), at_moment(110, 59, 48.9))
    assert gates.foreign_share(found) == pytest.approx(0.01)
    assert gates.judge(found, TICKS) == ()


def test_foreign_work_above_two_percent_of_wall_voids() -> None:
    found = reading(at_moment(100, 50, 40), at_moment(110, 59, 48))
    (reason,) = gates.judge(found, TICKS)
    assert reason_text(reason) == "tcg: foreign tasks used 10.0% of its processors"


def test_what_ticks_cannot_tell_from_nothing_is_not_foreign() -> None:
    found = reading(at_moment(100, 50, 40), at_moment(101, 51, 40.95))
    assert gates.foreign_share(found) == pytest.approx(0.05)
    assert gates.judge(found, TICKS) == ()
    assert gates.judge(found, 10 * TICKS) != ()  # the finer ticks of another machine can tell


def test_a_quota_in_step_with_the_tick_does_not_look_foreign() -> None:
    found = reading(at_moment(100, 50, 40, idle_s=5.0), at_moment(110, 60, 48, idle_s=7.0))
    assert found.busy_s == pytest.approx(8)
    assert gates.judge(found, TICKS) == ()


def test_what_a_process_that_just_ended_leaves_to_its_parent_is_counted() -> None:
    before = {7: Task(7, os.getpid(), 0.0, 0), 8: Task(8, 7, 0.0, 0)}
    after = {7: Task(7, os.getpid(), 5.0, 0)}
    looks = iter([(before, True), (after, True)])

    def spent_s(pid: int) -> float:
        if pid == 8:
            raise ProcessLookupError
        return 1.0

    source = Source(lambda: next(looks), lambda pid, cpus: True, spent_s)
    assert processes.pinned_below(os.getpid(), (0,), source) == ({7: 6.0}, after)


def test_processes_that_keep_ending_do_not_hold_a_look_up() -> None:
    assert processes.pinned_below(os.getpid(), (0,), Source(lambda: ({}, False))) == ({}, {})


def test_kernel_threads_that_served_the_run_are_not_foreign() -> None:
    first = at_moment(100, 50, 40, kernel_s={7: 3.0})
    last = at_moment(110, 59, 48, kernel_s={7: 4.0, 8: 90.0})
    assert gates.foreign_share(reading(first, last)) == 0


def test_steal_is_reported_and_never_voids() -> None:
    found = reading(at_moment(0, 0, 0), at_moment(10, 5, 5, steal_s=4.0))
    assert found.steal_s == 4
    assert gates.judge(found, TICKS) == ()


def test_what_is_unknown_voids_nothing_and_stays_unknown() -> None:
    found = reading(at_moment(0, 0, None), at_moment(10, 9, None))
    assert found.ours_s is None
    assert found.throttled is None
    assert gates.foreign_share(found) is None
    assert gates.judge(found, TICKS) == ()


def test_throttling_voids() -> None:
    found = reading(at_moment(0, 0, 0, throttled=3), at_moment(10, 5, 5, throttled=5))
    assert gates.judge(found, TICKS) == (Reason(ReasonKind.THROTTLED, "tcg", 2.0),)


def clock(host_s: float, inside_s: float, trip_s: float = 0.001) -> ClockReading:
    return ClockReading(host_s, inside_s, host_s + trip_s)


def test_a_guest_that_was_stopped_for_half_a_second_voids_its_block() -> None:
    stopped = (clock(100, 7), clock(120, 26.5))
    found = reading(at_moment(100, 0, 0), at_moment(120, 0, 0), stopped)
    assert found.clock_error_s == pytest.approx(-0.5)
    assert list(map(reason_text, gates.judge(found, TICKS))) == ["tcg: its clock fell 0.5 s behind the host's"]


def test_a_clock_within_the_limit_and_the_round_trips_is_believed() -> None:
    good = (clock(100, 7), clock(120, 27.0025))
    assert gates.judge(reading(at_moment(100, 0, 0), at_moment(120, 0, 0), good), TICKS) == ()


def test_an_emulated_guest_is_allowed_a_coarser_clock() -> None:
    assert gates.clock_limit_ppm([Layer("guest"), Layer("tcg")]) == gates.LIMIT_TCG_PPM
    assert gates.clock_limit_ppm([Layer("kvm"), Layer("runc")]) == gates.LIMIT_PPM


def test_the_counters_of_this_host_are_read_and_grow() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    first = LocalHost().counters(cpus, DESCENDANTS)
    last = LocalHost().counters(cpus, DESCENDANTS)
    found = reading(first, last)
    assert found.wall_s > 0
    assert found.busy_s is not None
    assert found.busy_s >= 0
    assert LocalHost().counters(cpus, Unseen("why")).ours_s is None


# --- processors by number ------------------------------------------------------------------------------------------


STAT = """cpu  500 0 300 9000 0 0 0 20 0 0
cpu0 300 10 100 4000 50 7 8 5 0 0
cpu3 200 0 200 5000 0 0 0 15 0 0
intr 1 2 3
"""


def test_a_processor_is_found_by_its_number_where_others_are_offline() -> None:
    found = counters.processor_times(STAT, [3], TICKS)
    assert found is not None
    assert found[3] == pytest.approx((4.0, 50.15, 0.15))
    assert found[0] == pytest.approx((4.1, 40.55, 0.05))


@pytest.mark.parametrize("needed", [[1], [0, 3, 4]])
def test_counters_of_a_processor_without_a_line_are_unknown(needed: list[int]) -> None:
    assert counters.processor_times(STAT, needed, TICKS) is None


def test_old_kernels_that_do_not_tell_steal_have_none() -> None:
    found = counters.processor_times("cpu0 100 0 0 500\n", [0], TICKS)
    assert found == {0: (1.0, 5.0, 0.0)}
    assert counters.processor_times("cpu0 100 0 0 500\n", [0], 10 * TICKS) == {0: (0.1, 0.5, 0.0)}


@pytest.mark.parametrize("text", ["cpu9 1 2 3 4 5 6 7 8\n", ""])
def test_a_start_on_a_host_with_renumbered_processors_has_unknown_counters(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text)
    first, last = (LocalHost(procfs=tmp_path).counters([0], DESCENDANTS) for _ in range(2))
    found = reading(first, last)
    assert (found.busy_s, found.steal_s) == (None, None)
    assert gates.judge(found, TICKS) == ()


# --- counters that cannot be believed ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["busy_s", "steal_s", "queued_s", "throttled"])
def test_a_counter_that_ran_backwards_is_unknown_and_voids_nothing(name: str) -> None:
    start = {"busy_s": 50, "ours_s": 40, "steal_s": 5.0, "queued_s": 5.0, "throttled": 5}
    end = {"busy_s": 59, "ours_s": 48.9, "steal_s": 6.0, "queued_s": 6.0, "throttled": 5} | {name: 1}
    found = reading(at_moment(100, **start), at_moment(110, **end))  # type: ignore[arg-type]
    assert getattr(found, name) is None
    assert gates.judge(found, TICKS) == ()


def test_idle_time_that_ran_backwards_limits_nothing() -> None:
    """proc_stat(5) says of iowait that it may decrease."""
    found = reading(at_moment(100, 50, 40, idle_s=7.0), at_moment(110, 59, 48.9, idle_s=5.0))
    assert found.busy_s == pytest.approx(9)


def test_processor_time_that_went_where_nobody_looks_is_unknown() -> None:
    """A process that was handed to another parent takes its time along; ticks alone take less than a tick each."""
    assert gates.served_s(Spent(40.0, {}), Spent(30.0, {}), TICKS) is None
    assert gates.served_s(Spent(40.0, {}), Spent(40.0 - gates.RESOLUTION_TICKS / TICKS / 2, {}), TICKS) == 0
    found = reading(at_moment(100, 50, 40), at_moment(110, 59, 30))
    assert (found.ours_s, gates.foreign_share(found), gates.judge(found, TICKS)) == (None, None, ())


def test_a_kernel_thread_with_the_number_of_one_that_ended_takes_nothing_away() -> None:
    assert gates.served_s(Spent(1.0, {9: 5.0, 10: 1.0}), Spent(1.0, {9: 0.5, 10: 1.25}), TICKS) == 0.25


@pytest.mark.parametrize(
    "stat", ["cpu0\n", "cpu0 1 2 3\n", "cpu0 1 2 x 3\n", "cpu0 -1 2 3 4\n", "\n\n", "cpu0 1 2 3 4.5\n"]
)
def test_a_line_of_a_processor_that_is_not_one_makes_the_counters_unknown(stat: str) -> None:
    assert counters.processor_times(stat, [0], TICKS) is None


@pytest.mark.parametrize("text", ["", "\n", "1 2", "1 2 3 4", "a b c", "1 -2 3", "1.5 2 3"])
def test_a_threads_wait_that_cannot_be_read_is_unknown(text: str) -> None:
    assert counters.waited_s(text) is None


@pytest.mark.parametrize("text", ["version x\n", "version\n", "version 15\ncpu0 0 0 0 0 0 0 8 x 9 1\n", "version -1\n"])
def test_a_wait_of_all_tasks_that_cannot_be_read_is_unknown(text: str) -> None:
    assert counters.queued_s(text, [0]) is None


@pytest.mark.parametrize("odd", ["", "-1\n", "many\n", None])
def test_a_throttle_count_that_cannot_be_read_makes_the_sum_unknown(tmp_path: Path, odd: str | None) -> None:
    for cpu, count in (("cpu0", "3\n"), ("cpu1", odd)):
        file = tmp_path / "devices/system/cpu" / cpu / "thermal_throttle" / "core_throttle_count"
        file.parent.mkdir(parents=True)
        if count is None:
            file.symlink_to("nothing")  # as of a processor that has just gone offline
        else:
            file.write_text(count)
    assert LocalHost(sysfs=tmp_path).counters([0], DESCENDANTS).throttled is None


def test_a_host_that_tells_nothing_has_unknown_counters(tmp_path: Path) -> None:
    found = LocalHost(sysfs=tmp_path, procfs=tmp_path).counters([0], DESCENDANTS)
    assert (found.busy_s, found.steal_s, found.idle_s, found.throttled) == (None, None, None, None)


# --- run delay: told, never judged ------------------------------------------------------------------------------


SCHEDSTAT = """version {version}
timestamp 4296108744
cpu0 0 0 0 0 0 0 8000000000 3000000000 90210
domain0 00000003 0 0 0 0 0 0 0 0
cpu1 0 0 0 0 0 0 9000000000 1500000000 12
"""


def test_a_threads_wait_is_the_second_figure() -> None:
    assert counters.waited_s("26031000 1500000000 17\n") == 1.5
    assert counters.waited_s("0 0 0\n") is None  # a kernel that keeps no account says so of a task that runs


@pytest.mark.parametrize("version", [15, 16, 17])
def test_the_wait_of_all_tasks_is_summed_over_the_environments_processors(version: int) -> None:
    text = SCHEDSTAT.format(version=version)
    assert counters.queued_s(text, [0]) == 3.0
    assert counters.queued_s(text, [0, 1]) == 4.5


@pytest.mark.parametrize("text", ["", SCHEDSTAT.format(version=14), "version 15\ncpu0 1 2 3\n"])
def test_a_wait_that_is_not_told_is_unknown(text: str) -> None:
    assert counters.queued_s(text, [0]) is None
    assert counters.queued_s(SCHEDSTAT.format(version=15), [0, 7]) is None


def test_the_wait_of_a_recorded_kernel_is_read() -> None:
    assert counters.queued_s((DATA / "6.1-one-processor.txt").read_text(), [0]) == pytest.approx(1.731398603)


def test_threads_that_ended_take_their_wait_along_so_that_ours_is_a_lower_bound() -> None:
    first = at_moment(100, 50, 40, delays_s={7: 1.0, 8: 2.0}, queued_s=10.0)
    last = at_moment(110, 59, 48.9, delays_s={7: 1.5, 9: 0.25}, queued_s=13.0)
    found = reading(first, last)
    assert (found.run_delay_s, found.queued_s) == (0.75, 3.0)


def test_a_number_that_a_new_thread_has_again_makes_no_negative_wait() -> None:
    found = reading(at_moment(0, 0, 0, delays_s={7: 3.0}), at_moment(10, 5, 5, delays_s={7: 0.5}))
    assert found.run_delay_s == 0


def test_a_run_delay_is_never_judged_however_large() -> None:
    waiting = {"delays_s": {7: 1000.0}, "queued_s": 2000.0}
    found = reading(at_moment(0, 0, 0, delays_s={}, queued_s=0.0), at_moment(10, 5, 5, **waiting))
    assert (found.run_delay_s, found.queued_s) == (1000.0, 2000.0)
    assert gates.judge(found, TICKS) == ()


def test_what_the_kernel_does_not_tell_of_waiting_is_unknown() -> None:
    found = reading(at_moment(0, 0, 0), at_moment(10, 5, 5, delays_s={7: 1.0}, queued_s=1.0))
    assert (found.run_delay_s, found.queued_s) == (None, None)


def test_a_process_of_ours_that_competes_for_its_processor_is_seen_to_wait() -> None:
    """Two that never sleep on one processor: one of them always waits."""
    cpu = max(os.sched_getaffinity(0))
    busy = ["taskset", "--cpu-list", str(cpu), "sh", "-c", "while :; do :; done"]
    with spawn(busy), spawn(busy):
        first = last = LocalHost().counters([cpu], DESCENDANTS)
        if first.delays_s is None:  # a kernel that does not account for it
            own = Path("/proc/self/schedstat")
            assert not own.exists() or counters.waited_s(own.read_text()) is None
            return
        while (waited_s := reading(first, last).run_delay_s) is not None and waited_s < 0.02:
            last = LocalHost().counters([cpu], DESCENDANTS)
        assert len(last.delays_s or {}) >= 2


def test_throttle_counts_are_summed_where_the_host_has_them(tmp_path: Path) -> None:
    for cpu, count in (("cpu0", "3\n"), ("cpu1", "4\n")):
        folder = tmp_path / "devices/system/cpu" / cpu / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(count)
    assert LocalHost(sysfs=tmp_path).counters([0], DESCENDANTS).throttled == 7
    assert LocalHost(sysfs=tmp_path / "none").counters([0], DESCENDANTS).throttled is None
