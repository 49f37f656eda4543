"""A run that was killed ends as if it had not been: nothing is measured twice, nothing is lost, nothing is mixed."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.unit.fakes import Told
from tests.unit.killed import (
    HERE,
    PER_BLOCK,
    REBOOTED,
    TRIAL_S,
    Killed,
    Known,
    a_suite,
    aged,
    changed,
    clocks,
    content,
    entries,
    places,
    planned,
    resumed,
)
from vbench import report, store
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.model import Measured, Reading, State, Trial, Void
from vbench.reasons import Reason, ReasonKind
from vbench.runner import conduct
from vbench.store import journal
from vbench.suite import plan
from vbench.text import reason_text, reasons_text

TORN = 2 * PER_BLOCK + 5  # trials: in the second start of block 2, which has its start.ready and one more
PAUSE_S = 5.0
AFTER = (1, 3, 4, 8, 9, 10, 18, 19, TORN, 27, 35, 36)  # trials
ADAPTIVE = (
    "blocks = 3\n",
    'n_min = 10\nlook_every = 2\nn_max = 20\nseed = 1\nwidth = "5 %"\nconfirmatory = ["b cpu.hash"]\n',
)
At = Callable[[int], Path]
WHOLE = "the run did not end, or still goes on; what is here is whole"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    return Killed(folder, a_suite(folder), AFTER)


@pytest.fixture
def killed(runs: Killed, tmp_path: Path) -> At:
    """The folder of a run that was killed right after this trial."""

    def copied(number: int) -> Path:
        source = runs.folder(number)
        return shutil.copytree(source, tmp_path / "results" / source.name)

    return copied


@pytest.mark.parametrize("number", [1, PER_BLOCK + 1, TORN, 4 * PER_BLOCK - 1])
def test_a_run_killed_after_any_trial_gets_the_others_and_no_trial_twice(runs: Killed, killed: At, number: int) -> None:
    folder = killed(number)
    aged(folder, pause_s=PAUSE_S)
    before = (folder / "journal.jsonl").read_bytes()
    run, said = resumed(folder)
    assert said == [WHOLE, *(words for words in said if words.startswith("facts/"))]
    assert (folder / "journal.jsonl").read_bytes().startswith(before)
    assert run.manifest.state is State.COMPLETE
    assert places(run, attempt=0) == planned(run)
    assert run.voids == ()
    assert [c.cost for c in Analysis.of(run).costs] == [pytest.approx(c.cost) for c in Analysis.of(runs.whole).costs]
    assert list((runs.tmp_path / "scratch").iterdir()) == []


def test_the_loops_of_the_calibration_are_those_of_the_journal(killed: At) -> None:
    """A fake that is not told its loops takes another number at each request."""
    run, _ = resumed(killed(PER_BLOCK + 1))
    fixed = {(t.environment, t.benchmark): t.outcome.loops for t in run.trials if isinstance(t.outcome, Measured)}
    again = {
        (t.environment, t.benchmark): t.outcome.loops
        for t in run.trials
        if isinstance(t.outcome, Measured) and t.block == 1
    }
    assert again == fixed


def test_a_torn_start_gets_a_fresh_start_for_what_it_lacks(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=PAUSE_S)
    torn = list(entries(folder))[-1]
    assert isinstance(torn, Trial)
    run, _ = resumed(folder)
    mine = [t for t in run.trials if (t.block, t.environment) == (2, torn.environment)]
    assert [t.order for t in mine] == [0, 1, 2]
    assert [t.benchmark for t in mine].count("start.ready") == 1
    assert len([r for r in run.readings if (r.block, r.environment) == (2, torn.environment)]) == 1
    assert run.manifest.resumed[0].block == 2
    assert "the run ended early and was resumed once: in block 2" in run.warnings
    assert "resumed once" in report.html(run)


def test_a_block_within_which_the_run_paused_long_is_void_and_repeated(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=3 * 3600)
    run, _ = resumed(folder)
    (void,) = run.voids
    assert (void.block, void.attempt, void.harness) == (2, 0, True)
    assert reasons_text(void.reasons) == "the run paused for 3 h 00 min within this block"
    assert places(run, attempt=1) == [place for place in planned(run) if place[0] == 2]
    assert len([t for t in run.trials if (t.block, t.attempt) == (2, 0)]) == 5
    orders = {
        attempt: [t.environment for t in run.trials if (t.block, t.attempt, t.order) == (2, attempt, 0)]
        for attempt in (0, 1)
    }
    assert orders[1][: len(orders[0])] == orders[0]
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}
    assert all(set(cost.per_block) == {1, 2, 3} for cost in Analysis.of(run).costs)
    assert "the run paused for 3 h 00 min within this block" in report.html(run)


def test_a_block_within_which_the_host_was_rebooted_is_void_and_repeated(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=600)
    run, _ = resumed(folder, host=REBOOTED)
    assert [void.reasons for void in run.voids] == [(Reason(ReasonKind.HOST_REBOOTED),)]
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}


def test_a_block_within_which_the_clock_was_set_far_ahead_is_void_and_repeated(killed: At) -> None:
    """To a time before which the host had not been booted, by the clock: it was the same boot all the same."""
    folder = killed(TORN)
    run, _ = resumed(folder, clocks=clocks(later_s=1000 * 86400))
    assert [void.reasons for void in run.voids] == [(Reason(ReasonKind.CLOCK_SET),)]
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}


def test_a_run_that_does_not_know_its_boot_says_both(killed: At) -> None:
    folder = killed(TORN)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["boot"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run, _ = resumed(folder, clocks=clocks(later_s=1000 * 86400))
    assert [void.reasons for void in run.voids] == [(Reason(ReasonKind.REBOOTED_OR_CLOCK_SET),)]
    assert run.manifest.resumed[0].boot == HERE.identity().marks(run.manifest.run_id)[1]


def test_each_resumption_knows_its_boot(killed: At) -> None:
    """A block that was begun after a reboot is not of a host that was rebooted within it."""
    folder = killed(PER_BLOCK)
    stop_after(folder, 4, later_s=0, host=REBOOTED)
    aged(folder, pause_s=PAUSE_S)
    run, _ = resumed(folder, host=REBOOTED)
    assert run.voids == ()
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}


@pytest.mark.parametrize("number", [3, 2 * PER_BLOCK])
def test_between_blocks_and_within_the_calibration_a_pause_costs_nothing(killed: At, number: int) -> None:
    folder = killed(number)
    aged(folder, pause_s=3 * 3600)
    run, _ = resumed(folder)
    assert run.voids == ()
    assert places(run) == planned(run)


def test_many_resumptions_end_in_one_whole_run(killed: At) -> None:
    """Each is interrupted after two more trials and gone on with an hour later."""
    folder, times = killed(4), 0
    while store.read_manifest(folder).state is not State.COMPLETE:
        stop_after(folder, 2 if times < 4 else 1000, later_s=(times + 1) * 3600)
        times += 1
    run = store.load(folder)
    assert len(run.manifest.resumed) == times == 5
    assert {block for void in run.voids for block in [void.block] if void.harness} <= {1, 2, 3}
    assert set(Counter((t.block, t.attempt, t.environment, t.benchmark) for t in run.trials).values()) == {1}
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}


def stop_after(folder: Path, trials: int, *, later_s: float, host: Known = HERE) -> None:
    told = Told()

    def stop(trial: Trial) -> None:
        if len(told.trials) == trials:
            raise KeyboardInterrupt

    told.at_trial = stop
    try:
        conduct.resume(folder, None, progress=lambda suite, run: told, clocks=clocks(later_s=later_s), host=host)
    except KeyboardInterrupt:
        assert store.read_manifest(folder).state is State.PARTIAL


@pytest.mark.parametrize("kept", [1, -2])
def test_a_torn_last_line_is_cut_off_and_its_trial_measured_again(killed: At, kept: int) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=PAUSE_S)
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
    run, said = resumed(folder)
    assert f"journal.jsonl line {len(lines)}, the last, is torn: its trial was dropped" in said
    assert path.read_bytes().startswith(b"".join(lines[:-1]))
    assert not any("torn" in warning for warning in run.warnings)
    assert places(run, attempt=0) == planned(run)


def test_a_last_line_that_only_lacks_its_newline_is_whole(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=PAUSE_S)
    path = folder / "journal.jsonl"
    before = path.read_bytes()
    path.write_bytes(before[:-1])
    run, _ = resumed(folder)
    assert path.read_bytes().startswith(before)
    assert places(run, attempt=0) == planned(run)


def test_a_damaged_line_stays_and_its_trial_is_measured_again(killed: At) -> None:
    folder = killed(TORN)
    aged(folder, pause_s=PAUSE_S)
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    number = next(
        n for n, line in enumerate(lines) if b'"block":1' in line and b'"trial"' in line and b"cpu.hash" in line
    )
    lines[number] = lines[number].replace(b"measured", b"measurde")
    path.write_bytes(b"".join(lines))
    run, said = resumed(folder)
    assert f"journal.jsonl line {number + 1} is damaged: its trial was dropped" in said
    assert path.read_bytes().startswith(b"".join(lines))
    valid = [t for t in run.trials if (t.block, t.attempt) not in {(void.block, void.attempt) for void in run.voids}]
    assert sorted((t.block, t.environment, t.benchmark) for t in valid) == planned(run)
    assert {cost.blocks for cost in Analysis.of(run).costs} == {3}


def test_what_a_gate_had_not_yet_voided_is_voided_and_repeated(tmp_path: Path) -> None:
    number = 2 * PER_BLOCK + 1
    folder = Killed(tmp_path, a_suite(tmp_path, ('gates = "record"', 'gates = "void"')), (number,)).folder(number)

    def busy(entry: journal.Entry) -> journal.Entry | None:
        if isinstance(entry, Reading) and entry.block == 1:
            return replace(entry, wall_s=10.0, busy_s=9.0, ours_s=1.0, clock_error_s=None)
        if isinstance(entry, Reading):
            return replace(entry, busy_s=None, clock_error_s=None)
        return None if isinstance(entry, Void) or entry.block == 2 or entry.attempt else entry

    changed(folder, busy)
    run, _ = resumed(folder)
    first = next(void for void in run.voids if void.block == 1)
    assert (first.attempt, first.harness) == (0, False)
    assert "foreign tasks used 80.0% of the arms' processors" in reason_text(first.reasons[0])
    assert [t for t in run.trials if (t.block, t.attempt) == (1, 1)]


def test_an_adaptive_run_goes_on_adaptively(tmp_path: Path) -> None:
    """Killed after a look that decided, too: nothing is measured beyond it."""
    noisy = ("slowdown = 1.25\n", "slowdown = 1.25\nnoise = 0.01\n")
    runs = Killed(tmp_path, a_suite(tmp_path, ADAPTIVE, noisy), (4 * PER_BLOCK, 11 * PER_BLOCK))
    blocks = max(trial.block for trial in runs.whole.trials)
    assert blocks == 10
    for number in runs.at:
        run, _ = resumed(runs.folder(number))
        assert max(trial.block for trial in run.trials) == blocks
        assert run.manifest.state is State.COMPLETE
        assert [c.per_block for c in Analysis.of(run).costs] == [
            pytest.approx(c.per_block) for c in Analysis.of(runs.whole).costs
        ]


def test_what_the_command_line_narrowed_stays_narrowed(tmp_path: Path) -> None:
    narrowed = suites.restrict(a_suite(tmp_path), environments=["a"], benchmarks=["cpu"], blocks=2, seed=77)
    command = ("vbench", "run", "few.toml", "--env", "a", "--bench", "cpu", "--blocks", "2", "--seed", "77")
    runs = Killed(tmp_path, narrowed, (2,), command=command, tags={"instance": "small"})
    run, _ = resumed(runs.folder(2))
    assert places(run) == planned(run) == [(b, arm, "cpu.hash") for b in (0, 1, 2) for arm in ("a", "control")]
    assert (run.manifest.seed, run.manifest.command, run.manifest.tags) == (77, command, {"instance": "small"})
    assert run.manifest.plan == plan.make(narrowed)


def test_facts_and_records_of_the_first_start_stay(killed: At) -> None:
    folder = killed(2 * PER_BLOCK)
    facts = {name: data for name, data in content(folder).items() if name.startswith("facts/")}
    records = store.read_manifest(folder).environments
    run, _ = resumed(folder)
    assert {name: data for name, data in content(folder).items() if name.startswith("facts/")} == facts
    assert run.manifest.environments == records


def test_what_was_not_described_before_the_kill_is_described_now(killed: At) -> None:
    folder = killed(1)
    (folder / "facts" / "host.json").unlink()
    (folder / "facts" / ".a.json.new").write_bytes(b"{")
    run, _ = resumed(folder)
    assert set(run.facts) == {"a", "b", "control"}
    assert run.host
    assert all(run.facts.values())
    assert not (folder / "facts" / ".a.json.new").exists()
    assert not any("new" in name for name in run.manifest.checksums)


def test_a_run_whose_last_trial_was_stored_only_has_to_be_finished(killed: At) -> None:
    folder = killed(4 * PER_BLOCK)
    run, _ = resumed(folder)
    assert len(run.trials) == 4 * PER_BLOCK
    assert run.manifest.state is State.COMPLETE
    assert run.manifest.resumed[0].block is None
    assert run.warnings == ("the run ended early and was resumed once: after its last trial",)


def test_an_adaptive_run_that_had_seen_enough_needs_no_time_and_no_further_block(tmp_path: Path) -> None:
    noisy = ("slowdown = 1.25\n", "slowdown = 1.25\nnoise = 0.01\n")
    runs = Killed(tmp_path, a_suite(tmp_path, ADAPTIVE, noisy), (11 * PER_BLOCK,))
    run, _ = resumed(runs.folder(11 * PER_BLOCK), until_s=0.0)
    assert run.manifest.state is State.COMPLETE
    assert run.manifest.resumed[0].block is None
    assert len(run.trials) == 11 * PER_BLOCK


def test_what_the_killed_run_left_is_removed_and_nothing_else(runs: Killed, killed: At) -> None:
    folder = killed(1)
    scratch = runs.tmp_path / "scratch"
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    dead = f'{{"pid": {child}, "started": 1, "namespace": "{Path("/proc/self/ns/pid").readlink()}", "vbench": "0"}}'
    for name in (f"vbench-{folder.name}-x", "vbench-another-run-x"):
        (scratch / name).mkdir()
        (scratch / name / "owner.json").write_text(dead)
    _, said = resumed(folder)
    assert f"removed {scratch / f'vbench-{folder.name}-x'}" in said
    assert [path.name for path in scratch.iterdir()] == ["vbench-another-run-x"]
    shutil.rmtree(scratch / "vbench-another-run-x")


# --- time ---------------------------------------------------------------------------------------------------------


def test_no_block_begins_that_would_end_too_late(killed: At) -> None:
    """The torn block lacks 4 of 9 trials, the next one all; blocks took 90 s, and there is time for one of them."""
    folder = killed(TORN)
    aged(folder, pause_s=PAUSE_S)
    found = conduct.resume(
        folder, None, progress=lambda suite, run: Told(), until_s=8 * TRIAL_S, clocks=clocks(monotonic_s=0.0), host=HERE
    )
    assert found.stopped == "block 3 is expected to take 1 min 30 s, more than is left"
    run = store.load(folder)
    assert run.manifest.state is State.PARTIAL
    assert {cost.blocks for cost in Analysis.of(run).costs} == {2}
    whole, _ = resumed(folder)
    assert places(whole) == planned(whole)
