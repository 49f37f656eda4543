"""A run whose arms are alive in groups, of fakes: from its plan to its report, killed and gone on with."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

import vbench
from tests.unit.fakes import FEW, Told, a_suite, execute, of
from tests.unit.killed import Killed, aged, changed, resumed
from tests.unit.killed import a_suite as a_killed_suite
from vbench import facts, report, store
from vbench.cli.losses import not_together
from vbench.cli.plan import plan as plan_verb
from vbench.cost import Analysis, confounds
from vbench.errors import RunFolderError
from vbench.exports import openmetrics
from vbench.frames import tables
from vbench.frames.passing import read
from vbench.host.proc import LocalSession
from vbench.model import Measured, Reading, Run, State, Trial
from vbench.runner import conduct
from vbench.runner.events import Began
from vbench.store import journal
from vbench.suite import Suite
from vbench.suite import plan as plans

GROUPS = (("a", "b"), ("a", "c", "control"))
LADDER = """
[environments.c]
kind = "fake"
slowdown = 1.5
[ladders.layers]
benchmark = "cpu.hash"
arms = ["a", "b", "c"]
"""
STARTS = 5  # of a block: the baseline's two among them
KILLED_GROUPS = (("a", "b"), ("a", "control"))
PER_BLOCK = 12  # trials of a killed run: four starts of three benchmarks
TORN = 2 * PER_BLOCK + 9  # in the second group of block 2
At = Callable[[int], Path]


def in_groups() -> Suite:
    return a_suite(FEW, LADDER)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute(tmp_path_factory.mktemp("run"), in_groups(), alive=3)


def test_every_arm_takes_turns_beside_the_baseline_of_its_group(run: Run) -> None:
    plan = run.manifest.plan
    assert plan.groups == GROUPS
    for block in plan.blocks:
        for group, arms in enumerate(GROUPS):
            for benchmark in block.benchmarks:
                mine = [t for t in of(run, benchmark) if (t.block, t.group) == (block.index, group)]
                assert {t.environment for t in mine} == set(arms)
                assert [t.turn for t in mine] == list(range(len(arms)))
    assert {(t.environment, t.group) for t in run.trials} == set(plan.starts)
    assert len(run.trials) == len(plan.blocks) * STARTS * len(plan.benchmarks)
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials)


def test_the_trials_of_a_group_stand_together_in_the_order_of_the_plan(run: Run) -> None:
    plan = run.manifest.plan
    for block in plan.blocks:
        mine = [t for t in run.trials if t.block == block.index]
        orders = [t.group for t in mine]
        assert orders == sorted(orders, key=[step.group for step in block.steps].index)
        starts = [t for t in mine if t.benchmark == "start.ready"]
        assert [(t.environment, t.position, t.padding_b, t.group) for t in starts] == [
            (step.environment, step.position, step.padding_b, step.group) for step in block.steps
        ]
        for benchmark, turn in zip(block.benchmarks, block.turns, strict=True):
            assert [t.environment for t in mine if t.benchmark == benchmark] == [plan.environments[n] for n in turn]


def test_the_rounds_of_a_group_have_a_reading_and_each_start_one_of_its_own(run: Run) -> None:
    for block in run.manifest.plan.blocks:
        mine = [reading for reading in run.readings if reading.block == block.index]
        rounds = [(r.group, r.benchmark) for r in mine if not r.environment]
        assert sorted(rounds) == sorted((group, name) for group in (0, 1) for name in block.benchmarks)
        assert sorted((r.environment, r.group) for r in mine if r.environment) == sorted(run.manifest.plan.starts)


def test_the_files_of_the_baseline_are_named_by_the_group(tmp_path: Path) -> None:
    run = execute(
        tmp_path, a_suite(FEW.replace("cpu.hash", "disk.randread").replace("blocks = 6", "blocks = 1")), alive=2
    )
    raw = {t.raw for t in run.trials if t.environment == "a" and t.block == 1 and t.raw}
    assert {Path(name).name[:6] for name in raw} == {"001-a-", "001.1-"}


def test_the_loops_of_the_baseline_are_those_of_all_its_starts(run: Run) -> None:
    loops = {t.outcome.loops for t in of(run, "cpu.hash") if t.environment == "a" and isinstance(t.outcome, Measured)}
    assert len(loops) == 1


def test_costs_and_steps_are_those_of_arms_that_are_all_alive_together(tmp_path: Path, run: Run) -> None:
    whole = execute(tmp_path, in_groups())
    both = [Analysis.of(one).findings for one in (run, whole)]
    costs, expected = ([(f.comparison.name, f.cost.cost) for f in found] for found in both)
    assert [name for name, _ in costs] == [name for name, _ in expected]
    assert [cost for _, cost in costs] == [pytest.approx(cost) for _, cost in expected]
    assert whole.manifest.plan.groups == ()
    assert {trial.group for trial in whole.trials} == {0}


# --- told and shown -------------------------------------------------------------------------------------------------


def test_a_run_tells_its_groups_at_its_beginning(run: Run) -> None:
    plan = run.manifest.plan
    said = not_together(Began(plan, "", "there is little memory"))
    assert said == (
        "environments are alive in 2 groups, each with a, since there is little memory. "
        "group 0: a b; group 1: a c control"
    )
    assert not_together(Began(plan)).startswith("environments are alive in 2 groups, each with a. group 0")
    assert not_together(Began(plan, "there is less now")).startswith("one environment is alive at a time")
    assert not_together(Began(replace(plan, groups=()))) == ""


def test_the_report_names_the_groups_and_each_baseline_once(run: Run) -> None:
    for text in (report.html(run), report.markdown(run)):
        assert "alive in 2 groups, one after another in each block: group 0: a, b; group 1: a, c, control" in text
        assert "control stands beside a of group 1" in text
    assert {"a (group 0)", "a (group 1)"} <= set(re.findall(r"a \(group \d\)", report.html(run)))
    document = report.json_document(run)
    assert document["groups"] == [list(group) for group in GROUPS]
    assert {cost["environment"]: cost["group"] for cost in document["costs"]} == {"b": 0, "c": 1, "control": 1}


def test_an_explanation_prints_the_numbers_of_the_group_that_it_used(run: Run) -> None:
    text = report.explain(run, "cpu.hash", "c")
    assert "d = ln(c / a (group 1)), so that above 0 is worse" in text
    assert "group 0" not in text
    step = report.explain(run, "layers", "c")
    assert "d = ln(c) + ln(a (group 0)) - ln(b) - ln(a (group 1)), so that" in step
    assert "each beside the baseline, to which d compares it: c in group 1 and b in group 0." in step
    assert "times sqrt(sum of squared weights / 2) = 1.41421" in step or "unknown: the control" in step


def test_tables_and_exports_name_the_group(run: Run) -> None:
    made = tables.Tables(read(run.path))
    for name in ("samples", "blocks", "histograms"):
        assert "group" in getattr(made, name).columns
    blocks = made.blocks
    assert set(zip(blocks.environment, blocks.group, strict=True)) == set(run.manifest.plan.starts)
    assert dict(zip(made.costs.environment, made.costs.group, strict=True)) == {"b": 0, "c": 1, "control": 1}
    lines = openmetrics.text(vbench.load(run.path)).splitlines()
    baselines = [line for line in lines if line.startswith("vbench_median_seconds{") and 'environment="a"' in line]
    assert [line.count('group="1"') for line in baselines if "cpu.hash" in line] == [0, 1]


@pytest.mark.parametrize(("parts", "groups"), [(3, [["a", "b"], ["a", "control"]]), (4, []), (2, [])])
def test_a_plan_has_groups_where_this_hosts_memory_is_for_two_arms(tmp_path: Path, parts: int, groups: object) -> None:
    """An arm has so large a part of the memory, and as much again is left to the host."""
    host_b = facts.memory_of(facts.collect(LocalSession()))
    assert host_b is not None
    path = tmp_path / "few.toml"
    path.write_text(f'{FEW}[testbed]\nscratch = "{tmp_path}"\nmemory = {host_b // parts}\n')
    document = json.loads(CliRunner().invoke(plan_verb, [str(path), "--format", "json"]).stdout)
    assert document["groups"] == groups
    assert bool(document["why_not_together"]) == (parts < 4)
    text = CliRunner().invoke(plan_verb, [str(path)]).stdout
    turns = {2: "one arm is alive at a time, since 3", 3: "group are alive together, since 3", 4: "all arms are alive"}
    assert turns[parts] in text
    assert ("group 1: a  control" in text) == (parts == 3)
    assert f"{4 if groups else 3} starts each" in text
    assert (" | " in text) == (parts == 3)


# --- a host with less -----------------------------------------------------------------------------------------------


def test_groups_on_a_host_that_has_less_by_now_are_measured_one_arm_at_a_time(tmp_path: Path) -> None:
    told = Told()
    run = execute(tmp_path, in_groups(), told, alive=3, apart="there is less now")
    assert {trial.turn for trial in run.trials} == {None}
    assert {(t.environment, t.group) for t in run.trials} == set(run.manifest.plan.starts)
    assert [cost.cost for cost in Analysis.of(run).costs if cost.environment == "c"] == [pytest.approx(1.5)] * 3


@pytest.mark.parametrize(("parts", "apart", "grouped"), [(4, False, False), (3, False, True), (2, True, True)])
def test_a_run_tells_why_it_has_groups_and_why_not_even_these(
    tmp_path: Path, parts: int, apart: bool, grouped: bool
) -> None:
    """Of a plan for two arms together, on a host whose memory is for three, for two and for one."""
    host_b = facts.memory_of(facts.collect(LocalSession()))
    assert host_b is not None
    suite, told = a_killed_suite(tmp_path, ("[testbed]", f"[testbed]\nmemory = {host_b // parts}")), Told()
    conduct.conduct(
        suite,
        plans.make(suite, alive=2),
        image=None,
        results=tmp_path / "results",
        progress=lambda testbed: told,
        command=("vbench", "run"),
        tags={},
    )
    (began,) = [event for event in told.events if isinstance(event, Began)]
    assert (bool(began.apart), bool(began.grouped)) == (apart, grouped)
    assert {trial.turn is None for trial in told.trials if trial.benchmark != "start.ready"} == {apart}


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    return Killed(folder, a_killed_suite(folder), (PER_BLOCK + 1, TORN), alive=2)


@pytest.fixture
def killed(runs: Killed, tmp_path: Path) -> At:
    def copied(number: int) -> Path:
        source = runs.folder(number)
        return shutil.copytree(source, tmp_path / "results" / source.name)

    return copied


def places(run: Run, attempt: int = 0) -> list[tuple[int, str, int, str]]:
    return sorted((t.block, t.environment, t.group, t.benchmark) for t in run.trials if t.attempt == attempt)


def planned(run: Run) -> list[tuple[int, str, int, str]]:
    plan = run.manifest.plan
    return sorted((b.index, *start, name) for b in plan.blocks for start in plan.starts for name in plan.benchmarks)


def test_a_run_killed_within_its_second_group_gets_the_rest_and_no_trial_twice(runs: Killed, killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=5.0)
    torn = [entry for entry in journal.read(folder / "journal.jsonl")[0] if isinstance(entry, Trial)]
    first = next(t.group for t in torn if t.block == 2)
    assert {t.group for t in torn if t.block == 2} == {0, 1}
    run, _ = resumed(folder)
    assert run.manifest.state is State.COMPLETE
    assert run.manifest.plan.groups == KILLED_GROUPS
    assert places(run) == planned(run)
    assert run.voids == ()
    assert len([r for r in run.readings if (r.block, r.group, r.environment) == (2, first, "a")]) == 1
    assert [c.cost for c in Analysis.of(run).costs] == [pytest.approx(c.cost) for c in Analysis.of(runs.whole).costs]


def test_a_block_that_is_void_is_repeated_in_all_its_groups(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=3 * 3600)
    run, _ = resumed(folder)
    assert [(void.block, void.attempt, void.harness) for void in run.voids] == [(2, 0, True)]
    assert places(run, attempt=1) == [place for place in planned(run) if place[0] == 2]
    assert all(set(cost.per_block) == {1, 2, 3} for cost in Analysis.of(run).costs)


def test_a_restless_arm_is_measured_alone_in_its_own_group(killed: At) -> None:
    """The baseline of its group, which has nobody left beside it, is measured alone too; the other group goes on."""
    folder = killed(PER_BLOCK + 1)
    changed(folder, _idle("b"))
    run, _ = resumed(folder)
    later = [t for t in run.trials if t.block > 1 and t.benchmark != "start.ready"]
    assert {(t.environment, t.group) for t in later if t.turn is None} == {("a", 0), ("b", 0)}
    assert {(t.environment, t.group) for t in later if t.turn is not None} == {("a", 1), ("control", 1)}
    (found,) = [confound for confound in confounds(run) if confound.key == "took turns"]
    assert (found.environment, found.baseline, found.value) == ("b", "no", "no")


def test_a_baseline_that_is_restless_in_one_group_is_measured_alone_in_all(killed: At) -> None:
    folder = killed(PER_BLOCK + 1)
    changed(folder, _idle("a", group=0))
    run, _ = resumed(folder)
    assert {t.turn for t in run.trials if t.block > 1} == {None}


def _idle(arm: str, group: int | None = None) -> Callable[[journal.Entry], journal.Entry]:
    """Readings in which this arm was not quiet, and all others were."""

    def change(entry: journal.Entry) -> journal.Entry:
        if not isinstance(entry, Reading):
            return entry
        is_loud = entry.environment == arm and group in (None, entry.group)
        return replace(entry, idle_s=10.0, idle_cpu_s=0.06 if is_loud else 0.04)

    return change


# --- folders --------------------------------------------------------------------------------------------------------


def test_trials_of_a_group_that_an_arm_is_not_in_are_dropped(killed: At) -> None:
    folder = killed(PER_BLOCK + 1)
    changed(folder, lambda entry: replace(entry, group=7) if isinstance(entry, Trial) and entry.block else entry)
    run = store.load(folder)
    assert not [trial for trial in run.trials if trial.block]
    assert any("entries of unknown environments" in warning for warning in run.warnings)


@pytest.mark.parametrize(
    "groups", ['[["a","b"]]', '[["a","b"],["a","b","control"]]', '[["b","a"],["b","control"]]', "[[]]"]
)
def test_groups_that_no_vbench_plans_are_refused(killed: At, groups: str) -> None:
    folder = killed(TORN)
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    document["plan"]["groups"] = json.loads(groups)
    path.chmod(0o644)
    path.write_text(json.dumps(document))
    with pytest.raises(RunFolderError, match="its groups cannot be those"):
        store.load(folder)
