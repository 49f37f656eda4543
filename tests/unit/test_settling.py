"""An adaptive run measures no more what is narrow enough or out of reach, and gives the time to the rest."""

import math
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from tests.unit.adaptive_suites import a_suite
from tests.unit.fakes import FEW, Told, a_testbed, execute, manifest_of
from tests.unit.fakes import a_suite as fakes_suite
from tests.unit.folders import NOTHING_SECRET
from tests.unit.ledgers import PLAN, trials
from tests.unit.outcomes import foreign
from vbench import report, store
from vbench.cost import Analysis
from vbench.cost.spending import ArmSettled
from vbench.host.local import LocalHost
from vbench.model import Look, Manifest, Measured, Run, Trial, Void
from vbench.runner import Runner, adaptive
from vbench.runner.adaptive import Looking
from vbench.runner.clocks import Clocks
from vbench.runner.ledger import Ledger
from vbench.stats.stopping import Settled
from vbench.store import journal
from vbench.suite import Suite

OPEN = "n_min = 10\nlook_every = 2\nn_max = 20"
SPREADS = {"cpu.hash": 0.002, "syscall.getpid": 0.02, "start.ready": 0.9}


def made_up(blocks: int, spreads: dict[str, float]) -> list[Trial]:
    """Trials of the arms a, b and control; in b each benchmark is 5 % slower, its blocks apart by about its spread."""
    found = []
    for block in range(1, blocks + 1):
        for name, spread in spreads.items():
            for arm in ("a", "b", "control"):
                slower = 1.05 * math.exp(spread * math.sin(9.7 * block)) if arm == "b" else 1.0
                value = 1e-6 * slower * (1 + 1e-4 * math.sin(3.1 * block + len(arm)))
                trial = Trial(block, 0, arm, name, 0, Measured({"time": (value,), "latency": (value,)}), 0.0, 0.1)
                found.append(trial)
    return found


def look(blocks: int, spreads: dict[str, float], *looks: Look, rule: str = OPEN, voids: Sequence[Void] = ()) -> Look:
    suite = a_suite(rule)
    looking = adaptive.looking(suite, manifest_of(suite))
    assert looking is not None
    return looking(made_up(blocks, spreads), voids, looks)


def test_a_benchmark_whose_intervals_are_narrow_is_measured_no_more_and_one_that_is_open_goes_on() -> None:
    found = look(10, SPREADS)
    assert (found.stop, found.narrow) == (False, ("b cpu.hash",))
    assert "still too wide: b syscall.getpid" in found.words
    assert "narrow enough and measured no more: b cpu.hash" in found.words


def test_what_no_block_to_come_can_decide_is_measured_no_more() -> None:
    found = look(10, SPREADS | {"syscall.getpid": 0.2})
    assert found.undecidable == ("b syscall.getpid", "b start.ready")


def test_a_run_ends_when_everything_is_settled_its_starts_too() -> None:
    assert look(10, SPREADS | {"syscall.getpid": 0.2}).stop
    open_start = look(10, SPREADS | {"syscall.getpid": 0.2, "start.ready": 0.02})
    assert not open_start.stop
    assert "still too wide: b start.ready" in open_start.words


def test_what_an_earlier_look_settled_is_not_asked_again() -> None:
    found = look(12, {"syscall.getpid": 0.03}, Look(10, narrow=("b cpu.hash",), undecidable=("b start.ready",)))
    assert (found.stop, found.settled) == (False, ())


def test_what_is_declared_is_never_out_of_reach() -> None:
    rule = f'{OPEN}\nconfirmatory = ["b syscall.getpid"]'
    found = look(10, SPREADS | {"syscall.getpid": 0.3}, rule=rule)
    assert (found.stop, found.settled) == (False, ("b cpu.hash", "b start.ready"))
    assert "20 blocks will not do for b syscall.getpid latency" in found.words


def test_of_fewer_than_ten_blocks_nothing_is_settled() -> None:
    voids = [Void(block, 0, (foreign("b", 0.1),)) for block in range(1, 6)]
    found = look(10, SPREADS, voids=voids)
    assert (found.stop, found.settled) == (False, ())
    assert look(20, SPREADS, voids=[Void(block, 0, (foreign("b", 0.1),)) for block in range(1, 21)]).stop


def test_a_benchmark_without_any_number_is_out_of_reach() -> None:
    assert look(10, {"cpu.hash": 0.002, "start.ready": 0.02}).undecidable == ("b syscall.getpid",)


def test_a_rule_of_width_sees_no_sign() -> None:
    """The same widths about other means, on either side of 1 or of the interval: the same is settled."""
    for spread in (0.002, 0.02, 0.2):
        settled = set()
        for cost in (-0.03, -0.01, 0.0, 0.01, 0.03):
            suite = a_suite(OPEN)
            looking = adaptive.looking(suite, manifest_of(suite))
            assert looking is not None
            moved = [
                replace(
                    trial,
                    outcome=Measured({"time": tuple(v * (1 + cost) / 1.05 for v in trial.outcome.samples["time"])}),
                )
                if trial.environment == "b" and isinstance(trial.outcome, Measured)
                else trial
                for trial in made_up(10, {"cpu.hash": spread})
            ]
            found = looking(moved, (), ())
            settled.add((found.narrow, "b cpu.hash" in found.undecidable))
        assert len(settled) == 1


# --- a run --------------------------------------------------------------------------------------------------------


def run_of(tmp_path: Path, suite: Suite, looking: Looking, told: Told, *, until: Clocks | None = None) -> Run:
    manifest: Manifest = manifest_of(suite)
    with (
        a_testbed(LocalHost(), tmp_path) as testbed,
        store.create(tmp_path / "results", manifest, clean=NOTHING_SECRET) as writer,
    ):
        Runner(suite, manifest.plan, testbed, writer, told, looking, clocks=until or Clocks()).run()
        writer.finish(store.load(writer.folder).manifest.state)
    return store.load(writer.folder)


def settling(trials: Sequence[Trial], voids: Sequence[Void], looks: Sequence[Look]) -> Look:
    """cpu.hash is narrow after block 2, and the run ends after block 4."""
    blocks = trials[-1].block
    if blocks == 2:
        return Look(2, False, "after 2 blocks: cpu.hash is narrow", narrow=("b cpu.hash",))
    return Look(blocks, blocks == 4, "after 4 blocks: enough" if blocks == 4 else "")


def test_the_blocks_after_a_look_measure_what_is_left_and_the_run_keeps_its_looks(tmp_path: Path) -> None:
    told = Told()
    run = run_of(tmp_path, a_suite(OPEN), settling, told)
    measured = {block: {t.benchmark for t in run.trials if t.block == block} for block in range(5)}
    everything = {"cpu.hash", "syscall.getpid", "start.ready"}
    assert measured == {number: everything - ({"cpu.hash"} if number > 2 else set()) for number in range(5)}
    assert [(found.blocks, found.stop, found.settled) for found in run.looks] == [
        (2, False, ("b cpu.hash",)),
        (4, True, ()),
    ]
    assert all(block.benchmarks == ("syscall.getpid",) for block in told.blocks[3:])
    assert all(len(block.turns) == len(block.benchmarks) for block in told.blocks)
    analysis = Analysis.of(run)
    assert set(analysis.attempts.blocks.values()) == {1, 2, 3, 4}  # a block without what is settled is whole
    assert {cost.benchmark: cost.blocks for cost in analysis.costs} == {
        "cpu.hash": 2,
        "syscall.getpid": 4,
        "start.ready": 4,
    }


def test_an_arm_in_which_all_is_settled_is_started_no_more(tmp_path: Path) -> None:
    suite = a_suite(OPEN, more='[environments.c]\nkind = "fake"')
    over = tuple(f"b {name}" for name in suite.benchmarks)

    def all_of_b(trials: Sequence[Trial], voids: Sequence[Void], looks: Sequence[Look]) -> Look:
        blocks = trials[-1].block
        return Look(2, False, "b is narrow", narrow=over) if blocks == 2 else Look(blocks, blocks == 4)

    run = run_of(tmp_path, suite, all_of_b, Told())
    arms = {block: {trial.environment for trial in run.trials if trial.block == block} for block in range(5)}
    assert arms == {number: {"a", "c", "control"} | ({"b"} if number <= 2 else set()) for number in range(5)}
    assert {cost.blocks for cost in Analysis.of(run).costs if cost.environment == "b"} == {2}
    assert {cost.blocks for cost in Analysis.of(run).costs if cost.environment == "c"} == {4}


def test_the_report_says_where_the_time_went(tmp_path: Path) -> None:
    run = run_of(tmp_path, a_suite(OPEN), settling, Told())
    spent = Analysis.of(run).spending
    assert {each.benchmark: (each.blocks, each.settled) for each in spent.benchmarks} == {
        "cpu.hash": (2, (ArmSettled("b", Settled.NARROW, 2),)),
        "syscall.getpid": (4, ()),
        "start.ready": (4, ()),
    }
    assert 0 < sum(each.time_s for each in spent.benchmarks) <= spent.total_s
    assert report.json_document(run)["spending"]["benchmarks"][0]["settled"][0]["why"] == "narrow enough"
    for text in (report.html(run), report.markdown(run)):
        assert "It ended after 4 blocks: enough." in text
        assert "narrow enough after 2 blocks (b)" in text.replace("\\", "")


def test_an_adaptive_run_ends_with_its_budget_once_it_has_its_fewest_blocks(tmp_path: Path) -> None:
    """By the clock that the run is given a minute passes at the end of each block, and nothing within one."""
    suite = a_suite(OPEN)
    now = [0.0]

    def each_minute(trials: Sequence[Trial], voids: Sequence[Void], looks: Sequence[Look]) -> Look:
        now[0] += 60
        return Look(trials[-1].block)

    manifest = replace(manifest_of(suite), plan=replace(manifest_of(suite).plan, budget_s=15 * 60.0))
    told = Told()
    with (
        a_testbed(LocalHost(), tmp_path) as testbed,
        store.create(tmp_path / "results", manifest, clean=NOTHING_SECRET) as writer,
    ):
        clocks = Clocks(monotonic_s=lambda: now[0])
        Runner(suite, manifest.plan, testbed, writer, told, each_minute, clocks=clocks).run()
    run = store.load(writer.folder)
    assert max(trial.block for trial in run.trials) == 15
    assert [look.words for look in run.looks] == ["after 15 blocks: the budget of 15 min 00 s allows no more"]
    assert run.looks[0].stop


# --- the ledger ---------------------------------------------------------------------------------------------------


def test_a_block_is_whole_without_what_an_earlier_look_settled() -> None:
    stored = [trial for trial in trials(2, begin_s=10) if trial.benchmark != "cpu.hash"]
    assert Ledger.of(PLAN, trials=stored).left(2, 0) == 0.5
    assert Ledger.of(PLAN, trials=stored, looks=[Look(1, narrow=("control cpu.hash",))]).left(2, 0) == 0
    assert Ledger.of(PLAN, trials=stored, looks=[Look(2, narrow=("control cpu.hash",))]).left(2, 0) == 0.5


def test_the_expected_time_of_a_block_is_without_what_is_settled() -> None:
    ledger = Ledger.of(PLAN, trials=trials(1, begin_s=0, each_s=3.0), looks=[Look(1, narrow=("control cpu.hash",))])
    assert (ledger.block_s(1), ledger.block_s(2)) == (12.0, 6.0)
    assert ledger.elapsed_s() == 12.0


# --- a stranger's folder ------------------------------------------------------------------------------------------


def with_looks(run: Run, *looks: Look) -> Run:
    """The run with these looks at the end of its journal."""
    with (run.path / "journal.jsonl").open("ab") as file:
        file.writelines(journal.line(look) for look in looks)
    return store.load(run.path)


def test_looks_that_no_run_has_are_dropped(tmp_path: Path) -> None:
    run = execute(tmp_path, fakes_suite(FEW))
    (run.path / "journal.jsonl").chmod(0o644)
    long = "x" * 10_001
    odd = (Look(1, narrow=("b cpu.none",)), Look(1, narrow=("x cpu.hash",)), Look(0, True), Look(10**9, True))
    found = with_looks(run, *odd, Look(1, words=long), Look(2, narrow=("b cpu.hash",)))
    assert found.looks == (Look(2, narrow=("b cpu.hash",)),)
    assert "4 entries of unknown environments, benchmarks or blocks were dropped" in found.warnings
    assert any("is damaged" in warning for warning in found.warnings)  # the words are too long


def test_what_a_look_says_is_text_and_what_it_settles_counts_once(tmp_path: Path) -> None:
    run = execute(tmp_path, fakes_suite(FEW))
    (run.path / "journal.jsonl").chmod(0o644)
    again = [Look(number, narrow=("b cpu.hash",)) for number in range(1, 500)]
    found = with_looks(run, *again, Look(6, True, "after <script>alert(1)</script> | **6** blocks"))
    assert Analysis.of(found).spending.benchmarks[0].settled == (ArmSettled("b", Settled.NARROW, 1),)
    assert "<script>alert(1)" not in report.html(found)
    assert r"\<script\>alert(1)\</script\> \| \*\*6\*\*" in report.markdown(found)
