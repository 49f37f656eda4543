"""A plan is a pure function of suite and seed, balanced, and refused when it cannot fit its budget."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from vbench import suite as suites
from vbench.errors import SuiteError
from vbench.model import Plan
from vbench.suite import Suite
from vbench.suite import plan as plans


def a_suite(arms: int = 3, blocks: int = 6, *, seed: int | None = None, budget: str = "5 h", extra: str = "") -> Suite:
    tables = "\n".join(f'[environments.e{n}]\nkind = "fake"' for n in range(arms))
    method = f'baseline = "e0"\nblocks = {blocks}\ntrial = "1 s"\nwarmup = 0\nbudget = "{budget}"'
    method += f"\nseed = {seed}" if seed is not None else ""
    benchmarks = 'benchmarks = ["cpu.hash", "cpu.matrix", "syscall.getpid", "disk.randread", "start.ready"]'
    return suites.parse(f'name = "p"\n{benchmarks}\n[method]\n{method}\n{tables}\n{extra}', source="p.toml")


@given(st.integers(1, 8), st.integers(1, 25), st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_every_block_starts_every_arm_once_and_is_balanced(arms: int, blocks: int, seed: int) -> None:
    plan = plans.make(a_suite(arms, blocks), seed=seed)
    assert [block.index for block in plan.blocks] == list(range(blocks + 1))
    counts: dict[tuple[int, str], int] = {}
    for block in plan.blocks:
        assert {step.environment for step in block.steps} == set(plan.environments)
        assert [step.position for step in block.steps] == list(range(arms + 1))
        assert sorted(block.benchmarks) == ["cpu.hash", "cpu.matrix", "disk.randread", "syscall.getpid"]
        assert all(0 <= step.padding_b <= 4095 for step in block.steps)
        for step in block.steps if block.index else ():
            counts[step.position, step.environment] = counts.get((step.position, step.environment), 0) + 1
    for position in range(arms + 1):
        here = [counts.get((position, arm), 0) for arm in plan.environments]
        assert max(here) - min(here) <= 1


@given(st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_the_same_seed_gives_the_same_plan_and_another_one_another(seed: int) -> None:
    assert plans.make(a_suite(), seed=seed) == plans.make(a_suite(), seed=seed)
    assert plans.make(a_suite(), seed=seed).blocks != plans.make(a_suite(), seed=seed ^ 1).blocks


def test_a_shorter_plan_is_the_beginning_of_a_longer_one() -> None:
    assert plans.make(a_suite(blocks=20), seed=3).blocks[:6] == plans.make(a_suite(blocks=5), seed=3).blocks


def test_the_seed_is_the_callers_then_the_suites_then_the_texts() -> None:
    assert plans.make(a_suite(seed=0)).seed == 0
    assert plans.make(a_suite(seed=5), seed=0).seed == 0
    assert plans.make(a_suite()).seed == plans.make(a_suite()).seed
    assert plans.make(a_suite(arms=2)).seed != plans.make(a_suite(arms=3)).seed


def test_the_control_has_the_baselines_settings_and_its_own_place() -> None:
    plan = plans.make(a_suite())
    assert plan.environments == ("e0", "e1", "e2", "control")
    assert (plan.baseline, plan.control) == ("e0", "control")


def test_benchmarks_and_padding_are_random_from_block_to_block() -> None:
    blocks = plans.make(a_suite(blocks=40), seed=1).blocks
    assert len({block.benchmarks for block in blocks}) > 10
    assert len({step.padding_b for block in blocks for step in block.steps}) > 100


def test_starts_are_in_the_plan_but_not_in_the_order_of_a_start() -> None:
    plan = plans.make(a_suite())
    assert "start.ready" in plan.benchmarks
    assert all("start.ready" not in block.benchmarks for block in plan.blocks)


def test_the_expected_duration_counts_the_calibration_the_control_and_the_whole_stack() -> None:
    plain, stacked = a_suite(2), a_suite(2, extra='[environments.top]\nkind = "fake"\non = "e1"')
    arm_s = plans.start_s(plain, "e0") + plans.trials_s(plain)
    slices = sum(plans.rounds(plain, name) for name in plain.benchmarks)
    assert plans.expected_s(plain) == pytest.approx(7 * 3 * (arm_s + slices * plans.SLICE_S))
    apart = replace(plain, method=replace(plain.method, interleave=False))
    assert plans.expected_s(apart) == pytest.approx(7 * 3 * arm_s)
    assert plans.start_s(stacked, "top") == pytest.approx(2 * plans.start_s(stacked, "e1"))
    assert plans.make(plain).expected_s == plans.expected_s(plain)


def test_a_suite_that_cannot_fit_its_budget_is_refused_with_both_durations_and_a_way_out() -> None:
    suite = a_suite(2, 40, budget="5 min")
    with pytest.raises(SuiteError) as caught:
        plans.make(suite)
    assert "method.budget is 5 min 00 s" in caught.value.message
    assert "40 blocks" in caught.value.message
    most = int(caught.value.hint.split()[0])
    plans.make(suites.restrict(suite, blocks=most))
    with pytest.raises(SuiteError):
        plans.make(suites.restrict(suite, blocks=most + 1))
    with pytest.raises(SuiteError) as hopeless:
        plans.make(a_suite(2, 1, budget="1 s"))
    assert "fewer environments" in hopeless.value.hint


def test_of_an_adaptive_run_the_fewest_blocks_must_fit_the_budget_which_ends_it() -> None:
    fixed = plans.make(a_suite(2, 10))
    text = a_suite(2, 10).text.replace("blocks = 10", "n_min = 10\nn_max = 99")
    within = text.replace('budget = "5 h"', f'budget = "{fixed.expected_s + 1:.0f} s"')
    plan = plans.make(suites.parse(within, source="s.toml"))
    assert plan.most_s == plan.budget_s < plan.expected_s
    with pytest.raises(SuiteError, match="50 blocks are expected to take"):
        plans.make(suites.parse(within.replace("n_min = 10", "n_min = 50"), source="s.toml"))


FAKES = """
name = "fakes"
benchmarks = ["cpu.hash", "start.ready"]
[method]
blocks = 5
budget = "10 min"
[testbed]
scratch = "{scratch}"
[environments.native]
kind = "fake"
[environments.one]
kind = "fake"
[environments.other]
kind = "fake"
"""


@pytest.fixture
def fakes(tmp_path: Path) -> str:
    path = tmp_path / "fakes.toml"
    path.write_text(FAKES.format(scratch=tmp_path))
    return str(path)


def test_the_command_prints_the_order_the_loops_and_the_duration(fakes: str) -> None:
    from vbench.cli.plan import plan

    result = CliRunner().invoke(plan, [fakes, "--seed", "7", "--env", "one"])
    assert result.exit_code == 0
    for part in ("seed 7", "loops = calibrated", "calibration", "block 5", "budget 10 min", "the baseline again"):
        assert part in result.output
    assert "other" not in result.output


def test_the_command_prints_which_environments_have_no_network(fakes: str) -> None:
    from vbench.cli.plan import plan

    path = Path(fakes)
    path.write_text(path.read_text() + '[environments.alone]\nkind = "fake"\nnetwork = "none"\n')
    lines = CliRunner().invoke(plan, [fakes]).output.splitlines()
    assert [line.split()[0] for line in lines if "without the run's network" in line] == ["alone"]


def test_the_command_prints_the_plan_as_json(fakes: str) -> None:
    from vbench.cli.plan import plan

    document = json.loads(CliRunner().invoke(plan, [fakes, "--seed", "7", "-o", "json"]).stdout)
    assert document["seed"] == 7
    assert document["loops"] == "calibrated"
    assert document["settings"]["control"]["kind"] == "fake"
    assert len(document["blocks"]) == 6
    assert isinstance(plans.make(suites.load(fakes), seed=7), Plan)


def test_names_and_schema_are_listed_from_the_tables() -> None:
    from vbench.benchmarks import KINDS
    from vbench.cli.listing import listing
    from vbench.cli.schema import schema

    listed = json.loads(CliRunner().invoke(listing, ["benchmarks", "-o", "json"]).stdout)
    assert [row["kind"] for row in listed] == list(KINDS)
    for what in ("environments", "benchmarks", "suites"):
        text = CliRunner().invoke(listing, [what])
        assert text.exit_code == 0
        assert len(json.loads(CliRunner().invoke(listing, [what, "-o", "json"]).stdout)) >= 2
    assert json.loads(CliRunner().invoke(schema, ["suite"]).stdout)["title"] == "vbench suite"
