"""One analysis answers for everybody: which attempt counts, why a trial is not used, and what its number is."""

import ast
import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

import vbench
from tests.unit.outcomes import error, stated
from tests.unit.runs import gated, make_run
from vbench.cost import Analysis, Attempts, Planned
from vbench.cost.trials import number, why_no_number
from vbench.model import Failed, Look, Measured, State, Trial, Void

ROOT = Path(vbench.__file__).parent
MAKERS = {"Run": {"store/reading.py"}, "Manifest": {"runner/conduct.py"}}


def a_trial(block: int, attempt: int = 0, arm: str = "bare", *, time: float = 1.0) -> Trial:
    return Trial(block, 0, arm, "cpu.hash", 0, Measured({"time": (time,)}), 0.0, 0.0, attempt=attempt)


def test_the_last_attempt_counts_unless_it_is_void_or_unfinished() -> None:
    both = [(1, 0), (1, 1), (2, 0), (3, 0)]
    trials = [a_trial(*at, arm) for at in both for arm in ("bare", "runc")][:-1]  # the run ended within block 3
    planned = Planned(replace(make_run().manifest.plan, environments=("bare", "runc"), benchmarks=("cpu.hash",)))
    voids = [Void(2, 0, (stated("a gate"),))]
    attempts = Attempts([a_trial(0), *trials], voids, planned)
    assert attempts.blocks == {(1, 1): 1}
    assert [attempts.why_unused(trial) for trial in attempts.trials if trial.environment == "bare"] == [
        "calibration",
        "the block was repeated",
        "",
        "voided: a gate",
        "the run ended within this block",
    ]
    assert Attempts(trials, voids).blocks == {(1, 1): 1, (3, 0): 3}  # a whole run has no unfinished attempt


def test_without_gates_every_finished_attempt_is_a_block() -> None:
    trials = [a_trial(1, 0), a_trial(1, 1), a_trial(2, 0)]
    voids = [Void(1, 0, (stated("a gate"),)), Void(2, 0, (stated("the run paused"),), harness=True)]
    assert Attempts(trials, voids, keeps_voided=True).blocks == {(1, 0): 1, (1, 1): 2}


def test_a_trial_that_stands_twice_counts_as_it_stands_last() -> None:
    first, again = a_trial(1, time=1.0), a_trial(1, time=2.0)
    attempts = Attempts([first, again])
    assert attempts.why_unused(first) == "stored again later"
    assert attempts.numbers("bare", "cpu.hash", "time") == {1: 2.0}
    assert attempts.final == (again,)


@pytest.mark.parametrize(
    ("outcome", "expected", "why"),
    [
        (Measured({"time": (3.0, 1.0, 2.0)}), 2.0, ""),
        (Measured({"time": ()}), None, "this metric was not measured"),
        (Measured({}), None, "this metric was not measured"),
        (Failed(error("no answer")), None, "the trial has no number"),
    ],
)
def test_a_trials_number_is_its_median_or_there_is_none(outcome: Measured, expected: float | None, why: str) -> None:
    trial = replace(a_trial(1), outcome=outcome)
    assert number(trial, "time") == expected
    assert why_no_number(trial, "time") == why


def test_a_trial_with_a_sample_that_is_no_number_has_none() -> None:
    trial = replace(a_trial(1), outcome=Measured({"time": (1.0, math.nan)}))
    assert math.isnan(number(trial, "time") or 0.0)
    assert why_no_number(trial, "time") == "not a number"


def test_every_trial_that_is_used_or_not_says_so() -> None:
    run = gated(make_run(blocks=12))
    ended = replace(run, trials=run.trials[:-1], manifest=replace(run.manifest, state=State.PARTIAL))
    for analysis in (Analysis.of(run), Analysis.of(ended)):
        used = {id(trial) for blocks in analysis.attempts.used.values() for trial in blocks.values()}
        assert used
        for trial in analysis.trials:
            assert (analysis.attempts.why_unused(trial) == "") == (id(trial) in used)


def test_an_analysis_works_each_result_out_once() -> None:
    analysis = Analysis.of(gated(make_run(blocks=12)))
    for name in ("attempts", "findings", "costs", "families", "voided", "conditions", "steadiness", "ladders"):
        assert getattr(analysis, name) is getattr(analysis, name), name


def test_the_trials_of_a_whole_attempt_are_those_of_the_plan_without_what_an_earlier_look_settled() -> None:
    plan = make_run().manifest.plan
    assert set(plan.environments) == {"bare", "runc", "tcg", "control"}
    first, *others = plan.benchmarks
    planned = Planned(plan, (Look(2, narrow=(f"runc {first}",)), Look(4, undecidable=(f"tcg {first}",))))
    whole = set(product(plan.environments, [0], plan.benchmarks))
    assert planned.trials(0) == planned.trials(2) == whole
    assert planned.trials(3) == planned.trials(4) == whole - {("runc", 0, first)}
    assert planned.trials(5) == set(product(plan.environments, [0], others))  # no arm is left to compare
    assert planned.benchmarks(5) == tuple(others)


def test_the_start_of_an_arm_is_measured_as_long_as_the_arm_is_started() -> None:
    plan = replace(make_run().manifest.plan, benchmarks=("cpu.hash", "start.ready"))
    plan = replace(plan, blocks=tuple(replace(block, benchmarks=("cpu.hash",)) for block in plan.blocks))
    looks = [Look(2, narrow=("runc start.ready", "tcg start.ready")), Look(4, narrow=("tcg cpu.hash",))]
    planned = Planned(plan, looks)
    assert planned.trials(3) == set(product(plan.environments, [0], plan.benchmarks))
    assert planned.trials(5) == set(product(("bare", "runc", "control"), [0], plan.benchmarks))
    assert Planned(plan, [*looks, Look(6, narrow=("runc cpu.hash",))]).trials(7) == set()


def test_a_control_alone_is_settled_by_itself() -> None:
    plan = replace(make_run().manifest.plan, environments=("bare", "control"))
    first = plan.benchmarks[0]
    assert ("control", 0, first) not in Planned(plan, [Look(1, narrow=(f"control {first}",))]).trials(2)


def test_the_baseline_is_measured_in_each_group_that_has_an_open_arm() -> None:
    plan = make_run().manifest.plan
    first, *others = plan.benchmarks
    plan = replace(plan, groups=(("bare", "runc", "control"), ("bare", "tcg")))
    whole = set(product(plan.starts, plan.benchmarks))
    assert Planned(plan).trials(1) == {(*start, name) for start, name in whole}
    tcg = Planned(plan, [Look(2, narrow=(f"tcg {first}",))]).trials(3)
    assert {(arm, group) for arm, group, name in tcg if name == first} == {("bare", 0), ("runc", 0), ("control", 0)}
    runc = Planned(plan, [Look(2, narrow=(f"runc {first}",))]).trials(3)  # the control goes on, beside its own baseline
    assert {(arm, group) for arm, group, name in runc if name == first} == {
        *(("bare", 0), ("control", 0)),
        *(("bare", 1), ("tcg", 1)),
    }
    assert all((*start, name) in runc for start, name in product(plan.starts, others))


def test_only_the_store_and_the_runner_make_a_run_and_a_manifest() -> None:
    made = {(name, str(path.relative_to(ROOT))) for path in ROOT.rglob("*.py") for name in _made(path)}
    assert made == {(name, path) for name, paths in MAKERS.items() for path in paths}


def _made(path: Path) -> Iterator[str]:
    """The structs of vbench.model among MAKERS that a file makes."""
    tree = ast.parse(path.read_text())
    models = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "vbench.model"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and models.get(node.func.id) in MAKERS:
            yield models[node.func.id]
