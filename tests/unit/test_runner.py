"""A whole run of fakes, to the last digit: what is stored, in which order, and which costs come out."""

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import APART, FEW, Told, a_suite, execute, of
from tests.unit.odd_kinds import measuring
from tests.unit.outcomes import error
from vbench import report, store
from vbench.contracts import Start
from vbench.cost import Analysis
from vbench.errors import NoSpace, StopFailed
from vbench.host import interrupts
from vbench.host.proc import LocalSession
from vbench.model import Failed, Measured, Run, Skipped, State, Trial
from vbench.reasons import Reason, ReasonKind
from vbench.runner.events import Began, BenchmarkBegan, BlockBegan, Ended, StepBegan, TrialEnded
from vbench.suite import plan as plans
from vbench.text import reason_text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute(tmp_path_factory.mktemp("run"), a_suite(FEW))


def test_costs_come_out_as_the_fakes_were_made(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite())
    assert run.warnings == ()
    found = Analysis.of(run).costs
    assert {cost.blocks for cost in found} == {6}
    for cost in found:
        assert cost.cost == pytest.approx(1.25 if cost.environment == "b" else 1.0, rel=1e-12)
        assert (cost.low, cost.high, cost.label) == (None, None, "no spread")  # never an interval of no width
    metrics = {(cost.benchmark, cost.metric) for cost in found}
    assert len(metrics) == len(found) / 2 == 13
    document = report.json_document(run)
    assert document["trials"] == {"measured": 6 * 3 * 11, "failed": 0, "skipped": 0}
    assert "made-up" in report.html(run)


def test_noise_gives_an_interval_around_the_cost(tmp_path: Path) -> None:
    noisy = a_suite(FEW.replace('[environments.a]\nkind = "fake"', '[environments.a]\nkind = "fake"\nnoise = 0.1'))
    (cost,) = [
        c for c in Analysis.of(execute(tmp_path, noisy)).costs if (c.benchmark, c.environment) == ("cpu.hash", "b")
    ]
    assert cost.low is not None
    assert cost.high is not None
    assert cost.cost is not None
    assert cost.low < cost.cost < cost.high


def test_every_planned_trial_is_stored_in_the_plans_order(tmp_path: Path) -> None:
    suite, told = a_suite(FEW.replace(*APART)), Told()
    run = execute(tmp_path, suite, told)
    plan = plans.make(suite)
    planned = [
        (block.index, step.environment, step.position, benchmark, step.padding_b)
        for block in plan.blocks
        for step in block.steps
        for benchmark in ("start.ready", *block.benchmarks)
    ]
    assert [(t.block, t.environment, t.position, t.benchmark, t.padding_b) for t in run.trials] == planned
    assert [t.order for t in run.trials] == [0, 1, 2] * (7 * 3)
    assert [t.benchmark for t in told.trials] == [t.benchmark for t in run.trials]
    assert told.blocks == list(plan.blocks)
    assert told.ended


def test_the_order_of_benchmarks_is_one_for_all_arms_of_a_block_and_changes_between_blocks(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite())
    orders = {
        block: {
            tuple(t.benchmark for t in run.trials if (t.block, t.environment) == (block, arm))
            for arm in ("a", "b", "control")
        }
        for block in range(7)
    }
    assert all(len(found) == 1 for found in orders.values())
    assert len(set().union(*orders.values())) > 1


def test_the_workload_sees_the_padding_of_its_start(run: Run) -> None:
    driven = of(run, "cpu.hash")
    seen = [t.outcome.padding_seen_b for t in driven if isinstance(t.outcome, Measured)]
    assert seen == [t.padding_b for t in driven]
    assert len({t.padding_b for t in driven}) > 10


def test_the_calibration_fixes_the_loops_and_the_control_runs_with_the_baselines(run: Run) -> None:
    """A fake that is not told its loops takes another number at each request."""
    loops = {(t.block, t.environment): t.outcome.loops for t in of(run, "cpu.hash") if isinstance(t.outcome, Measured)}
    first = next(t.environment for t in run.trials if t.environment in ("a", "control"))
    fixed = {
        (block, arm): loops[0, first if arm != "b" else "b"] for block in range(1, 7) for arm in ("a", "b", "control")
    }
    assert {key: number for key, number in loops.items() if key[0]} == fixed
    assert loops[0, "a"] == loops[0, "control"]


def test_a_start_keeps_what_was_set_up_before_it_apart(run: Run) -> None:
    """It is no metric: it is stored, and costs nothing."""
    outcomes = [trial.outcome for trial in of(run, "start.ready")]
    assert all(isinstance(found, Measured) and set(found.samples) == {"time", "attach"} for found in outcomes)
    assert {cost.metric for cost in Analysis.of(run).costs if cost.benchmark == "start.ready"} == {"time"}


def test_a_trial_that_fails_is_stored_and_the_others_go_on(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, 'fails = "trial"'))
    outcomes = [(t.benchmark, t.outcome) for t in run.trials if t.environment == "b"]
    assert len(outcomes) == 7 * 3
    for benchmark, outcome in outcomes:
        if benchmark == "start.ready":
            assert isinstance(outcome, Measured)
        else:
            assert outcome == Failed(error("this fake environment fails every trial"))
    assert {c.blocks for c in Analysis.of(run).costs if c.environment == "control"} == {6}
    labels = {c.label for c in Analysis.of(run).costs if c.environment == "b" and c.cost is None}
    assert labels == {"b failed: this fake environment fails every trial"}


def test_a_sample_that_is_no_number_is_told_as_it_is_stored(tmp_path: Path) -> None:
    told = Told()
    run = execute(tmp_path, measuring(a_suite(FEW), lambda start: Measured({"time": (math.inf,)})), told)
    assert told.trials == list(run.trials)
    assert {t.outcome for t in of(run, "cpu.hash")} == {Failed(Reason(ReasonKind.NOT_FINITE, value="time"))}


def test_a_start_that_fails_leaves_a_row_for_each_trial_that_was_to_come(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, 'fails = "start"'))
    for trial in (t for t in run.trials if t.environment == "b"):
        match trial.outcome:
            case Failed(reason, hint):
                assert trial.benchmark == "start.ready"
                assert reason_text(reason) == "the start failed: this fake environment never starts"
                assert hint == "set fails = 'nothing'"
            case Skipped(reason):
                assert "this fake environment never starts" in reason_text(reason)
            case other:
                pytest.fail(f"{other}")
    assert len([t for t in run.trials if t.environment == "b"]) == 7 * 3
    assert "facts/b.json is missing" in run.warnings


def test_a_lost_environment_fails_its_trial_skips_the_rest_and_the_next_block_starts_afresh(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, 'fails = "session"'))
    by_block = [[t.outcome for t in run.trials if (t.environment, t.block) == ("b", block)] for block in range(7)]
    for start, first, second in by_block:
        assert isinstance(start, Measured)
        assert first == Failed(Reason(ReasonKind.LOST, value="the fake environment went away"))
        assert isinstance(second, Skipped)
        assert "went away" in reason_text(second.reason)
    assert all(c.cost is None or c.benchmark == "start.ready" for c in Analysis.of(run).costs if c.environment == "b")


def test_a_run_tells_what_happens_in_order(tmp_path: Path) -> None:
    """The benchmark of the start itself has no begin of its own: it is over when the start is."""
    told = Told()
    execute(tmp_path, a_suite(FEW.replace(*APART), 'fails = "trial"'), told)
    step = [StepBegan, TrialEnded, *[BenchmarkBegan, TrialEnded] * 2]
    assert [type(event) for event in told.events] == [Began, *[BlockBegan, *step * 3] * 7, Ended]


def test_a_signal_that_comes_while_a_trial_is_stored_waits_until_it_is_told(tmp_path: Path) -> None:
    """A second one, as of an impatient user, changes nothing."""
    told = Told()

    def signalled(trial: Trial) -> None:
        if (trial.block, trial.position, trial.order) == (2, 1, 1):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            survived.append(trial)

    survived: list[Trial] = []
    told.at_trial = signalled
    with interrupts.once():
        run = execute(tmp_path, a_suite(FEW), told)
    assert survived == [run.trials[-1]] == [told.trials[-1]]
    assert type(told.events[-1]) is TrialEnded
    assert run.manifest.state is State.PARTIAL


def test_what_is_interrupted_in_a_block_is_kept_but_its_block_is_not_analysed(tmp_path: Path) -> None:
    def stop(trial: Trial) -> None:
        if (trial.block, trial.position, trial.order) == (3, 2, 1):
            raise KeyboardInterrupt

    run = execute(tmp_path, a_suite(FEW.replace(*APART)), Told(at_trial=stop))
    assert run.manifest.state is State.PARTIAL
    assert run.warnings == ("the run was ended before its last block; what is here is whole",)
    assert len(run.trials) == (3 * 3 + 2) * 3 + 2
    assert {cost.blocks for cost in Analysis.of(run).costs} == {2}
    assert all(set(cost.per_block) == {1, 2} for cost in Analysis.of(run).costs)


def test_a_block_that_was_whole_when_the_run_was_interrupted_is_analysed(tmp_path: Path) -> None:
    def stop(trial: Trial) -> None:
        if (trial.block, trial.position, trial.order) == (3, 2, 2):
            raise KeyboardInterrupt

    assert {
        cost.blocks for cost in Analysis.of(execute(tmp_path, a_suite(FEW.replace(*APART)), Told(at_trial=stop))).costs
    } == {3}


@pytest.mark.parametrize("error", [StopFailed("it would not go"), NoSpace("full")])
def test_what_cannot_be_stopped_or_stored_ends_the_run(tmp_path: Path, error: Exception) -> None:
    def stop(trial: Trial) -> None:
        if trial.block == 2:
            raise error

    with pytest.raises(type(error)):
        execute(tmp_path, a_suite(FEW), Told(at_trial=stop))
    (folder,) = (tmp_path / "results").iterdir()
    run = store.load(folder)
    assert run.manifest.state is State.PARTIAL
    assert {cost.blocks for cost in Analysis.of(run).costs} == {1}


def test_a_fake_on_a_fake_is_started_after_it_and_named_so(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, '[environments.c]\nkind = "fake"\non = "b"\nslowdown = 2'))
    found = {c.environment: c.cost for c in Analysis.of(run).costs if c.benchmark == "cpu.hash"}
    assert found == {"b": pytest.approx(1.25), "c": pytest.approx(2.0), "control": pytest.approx(1.0)}
    (record,) = [record for record in run.manifest.environments if record.name == "c"]
    assert [layer.name for layer in record.layers] == ["fake", "fake"]
    assert [(layer.environment, layer.kind) for layer in record.stack] == [("b", "fake"), ("c", "fake")]


def test_a_torn_line_costs_its_trial_alone_and_is_told(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW))
    journal = run.path / "journal.jsonl"
    journal.chmod(0o644)
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"trial":' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:-20])
    again = store.load(run.path)
    assert len(again.trials) == len(run.trials) - 1
    assert any("is torn: its trial was dropped" in warning for warning in again.warnings)
    lost = run.trials[-1]
    for cost in Analysis.of(again).costs:
        hit = cost.benchmark == lost.benchmark and lost.environment in (cost.environment, "a")
        assert cost.blocks == (5 if hit else 6)
    assert "torn" in json.dumps(report.json_document(again)) + report.html(again)


def test_any_command_can_be_given_the_padding_of_its_start() -> None:
    nothing: Any = None
    start = Start(nothing, nothing, 4095, 0.0, 0.0, None, nothing, nothing)
    said = LocalSession().run(start.padded(["env"]), timeout_s=30).check().text
    assert f"VBENCH_PADDING={'x' * 4095}\n" in said
