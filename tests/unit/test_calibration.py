"""The calibration ends a run that can have no cost, or would take far longer than its budget; nothing is lost of it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.fakes import FEW, Told, a_suite, a_testbed, execute
from tests.unit.folders import NOTHING_SECRET
from tests.unit.ledgers import ARMS, NAMES, PLAN, trials, voids
from tests.unit.outcomes import error
from tests.unit.program import Vbench
from tests.unit.small_folders import a_manifest, a_trial
from vbench import store
from vbench.errors import EnvironmentUnavailable, OverBudget
from vbench.host.local import LocalHost
from vbench.model import Failed, Measured, Skipped, State
from vbench.runner import Ledger, Runner
from vbench.runner.calibration import refuse_barren, refuse_over_budget
from vbench.suite import plan as plans

BROKEN = FEW.replace('[environments.a]\nkind = "fake"', '[environments.a]\nkind = "fake"\nfails = "{how}"')


# --- the baseline -------------------------------------------------------------------------------------------------


def test_a_baseline_that_does_not_start_ends_the_run_in_the_calibration(tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(EnvironmentUnavailable) as caught:
        execute(tmp_path, a_suite(BROKEN.format(how="start")), told)
    assert caught.value.exit_code == 4
    assert "the baseline a measured nothing in the calibration" in caught.value.message
    assert "this fake environment never starts" in caught.value.message
    assert caught.value.hint == "set fails = 'nothing'"
    assert {trial.block for trial in told.trials} == {0}
    (folder,) = (tmp_path / "results").iterdir()
    run = store.load(folder)
    assert run.manifest.state is State.PARTIAL
    assert run.trials == tuple(told.trials)  # what was measured before is stored


@pytest.mark.parametrize("benchmarks", ['"cpu.hash"', '"cpu.hash", "syscall.getpid"'])
def test_a_baseline_of_which_every_trial_fails_ends_the_run_too(tmp_path: Path, benchmarks: str) -> None:
    text = BROKEN.format(how="trial").replace('"cpu.hash", "syscall.getpid", "start.ready"', benchmarks)
    with pytest.raises(EnvironmentUnavailable, match="this fake environment fails every trial"):
        execute(tmp_path, a_suite(text))


def test_a_baseline_with_one_number_goes_on(tmp_path: Path) -> None:
    told = Told()
    run = execute(tmp_path, a_suite(BROKEN.format(how="trial")), told)
    assert run.manifest.state is State.COMPLETE
    assert told.analysed == 6  # by its starts


def test_an_arm_that_is_not_the_baseline_ends_nothing(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW, 'fails = "start"'))
    assert run.manifest.state is State.COMPLETE


@pytest.mark.parametrize("outcome", [Failed(error("why"), "how"), Skipped(error("why"), "how")])
def test_who_resumes_such_a_run_is_told_the_same(outcome: Failed | Skipped) -> None:
    kept = [replace(t, outcome=outcome) if t.environment == "bare" else t for t in trials(0, begin_s=0)]
    with pytest.raises(EnvironmentUnavailable, match="so that no cost can follow: why") as caught:
        refuse_barren(Ledger.of(PLAN, trials=kept))
    assert caught.value.hint == "how"
    refuse_barren(Ledger.of(PLAN, trials=kept[:1]))  # the calibration is not over
    refuse_barren(Ledger.of(PLAN, trials=trials(0, begin_s=0)))
    refuse_barren(Ledger.of(PLAN))


def test_both_verbs_end_with_four_and_the_run_is_stored(vbench: Vbench) -> None:
    Path("few.toml").write_text(BROKEN.format(how="start") + f'[testbed]\nscratch = "{Path.cwd()}"\n')
    ended = vbench("run", "few.toml")
    assert ended.status == 4
    assert ended.stdout.startswith("results/few-")
    assert ended.stderr.count("the baseline a measured nothing") == 1
    assert ended.stderr.count("never starts") <= 5  # of each start one line for what failed, one for what is skipped
    again = vbench("run", "--resume", ended.stdout.strip())
    assert again.status == 4
    assert "the baseline a measured nothing" in again.stderr


LEAST = len(PLAN.blocks) - 1


# --- the budget ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each_s", "fit"),
    [(1.0, None), (9.0, None), (9.4, "--blocks 1 would fit"), (12.0, "--blocks 1 would fit"), (60.0, "take fewer")],
)
def test_the_budget_is_asked_again_with_what_a_block_takes(each_s: float, fit: str | None) -> None:
    """Three blocks and the calibration, four trials each, within 100 s and half of it more."""
    ledger = Ledger.of(PLAN, trials=trials(0, begin_s=0, each_s=each_s))
    if fit is None:
        refuse_over_budget(ledger, LEAST)
        return
    with pytest.raises(OverBudget, match=r"3 blocks are expected to take .*; method\.budget is 1 min 40 s") as caught:
        refuse_over_budget(ledger, LEAST)
    assert caught.value.exit_code == 3
    assert fit in caught.value.hint and "--resume RUN" in caught.value.hint


def test_an_unfinished_or_torn_calibration_says_nothing_of_the_budget() -> None:
    slow = trials(0, begin_s=0, each_s=1e6)
    refuse_over_budget(Ledger.of(PLAN, trials=slow[:3]), LEAST)
    refuse_over_budget(Ledger.of(PLAN, trials=slow, torn=[0]), LEAST)


def test_a_run_over_budget_ends_after_its_calibration_and_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    suite = a_suite(FEW)
    plan, host = replace(plans.make(suite), budget_s=1e-9), LocalHost()
    manifest = a_manifest(suite=suite.name, plan=plan, baseline="a", control="control", blocks=len(plan.blocks) - 1)
    told = Told()
    with (
        a_testbed(host, tmp_path) as testbed,
        store.create(tmp_path / "results", manifest, clean=NOTHING_SECRET) as writer,
    ):
        with pytest.raises(OverBudget):
            Runner(suite, plan, testbed, writer, told).run()
        assert {trial.block for trial in told.trials} == {0}
        ledger = Ledger.of(plan, trials=told.trials)
        runner = Runner(suite, plan, testbed, writer, told, ledger=ledger)
        runner.run()
        writer.finish(State.COMPLETE)
    assert runner.analysed == len(plan.blocks) - 1


# --- without a block ----------------------------------------------------------------------------------------------


def test_a_block_is_analysed_when_it_is_whole_and_not_void_and_has_a_number() -> None:
    whole = [trial for block in range(3) for trial in trials(block, begin_s=100.0 * block)]
    assert Ledger.of(PLAN, trials=whole).analysed() == 2  # never the calibration
    assert Ledger.of(PLAN, trials=whole[:-1]).analysed() == 1
    assert Ledger.of(PLAN, trials=whole, voids=voids(1)).analysed() == 1
    repeated = [*whole, *trials(1, begin_s=500.0, attempt=1)]
    assert Ledger.of(PLAN, trials=repeated, voids=voids(1)).analysed() == 2
    assert Ledger.of(PLAN, trials=repeated, voids=voids(1, 1)).analysed() == 1
    failed = [a_trial(1, arm, benchmark=name, outcome=Failed(error("why"))) for arm in ARMS for name in NAMES]
    assert Ledger.of(PLAN, trials=failed).analysed() == 0
    assert isinstance(whole[0].outcome, Measured)


def test_a_run_of_void_blocks_alone_is_no_success(vbench: Vbench) -> None:
    """The clock of the fake runs wrong, which voids every block."""
    text = FEW.replace('gates = "record"\n', "").replace("blocks = 6", "blocks = 1")
    Path("few.toml").write_text(f'{text}drift = 0.5\n[testbed]\nscratch = "{Path.cwd()}"\n')
    ended = vbench("run", "few.toml")
    assert ended.status == 3
    assert ended.stdout.startswith("results/few-")
    assert "no block could be analysed, so this run has no cost; the last void: b: " in ended.stderr
    assert "gates = 'record'" in ended.stderr
    assert "done" not in ended.stderr
    assert "ended without a block that can be analysed" in ended.stderr
    assert store.load(Path(ended.stdout.strip())).manifest.state is State.COMPLETE
