"""From synthetic runs of each part to its rows, with answers that are right and answers that are wrong."""

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.outcomes import error, foreign
from vbench import suite as suites
from vbench.model import (
    SCHEMA,
    Fact,
    Facts,
    Failed,
    Manifest,
    Measured,
    Outcome,
    Reading,
    Run,
    Skipped,
    State,
    Trial,
    Void,
)
from vbench.reasons import Reason, ReasonKind
from vbench.suite import plan as plans
from vbench.validation import course, document, judging, parts, rows
from vbench.validation.parts import Part
from vbench.validation.rows import Row

BLOCKS = 20
World = Callable[[str, str, random.Random], float]
PARTS: dict[str, Part] = {part.name: part for part in parts.parts("image")}


def plain(arm: str, benchmark: str, noise: random.Random) -> float:
    del arm, benchmark
    return 1e-6 * math.exp(noise.gauss(0, 0.004))


def dosed(slope: float) -> World:
    def world(arm: str, benchmark: str, noise: random.Random) -> float:
        return plain(arm, benchmark, noise) * (1 + parts.DOSES.get(arm, 0.0)) ** slope

    return world


def times(arm: str, factor: float) -> World:
    return lambda name, benchmark, noise: plain(name, benchmark, noise) * (factor if name == arm else 1.0)


def longer(seconds: float) -> World:
    return lambda arm, benchmark, noise: 50e-6 + noise.gauss(0, 1e-6) + (2 * seconds if arm == parts.DELAYED else 0.0)


def measured(suite: suites.Suite, benchmark: str, value: float) -> Outcome:
    metric = suite.benchmarks[benchmark].metrics[0]
    return Measured({metric.name: (1 / value if metric.better == "higher" else value,)})


def run_of(part: Part, world: World = plain, *, facts: dict[str, Facts] | None = None) -> Run:
    suite = parts.suite(part, part.blocks or BLOCKS)
    plan, noise = plans.make(suite, seed=1), random.Random(5)
    trials = [
        Trial(
            block=block.index,
            position=step.position,
            environment=step.environment,
            benchmark=benchmark,
            order=order,
            outcome=measured(suite, benchmark, world(step.environment, benchmark, noise)),
            started_s=0.0,
            wall_s=1.0,
        )
        for block in plan.blocks
        for step in block.steps
        for order, benchmark in enumerate(block.benchmarks)
    ]
    manifest = Manifest(
        schema=SCHEMA,
        run_id=f"{suite.name}-1",
        state=State.COMPLETE,
        tool="test",
        suite=suite.name,
        suite_text=suite.text,
        seed=1,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        started="2026-01-01T00:00:00+00:00",
        image="",
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        plan=plan,
    )
    return Run(Path("nowhere"), manifest, tuple(trials), {}, facts or {})


def states(found: tuple[Row, ...]) -> list[rows.State]:
    return [row.state for row in found]


def reading(error_s: float | None) -> Reading:
    return Reading(block=1, attempt=0, environment=parts.STOPPED, wall_s=2.0, clock_error_s=error_s)


def with_outcomes(run: Run, arm: str, outcome: Outcome) -> Run:
    trials = (replace(t, outcome=outcome) if t.environment == arm else t for t in run.trials)
    return replace(run, trials=tuple(trials))


def test_equal_arms_give_few_false_positives_over_disjoint_pairs() -> None:
    part = PARTS["same"]
    (row,) = judging.judge(part, run_of(part))
    assert row.state is rows.State.HOLDS
    assert row.blocks == BLOCKS
    assert f"of {len(parts.PAIRS) * len(part.benchmarks)}" in row.figure
    assert row.run == "validate-same-1"
    members = [arm for pair in parts.PAIRS for arm in pair]
    assert len(members) == len(set(members))
    assert set(members) == {*part.environments, part.control}


def test_arms_that_differ_though_they_should_not_are_noticed() -> None:
    odd = {pair[1] for pair in parts.PAIRS}

    def world(arm: str, benchmark: str, noise: random.Random) -> float:
        return plain(arm, benchmark, noise) * (1.03 if arm in odd else 1.0)

    (row,) = judging.judge(PARTS["same"], run_of(PARTS["same"], world))
    assert row.state is rows.State.FAILS
    assert row.value == 1.0


def test_every_dose_is_found_as_it_was_given() -> None:
    slope, intercept = judging.judge(PARTS["dose"], run_of(PARTS["dose"], dosed(1.0)))
    assert states((slope, intercept)) == [rows.State.HOLDS, rows.State.HOLDS]
    assert slope.value == pytest.approx(1.0, abs=0.03)
    assert intercept.figure.endswith("%")


@pytest.mark.parametrize("slope", [0.0, 0.7, 1.5])
def test_a_response_that_is_not_the_dose_does_not_hold(slope: float) -> None:
    found = judging.judge(PARTS["dose"], run_of(PARTS["dose"], dosed(slope)))
    assert found[0].state is rows.State.FAILS


def test_an_interval_that_contains_any_response_shows_none() -> None:
    def world(arm: str, benchmark: str, noise: random.Random) -> float:
        return dosed(1.0)(arm, benchmark, noise) * math.exp(noise.gauss(0, 0.5))

    slope, _ = judging.judge(PARTS["dose"], run_of(PARTS["dose"], world))
    assert slope.low is not None
    assert slope.low < 0
    assert (slope.state, slope.why) == (rows.State.FAILS, rows.TOO_WIDE)


def test_an_intercept_that_may_be_anything_does_not_hold() -> None:
    def world(arm: str, benchmark: str, noise: random.Random) -> float:
        return dosed(1.0)(arm, benchmark, noise) * (math.exp(noise.gauss(0, 0.1)) if arm == "bare" else 1.0)

    slope, intercept = judging.judge(PARTS["dose"], run_of(PARTS["dose"], world))
    assert slope.state is rows.State.HOLDS
    assert intercept.low is not None
    assert intercept.high is not None
    assert intercept.low < 0 < intercept.high
    assert (intercept.state, intercept.why) == (rows.State.FAILS, rows.TOO_WIDE)


@pytest.mark.parametrize("name", ["quota", "delay", "control", "dose"])
def test_a_part_that_ran_names_the_targets_of_one_that_is_not_possible(name: str) -> None:
    part = PARTS[name]
    assert [(row.check, row.target) for row in judging.judge(part, run_of(part))] == list(part.checks)


def test_work_that_every_dosed_arm_has_and_the_baseline_has_not_moves_the_intercept() -> None:
    def world(arm: str, benchmark: str, noise: random.Random) -> float:
        return dosed(1.0)(arm, benchmark, noise) * (1.02 if arm in parts.DOSES else 1.0)

    slope, intercept = judging.judge(PARTS["dose"], run_of(PARTS["dose"], world))
    assert states((slope, intercept)) == [rows.State.HOLDS, rows.State.FAILS]
    assert intercept.value == pytest.approx(math.log(1.02), abs=0.004)


def test_a_container_without_cost_is_shown_equivalent() -> None:
    assert states(judging.judge(PARTS["control"], run_of(PARTS["control"]))) == [rows.State.HOLDS] * 2


def speculating(bare: str, runc: str) -> dict[str, Facts]:
    key = judging.SPECULATION[0]
    return {"bare": {key: Fact(bare, "status")}, "runc": {key: Fact(runc, "status")}}


def test_a_container_that_costs_something_does_not_hold_unless_its_speculation_controls_differ() -> None:
    part = PARTS["control"]
    costly = run_of(part, times("runc", 1.4), facts=speculating("vulnerable", "vulnerable"))
    assert states(judging.judge(part, costly)) == [rows.State.FAILS] * 2
    mitigated = judging.judge(part, replace(costly, facts=speculating("vulnerable", "force mitigated")))
    assert states(mitigated) == [rows.State.IMPOSSIBLE] * 2
    assert "vulnerable → force mitigated" in mitigated[0].why


def test_a_quota_is_found_in_the_throughput() -> None:
    part = PARTS["quota"]
    (row,) = judging.judge(part, run_of(part, times(parts.LIMITED, 1.25)))
    assert row.state is rows.State.HOLDS
    assert row.value == pytest.approx(0.8, abs=0.005)
    (missed,) = judging.judge(part, run_of(part))
    assert (missed.state, missed.why) == (rows.State.FAILS, "the interval lies outside")


def test_a_delay_is_found_in_each_direction() -> None:
    part = PARTS["delay"]
    (row,) = judging.judge(part, run_of(part, longer(200e-6)))
    assert row.state is rows.State.HOLDS
    assert row.value == pytest.approx(200e-6, rel=0.01)
    assert row.figure.endswith("µs")
    (missed,) = judging.judge(part, run_of(part, longer(0.0)))
    assert missed.state is rows.State.FAILS


def test_a_part_whose_trials_all_failed_does_not_hold() -> None:
    for part, arm in ((PARTS["quota"], parts.LIMITED), (PARTS["delay"], parts.DELAYED), (PARTS["control"], "runc")):
        lost = with_outcomes(run_of(part), arm, Failed(error("it broke")))
        found = judging.judge(part, lost)
        assert set(states(found)) == {rows.State.FAILS}
        assert all(row.why.endswith("trials failed: it broke") for row in found)


def test_blocks_that_gates_took_away_explain_what_does_not_hold() -> None:
    part = PARTS["quota"]
    voids = tuple(Void(block, 0, (foreign("bare", 0.6),)) for block in range(1, BLOCKS + 1))
    (row,) = judging.judge(part, replace(run_of(part, times(parts.LIMITED, 1.25)), voids=voids))
    assert row.state is rows.State.FAILS
    assert row.why == f"{BLOCKS} of {BLOCKS} blocks are void: bare: foreign tasks used 60.0% of its processors"


def clock_run(*, refused: str = "QEMU runs with -icount: no time", error_s: float | None = -0.5) -> Run:
    run = with_outcomes(run_of(PARTS["clock"]), parts.COUNTED, Skipped(error(refused)))
    return replace(run, readings=(reading(error_s),))


def test_clock_faults_hold_when_one_guest_is_refused_and_the_other_ones_block_void() -> None:
    void = Void(1, 0, (Reason(ReasonKind.CLOCK_BEHIND, parts.STOPPED, 0.5),))
    found = judging.judge(PARTS["clock"], replace(clock_run(), voids=(void,)))
    assert states(found) == [rows.State.HOLDS, rows.State.HOLDS]
    assert found[1].figure == "500 ms missing, voided"


def test_a_stopped_guest_that_nobody_noticed_does_not_hold() -> None:
    void = Void(1, 0, (foreign(parts.STOPPED, 0.09),))
    for run in (clock_run(), replace(clock_run(), voids=(void,))):
        assert judging.judge(PARTS["clock"], run)[1].state is rows.State.FAILS
    unread = judging.judge(PARTS["clock"], clock_run(error_s=None))[1]
    assert (unread.state, unread.why) == (rows.State.FAILS, "the guest's clock was not read")


def test_a_guest_that_counts_instructions_must_be_refused_for_that_reason() -> None:
    other = judging.judge(PARTS["clock"], clock_run(refused="no disk"))[0]
    assert (other.state, other.why) == (rows.State.FAILS, "no disk")
    accepted = judging.judge(PARTS["clock"], replace(run_of(PARTS["clock"]), readings=(reading(-0.5),)))[0]
    assert accepted.state is rows.State.FAILS
    assert "were measured" in accepted.why


def validated(*found: Row) -> course.Validation:
    return course.Validation(
        schema=1,
        validation_id="validate-1",
        tool="test",
        day="2026-01-02",
        host="a host",
        facts={},
        image="",
        seconds=1.0,
        rows=found,
        runs=(),
    )


def test_the_sentence_to_cite_names_figures_failures_and_what_was_not_possible(tmp_path: Path) -> None:
    slope = Row(part="p", check="slope", target="t", state=rows.State.HOLDS, figure="1.01 (0.99 to 1.03)")
    without = rows.impossible("p", "network delay", "t", "no sch_netem")
    whole = validated(slope, without)
    assert document.sentence(whole) == (
        "validated on this host on 2026-01-02: slope 1.01 (0.99 to 1.03); not possible here: network delay"
    )
    failed = document.sentence(validated(replace(slope, state=rows.State.FAILS)))
    assert failed == "validation on this host on 2026-01-02 did not hold for slope"
    text = document.save(tmp_path, whole).read_text()
    assert "1.01 (0.99 to 1.03); not possible" in text
    assert '"state": "not possible here"' in text


def test_too_few_minutes_are_refused_with_a_hint() -> None:
    from vbench.errors import UsageError

    assert course.seconds_of(10) == 600
    for minutes in (0.0, 2.9, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="a validation takes 3 minutes"):
            course.seconds_of(minutes)


def test_every_part_is_a_suite_that_can_be_planned_and_the_command_line_offers_it() -> None:
    from vbench.cli import validate

    assert tuple(PARTS) == validate.PARTS
    for root in ("image", "host"):
        for part in parts.parts(root):
            plan = plans.make(parts.suite(part, 5))
            assert len(plan.blocks) == 6
            assert plan.control == part.control
