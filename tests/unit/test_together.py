"""Arms that are alive together take turns within each benchmark; what one of them suffers costs the others nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.unit.fakes import APART, FEW, SUITE, Told, a_suite, execute, of
from tests.unit.killed import PER_BLOCK, Killed, changed, resumed
from tests.unit.killed import a_suite as a_killed_suite
from tests.unit.odd_kinds import measuring, with_hash
from vbench import report
from vbench import suite as suites
from vbench.benchmarks.cpu import Hash
from vbench.beneath import Space
from vbench.cli.losses import parted_sentence
from vbench.contracts import Slices, Start
from vbench.cost import Analysis, confounds
from vbench.errors import NoSpace, SessionLost, TrialFailed
from vbench.host import interrupts
from vbench.host.files import LocalFiles
from vbench.host.local import LocalHost
from vbench.model import Fact, Failed, Measured, Reading, Run, Skipped, State, Trial
from vbench.runner.events import Began, BenchmarkBegan, StepBegan, TrialEnded
from vbench.runner.refusing import Fit, fit, fitting
from vbench.store import journal
from vbench.suite import Suite

ARMS = ("a", "b", "control")
LONG = ('trial = "1 ms"', 'trial = "90 ms"')  # three slices of three arms


@dataclass
class Noting:
    """The slices of one trial, which note who was measured."""

    arm: str
    notes: list[str]
    fails: dict[str, Exception] = field(default_factory=dict)

    def take(self) -> None:
        self.notes.append(self.arm)
        if error := self.fails.get(self.arm):
            raise error

    def measured(self) -> Measured:
        self.notes.append(f"end {self.arm}")
        return Measured({"time": (1.0,)}, clock="made up")


def noting(suite: Suite, notes: list[str], **fails: Exception) -> Suite:
    """The suite with a `cpu.hash` whose slices note the slowdown of the arm that they are of."""

    class Sliced(Hash, frozen=True, kw_only=True):
        @contextmanager
        def sliced(self, start: Start) -> Iterator[Slices]:
            arm = f"{start.session.settings.slowdown:g}"  # type: ignore[attr-defined]
            notes.append(f"begin {arm}")
            yield Noting(arm, notes, fails)
            notes.append(f"stop {arm}")

    return with_hash(suite, Sliced())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute(tmp_path_factory.mktemp("run"), a_suite(FEW.replace(*LONG)))


def test_the_trials_of_a_benchmark_stand_together_in_the_order_of_the_plans_turns(run: Run) -> None:
    plan = run.manifest.plan
    planned = [
        (block.index, benchmark, plan.environments[number], turn)
        for block in plan.blocks
        for benchmark, order in zip(block.benchmarks, block.turns, strict=True)
        for turn, number in enumerate(order)
    ]
    sliced = [trial for trial in run.trials if trial.benchmark != "start.ready"]
    assert [(t.block, t.benchmark, t.environment, t.turn) for t in sliced] == planned
    assert {t.rounds for t in sliced} == {3}
    assert all(isinstance(t.outcome, Measured) and len(t.outcome.samples) == 1 for t in sliced)
    assert {len(s) for t in sliced if isinstance(t.outcome, Measured) for s in t.outcome.samples.values()} == {3}
    assert all(0 <= (t.own_s or 0) <= t.wall_s for t in sliced)


def test_every_start_has_its_place_and_comes_before_all_benchmarks(run: Run) -> None:
    for block in run.manifest.plan.blocks:
        mine = [trial for trial in run.trials if trial.block == block.index]
        assert [t.environment for t in mine[:3]] == [step.environment for step in block.steps]
        assert {t.benchmark for t in mine[:3]} == {"start.ready"}
        assert {(t.environment, t.position, t.padding_b) for t in mine} == {
            (step.environment, step.position, step.padding_b) for step in block.steps
        }


def test_costs_are_those_of_arms_that_are_measured_apart(tmp_path: Path, run: Run) -> None:
    apart = execute(tmp_path, a_suite(FEW.replace(*APART)))
    assert [c.cost for c in Analysis.of(run).costs] == [pytest.approx(c.cost) for c in Analysis.of(apart).costs]
    assert {trial.turn for trial in apart.trials} == {None}


def test_an_explanation_says_that_the_arms_took_turns(tmp_path: Path, run: Run) -> None:
    assert "each trial has 3 slices, between those of the other arms" in report.explain(run, "cpu.hash", "b")
    apart = execute(tmp_path, a_suite(FEW.replace(*APART)))
    assert "took turns" not in report.explain(apart, "cpu.hash", "b")


def test_each_round_begins_one_arm_later(tmp_path: Path) -> None:
    notes: list[str] = []
    third = "\n[environments.c]\nkind = 'fake'\nslowdown = 1.5"
    suite = noting(a_suite(FEW.replace(*LONG).replace("blocks = 6", "blocks = 1") + third), notes)
    run = execute(tmp_path, suite)
    half = notes[: len(notes) // 2]
    arms = [note.removeprefix("begin ") for note in half if note.startswith("begin")]
    taken = [note for note in half if not note.startswith(("begin", "end", "stop"))]
    assert taken == [arm for shift in range(4) for arm in arms[shift:] + arms[:shift]]
    assert half[:4] == [f"begin {arm}" for arm in arms]
    assert half[-8:] == [note for arm in arms for note in (f"end {arm}", f"stop {arm}")]
    assert len(of(run, "cpu.hash")) == 2 * 4


def test_an_arm_that_fails_in_a_slice_has_no_more_of_them(tmp_path: Path) -> None:
    notes: list[str] = []
    suite = noting(a_suite(FEW.replace(*LONG)), notes, **{"1.25": TrialFailed("it broke")})
    run = execute(tmp_path, suite)
    assert notes.count("1.25") == 7
    assert notes.count("1") == 7 * 3 * 2
    assert notes.count("stop 1.25") == 7
    outcomes = {type(t.outcome) for t in of(run, "cpu.hash") if t.environment == "b"}
    assert outcomes == {Failed}
    assert {type(t.outcome) for t in run.trials if t.environment != "b" or t.benchmark != "cpu.hash"} == {Measured}


def test_an_arm_that_is_lost_skips_the_rest_and_the_others_go_on(tmp_path: Path) -> None:
    lost = SessionLost("it went away")
    run = execute(tmp_path, noting(a_suite(FEW.replace(*LONG)), [], **{"1.25": lost}))
    for block in run.manifest.plan.blocks:
        mine = [t for t in run.trials if (t.block, t.environment) == (block.index, "b")]
        kinds = [type(t.outcome) for t in mine]
        later = block.benchmarks[block.benchmarks.index("cpu.hash") + 1 :]
        assert kinds == [Measured, *[Measured] * (1 - len(later)), Failed, *[Skipped] * len(later)]
    assert {type(t.outcome) for t in run.trials if t.environment != "b"} == {Measured}
    assert {r.environment for r in run.readings if not r.benchmark} == {"a", "control"}


def test_an_arm_that_does_not_start_is_missed_by_nobody(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, 'fails = "start"'))
    assert {type(t.outcome) for t in run.trials if t.environment == "b"} == {Failed, Skipped}
    assert {type(t.outcome) for t in run.trials if t.environment != "b"} == {Measured}
    assert {t.turn for t in of(run, "cpu.hash") if t.environment != "b"} == {0, 1}


def test_a_tool_that_cannot_be_cut_measures_each_arm_once(tmp_path: Path) -> None:
    run = execute(tmp_path, measuring(a_suite(FEW.replace(*LONG)), lambda start: Measured({"time": (1.0,)})))
    assert {(t.rounds, type(t.outcome)) for t in of(run, "cpu.hash")} == {(1, Measured)}
    assert {t.turn for t in of(run, "cpu.hash")} == {0, 1, 2}


def test_what_happens_is_told_in_order(tmp_path: Path) -> None:
    told = Told()
    execute(tmp_path, a_suite(FEW.replace("blocks = 6", "blocks = 1")), told)
    kinds = [type(event) for event in told.events][2:-1]
    block = [*[StepBegan, TrialEnded] * 3, *[BenchmarkBegan, *[TrialEnded] * 3] * 2]
    assert kinds[: len(block)] == block
    assert all(event.together for event in told.events if isinstance(event, BenchmarkBegan))


def test_a_signal_waits_until_all_arms_trials_of_a_benchmark_are_stored(tmp_path: Path) -> None:
    told = Told()

    def signalled(trial: Trial) -> None:
        if (trial.block, trial.turn) == (2, 0):
            os.kill(os.getpid(), signal.SIGINT)

    told.at_trial = signalled
    with interrupts.once():
        run = execute(tmp_path, a_suite(FEW), told)
    assert run.manifest.state is State.PARTIAL
    assert [t.turn for t in run.trials if t.block == 2] == [None] * 3 + [0, 1, 2]


def test_what_must_end_a_run_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    """`execute` looks at the scratch folder."""
    with pytest.raises(NoSpace):
        execute(tmp_path, noting(a_suite(FEW), [], **{"1.25": NoSpace("full")}))


def test_the_rounds_of_a_benchmark_have_a_reading_and_every_arm_one_of_its_own(run: Run) -> None:
    for block in range(7):
        mine = [reading for reading in run.readings if reading.block == block]
        assert [(r.environment, r.benchmark) for r in mine[:2]] == [("", name) for name in _benchmarks(run, block)]
        assert sorted(r.environment for r in mine[2:]) == list(ARMS)
        assert all(r.idle_s is not None and 0 < r.idle_s < r.wall_s for r in mine[2:])


def test_a_run_of_nothing_but_starts_has_readings_too(tmp_path: Path) -> None:
    suite = suites.restrict(a_suite(FEW), benchmarks=("start.ready",))
    run = execute(tmp_path, suite)
    assert {(r.block, r.environment) for r in run.readings} == {(block, arm) for block in range(7) for arm in ARMS}


def _benchmarks(run: Run, block: int) -> tuple[str, ...]:
    return run.manifest.plan.blocks[block].benchmarks


# --- which arms are alive together ----------------------------------------------------------------------------------


def test_an_arm_that_was_restless_in_the_calibration_is_measured_alone_from_then_on(tmp_path: Path) -> None:
    folder = Killed(tmp_path, a_killed_suite(tmp_path), (PER_BLOCK + 1,)).folder(PER_BLOCK + 1)

    def restless(entry: journal.Entry) -> journal.Entry:
        if isinstance(entry, Reading) and entry.environment == "b":
            return replace(entry, idle_s=10.0, idle_cpu_s=0.06)
        return replace(entry, idle_cpu_s=0.04, idle_s=10.0) if isinstance(entry, Reading) else entry

    changed(folder, restless)
    run, _ = resumed(folder)
    later = [t for t in run.trials if t.block > 0 and t.benchmark != "start.ready"]
    assert {t.environment for t in later if t.turn is None} == {"b"}
    assert {t.environment for t in later if t.turn is not None} == {"a", "control"}
    assert run.manifest.state is State.COMPLETE
    for block in (2, 3):
        starts = [t.environment for t in of(run, "start.ready") if t.block == block]
        assert starts.index("b") in (0, 2)  # before the others or after


def test_an_arm_that_was_measured_alone_or_was_not_quiet_is_a_confound(tmp_path: Path, run: Run) -> None:
    def loud(reading: Reading) -> Reading:
        return replace(reading, idle_cpu_s=0.02, idle_s=1.0) if reading.environment == "b" else reading

    noisy = replace(run, readings=tuple(map(loud, run.readings)))
    (found,) = [confound for confound in confounds(noisy) if confound.key == "processor while idle"]
    assert (found.environment, found.value) == ("b", "2.0 %")
    assert "2.0 %" in report.html(noisy)
    alone = [replace(t, turn=None) if t.environment == "b" and t.block else t for t in run.trials]
    (found,) = [confound for confound in confounds(replace(run, trials=tuple(alone))) if confound.key == "took turns"]
    assert (found.environment, found.baseline, found.value) == ("b", "yes", "no")
    assert not any(c.key in ("took turns", "processor while idle") for c in confounds(run))
    apart = execute(tmp_path, a_suite(FEW.replace(*APART)))
    assert not any(c.key in ("took turns", "processor while idle") for c in confounds(apart))


@dataclass(frozen=True)
class Small(LocalFiles):
    """Files of a host with this much space left."""

    free_b: int = 2**60

    def space(self, folder: PurePosixPath) -> Space:
        return Space(self.free_b, executes=True)


def test_only_a_host_with_the_memory_for_all_arms_has_them_alive_together() -> None:
    suite, needed_b = a_suite(FEW), 4 * 2**30  # three arms, and as much for the host
    assert fit(suite, Small(), {"limits.memory.measured": _fact(needed_b)}) == Fit(3)
    assert fit(suite, Small(), {}) == Fit(3)
    why = "3 environments of 1 GiB leave less than that of the 3.999 GiB of this host's memory"
    assert fit(suite, Small(), {"limits.memory.measured": _fact(needed_b - 2**20)}) == Fit(2, why)
    assert fit(suite, Small(), {"limits.memory.measured": _fact(2**31)}) == Fit(1, why.replace("3.999", "2"))
    assert fit(suite, Small(), {"limits.memory.measured": _fact(2**30 - 1)}).alive == 0


def test_only_a_host_with_the_space_for_the_files_of_all_arms_has_them_alive_together() -> None:
    suite = a_suite(SUITE)
    assert fit(suite, Small(free_b=3 * 2**20), {}) == Fit(3)
    assert fit(suite, Small(free_b=3 * 2**20 - 1), {}).alive == 2
    one = fit(suite, Small(free_b=2**20), {"limits.memory.measured": _fact(3 * 2**30)})
    assert one.alive == 1  # by the memory it would be two
    assert one.why == "the files of 3 environments need more space than the 1 MiB that /var/tmp has free"


def test_what_a_host_has_is_asked_before_its_scratch_folder_is_refused(tmp_path: Path) -> None:
    suite = a_suite(FEW, f'[testbed]\nscratch = "{tmp_path / "nothing"}"')
    assert fitting(suite, LocalHost()) == Fit(3)


def test_arms_that_cannot_be_alive_together_are_measured_one_at_a_time_and_it_is_told(tmp_path: Path) -> None:
    told = Told()
    run = execute(tmp_path, a_suite(FEW), told, apart="of the test")
    assert {trial.turn for trial in run.trials} == {None}
    assert {event.apart for event in told.events if isinstance(event, Began)} == {"of the test"}
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials)


def _fact(value: int) -> Fact:
    return Fact(value, "test")


def test_arms_that_were_not_quiet_are_told_after_the_calibration() -> None:
    said = parted_sentence({"tcg": 0.018}, all_alone=False)
    assert said == "not quiet while others were measured, measured alone from now on: tcg 1.8 % of a processor"
    assert "every environment is measured alone" in parted_sentence({"bare": 0.018}, all_alone=True)
