"""Around each trial the host reads both clocks and its processor time; neither is within what is measured."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pytest

from tests.unit.fakes import APART, FEW, a_suite, execute, of
from tests.unit.odd_kinds import with_fakes
from vbench import gates
from vbench.contracts import Session, Testbed
from vbench.environments.fake import Fake, FakeSession
from vbench.errors import SessionLost
from vbench.gates import ClockReading, Spent
from vbench.host.proc import LocalSession
from vbench.model import Failed, Measured, Skipped, Trial
from vbench.runner.watch import TrialCounts, Watch
from vbench.text import reason_text

JUDGED = FEW.replace('gates = "record"', 'gates = "void"')


class Noted(FakeSession):
    """Notes when its clock is asked, and runs fast; it may go away after its first answer."""

    def __init__(self, notes: list[str], *, dies: bool = False) -> None:
        super().__init__(LocalSession(), Fake(drift=1e-3), PurePosixPath("/"))
        self.notes, self.dies = notes, dies

    def clock(self) -> ClockReading | None:
        if self.dies and "clock" in self.notes:
            raise SessionLost("it went away")
        self.notes.append("clock")
        return super().clock()


def watched(notes: list[str], spent: list[Spent], **how: Any) -> Watch:
    answers = iter(spent)

    def ask() -> Spent:
        notes.append("spent")
        return next(answers)

    return Watch(Noted(notes, **how), ask, 100)


def test_clocks_are_read_outside_of_the_processor_time_and_set_up_is_not_of_the_operations() -> None:
    notes: list[str] = []
    watch = watched(notes, [Spent(1.0, {}), Spent(1.5, {}), Spent(4.0, {})])
    watch.begin()
    watch.over()
    found = watch.counts(is_lost=False)
    assert notes == ["clock", "spent", "spent", "spent", "clock"]
    assert (found.host_cpu_s, found.operations_cpu_s) == (3.0, 2.5)
    assert found.clock_error_s == pytest.approx(1e-3)
    assert (found.clock_bound_s, found.clock_limit_ppm) == (0.0, gates.LIMIT_PPM)


def test_what_a_tool_does_after_its_last_operation_is_not_of_the_operations() -> None:
    watch = watched([], [Spent(1.0, {}), Spent(1.5, {}), Spent(2.25, {}), Spent(4.0, {})])
    watch.begin()
    watch.end()
    watch.over()
    found = watch.counts(is_lost=False)
    assert (found.host_cpu_s, found.operations_cpu_s) == (3.0, 0.75)


def test_kernel_threads_that_served_the_trial_count() -> None:
    watch = watched([], [Spent(1.0, {7: 2.0}), Spent(2.0, {7: 2.25, 8: 50.0})])
    watch.over()
    assert watch.counts(is_lost=False).host_cpu_s == 1.25


def test_a_benchmark_that_does_not_say_when_it_begins_has_no_time_of_its_operations() -> None:
    watch = watched([], [Spent(1.0, {}), Spent(2.0, {})])
    watch.over()
    assert watch.counts(is_lost=False).operations_cpu_s is None


def test_what_cannot_be_told_from_the_harness_is_unknown() -> None:
    watch = watched([], [Spent(None, {})] * 3)
    watch.begin()
    watch.over()
    found = watch.counts(is_lost=False)
    assert (found.host_cpu_s, found.operations_cpu_s) == (None, None)


def test_a_lost_environment_is_not_asked_for_its_clock() -> None:
    notes: list[str] = []
    watch = watched(notes, [Spent(1.0, {}), Spent(2.0, {})], dies=True)
    watch.over()
    assert watch.counts(is_lost=True) == TrialCounts(host_cpu_s=1.0)
    with pytest.raises(SessionLost):
        watch.counts(is_lost=False)


# --- the gate ---------------------------------------------------------------------------------------------------


def a_trial(error_s: float | None, *, bound_s: float = 1e-4, wall_s: float = 2.0) -> Trial:
    known = {"clock_error_s": error_s, "clock_bound_s": bound_s, "clock_limit_ppm": 100.0}
    return Trial(1, 0, "tcg", "cpu.hash", 0, Measured({}), 0.0, wall_s, **known)  # type: ignore[arg-type]


def told(error_s: float) -> list[str]:
    return list(map(reason_text, gates.judge_trial(a_trial(error_s))))


def test_a_clock_that_fell_behind_within_a_trial_voids_with_the_benchmarks_name() -> None:
    assert told(-0.5) == ["tcg: its clock fell 0.5 s behind the host's in cpu.hash"]
    assert told(4e-4) == ["tcg: its clock fell 0.0004 s ahead of the host's in cpu.hash"]


def test_a_trials_clock_is_believed_within_its_limit_and_the_exchange() -> None:
    assert gates.judge_trial(a_trial(2.9e-4)) == ()
    assert gates.judge_trial(a_trial(None)) == ()


def test_a_trial_whose_clock_ran_wrong_voids_its_block_in_all_arms(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(JUDGED, "drift = 0.5"))
    assert run.voids
    for void in run.voids:
        assert "b: its clock fell 0.5 s ahead of the host's in cpu.hash" in map(reason_text, void.reasons)
        assert "b: its clock fell 0.5 s ahead of the host's in syscall.getpid" in map(reason_text, void.reasons)
        assert all(reason.arm == "b" for reason in void.reasons)
    assert all(void.block >= 1 for void in run.voids)  # the calibration is never analysed
    (trial,) = [t for t in of(run, "cpu.hash") if (t.block, t.attempt, t.environment) == (1, 0, "b")]
    assert (trial.clock_error_s, trial.clock_bound_s) == (0.5, 0.0)


def test_a_clock_that_keeps_time_voids_nothing_and_its_error_is_stored(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(JUDGED, "drift = 0"))
    assert run.voids == ()
    assert {t.clock_error_s for t in of(run, "cpu.hash") if t.environment == "b"} == {0.0}
    assert {t.clock_error_s for t in of(run, "cpu.hash") if t.environment == "a"} == {None}
    assert {t.clock_error_s for t in of(run, "start.ready")} == {None}


class GoingAway(FakeSession):
    """Is gone when its clock is asked after the first trial: before it came the question of the start, and its own."""

    asked: ClassVar[Iterator[int]] = itertools.count(1)

    def clock(self) -> ClockReading | None:
        if next(self.asked) == 3:
            raise SessionLost("the fake environment went away")
        return None


class Leaving(Fake, frozen=True, kw_only=True):
    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        with super().start(host, testbed) as session:
            assert isinstance(session, FakeSession)
            yield GoingAway(session.host, session.settings, session.scratch)


def test_an_environment_that_goes_away_after_a_trial_keeps_that_trial(tmp_path: Path) -> None:
    run = execute(tmp_path, with_fakes(a_suite(FEW.replace(*APART)), Leaving))
    first = [t for t in run.trials if (t.block, t.position) == (0, 0)]
    assert [type(t.outcome) for t in first] == [Measured, Measured, Skipped]
    assert not any(isinstance(t.outcome, Failed) for t in run.trials)
