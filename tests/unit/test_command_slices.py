"""A user's command in slices, run for real on this machine: which runs a slice has, and what is left between two."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.unit.commands import EVERYWHERE, NUMBER, RATE, command, shell
from tests.unit.fakes import FEW, a_suite, execute
from tests.unit.scripted import Scripted, of_kind, start_on
from tests.unit.sleepers import SLEEP, sleepers
from vbench.benchmarks.command import Command
from vbench.benchmarks.command_replies import Reply, operations_of_slices
from vbench.benchmarks.command_slices import CommandSlices
from vbench.contracts import Completed, Slices, Start
from vbench.errors import CommandFailed, TrialFailed
from vbench.host import proc
from vbench.model import Failed, Measured
from vbench.suite import plan as plans


@contextmanager
def cut(command: Command, start: Start, rounds: int, **how: object) -> Iterator[Slices]:
    """A trial in so many slices, warmed up."""
    command.prepare(start)
    with command.sliced(replace(start, rounds=rounds, **how)) as slices:  # type: ignore[arg-type]
        yield slices


def in_slices(command: Command, start: Start, rounds: int, **how: object) -> Measured:
    with cut(command, start, rounds, **how) as slices:
        for _ in range(rounds):
            slices.take()
        return slices.measured()


def failure(command: Command, start: Start, rounds: int = 2, **how: object) -> TrialFailed:
    with pytest.raises(TrialFailed) as caught:
        in_slices(command, start, rounds, **how)
    return caught.value


def lines(file: Path) -> int:
    return file.read_text().count("\n")


# --- which runs a slice has -----------------------------------------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize(("runs", "rounds", "each"), [(4, 4, [1, 1, 1, 1]), (5, 2, [3, 2]), (2, 4, [1, 0, 1, 0])])
def test_a_fixed_number_of_runs_is_shared_among_the_slices(
    runs: int, rounds: int, each: list[int], start: Start, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    counting = shell(f"echo >> {done}", runs=runs)
    with cut(counting, start, rounds) as slices:
        warmed = lines(done)
        assert warmed >= 1
        counts = [warmed]
        for _ in range(rounds):
            slices.take()
            counts.append(lines(done))
        measured = slices.measured()
    assert [after - before for before, after in pairwise(counts)] == each
    assert lines(done) == warmed + runs
    assert len(measured.samples["time"]) == runs


def test_a_run_that_outlasts_the_trial_is_the_only_one(start: Start) -> None:
    (wall,) = in_slices(command("sleep", "0.1"), start, 3).samples["time"]
    assert wall >= 0.1


def test_a_run_that_outlasts_its_slice_leaves_none_to_the_slices_whose_time_it_took(
    start: Start, tmp_path: Path
) -> None:
    """Ten slices of 0.1 s. The first run takes the time of the first two, the others next to none."""
    done = tmp_path / "done"
    script = f"test -e {done} || sleep 0.2; echo >> {done}"
    with cut(shell(script), start, 10, trial_s=1.0, warmup_s=0.0) as slices:
        counts = []
        for _ in range(3):
            slices.take()
            counts.append(lines(done))
    assert counts[0] == counts[1] == 1


def test_short_runs_are_spread_over_all_slices(start: Start) -> None:
    """A thousand runs are the most of a trial. Each of these slices would have time for all of them."""
    with cut(command("true"), start, 1000, trial_s=3600.0) as slices:
        for _ in range(3):
            slices.take()
        assert len(slices.measured().samples["time"]) == 3


def test_without_warm_up_the_first_run_counts(start: Start) -> None:
    counting = shell("echo >> n; echo x=$(wc -l < n)", runs=3, **NUMBER)
    assert in_slices(counting, start, 3, warmup_s=0.0).samples["value"] == (1.0, 2.0, 3.0)


# --- each run is as in a whole trial --------------------------------------------------------------------------------


@EVERYWHERE
def test_what_a_trial_says_it_says_of_all_its_slices(start: Start, tmp_path: Path) -> None:
    script = "head -c 1500000 /dev/zero | tr '\\0' y; echo >> n; echo; echo rate: $(wc -l < n) >&2; echo x=12.5"
    picked = shell(script, regex="x=(.*)", runs=3, **RATE)
    measured = in_slices(picked, start, 3, warmup_s=0.0)
    assert measured.samples == {"value": (12.5e6,) * 3}
    assert (measured.clock, measured.padding_seen_b) == ("the command's own", 321)
    assert measured.notes[0].startswith("a run printed 1.431 MiB")
    assert (tmp_path / "raw" / "stderr.txt").read_bytes() == b"rate: 3\n"
    assert (tmp_path / "raw" / "stdout.txt").read_bytes().endswith(b"x=12.5\n")
    kept = json.loads((tmp_path / "raw" / "runs.json").read_text())
    assert len(kept["walls"]) == 3


def test_a_picked_number_without_a_ratio_fails_the_trial(start: Start) -> None:
    assert failure(shell("echo x=0", **NUMBER), start).message.startswith("it printed 0, which has no ratio")


@pytest.mark.parametrize(("slices_s", "operations"), [(0.75, 2), (0.78, 2), (0.8, None)])
def test_operations_are_the_runs_of_the_slices_if_these_are_little_else(
    slices_s: float, operations: int | None
) -> None:
    reply = Reply((0.5, 0.25), None, 3, 9.0, span_s=9.0, clock="", padding=0, printed_b=0)
    assert operations_of_slices(reply, slices_s) == operations


def test_an_environments_clock_that_runs_fast_fails_the_trial(start: Start) -> None:
    with cut(command("true"), start, 2) as slices:
        slices.take()
        assert isinstance(slices, CommandSlices)
        fast = Reply((5.0,), None, 1, 9.0, span_s=9.0, clock="its clock", padding=0, printed_b=0)
        with pytest.raises(TrialFailed, match="its clock counted 9"):
            slices.finished(fast, 1.0, None)


# --- what gives no number -------------------------------------------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize("after", [1, 2])
def test_a_run_that_fails_in_the_warm_up_or_a_slice_fails_the_trial_with_its_words(
    after: int, start: Start, tmp_path: Path
) -> None:
    fails = shell(f"echo >> n; test $(wc -l < n) -ne {after} || {{ {SLEEP}1 & echo no such table >&2; exit 3; }}")
    assert failure(fails, start, warmup_s=1e-9).message == "sh ended with status 3: no such table"
    assert (tmp_path / "raw" / "stderr.txt").read_bytes() == b"no such table\n"
    assert sleepers() == []


def test_after_a_failure_nothing_runs_on_while_the_slices_of_other_arms_are_measured(start: Start) -> None:
    with cut(shell("echo >> n; test $(wc -l < n) -lt 3", runs=4), start, 4, warmup_s=0.0) as slices:
        for _ in range(2):
            slices.take()
        with pytest.raises(TrialFailed):
            slices.take()
        assert timers() == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (command("./nothere"), "./nothere, or the interpreter that it names, was not found"),
        (shell("echo y=1", **NUMBER), r"the regex matches nothing in what it printed, which begins 'y=1\n'"),
        (shell("kill -9 $PPID"), "what times the command was killed by signal 9, with the command"),
        (shell("kill -TERM $PPID"), "what times the command was killed by signal 15, with the command"),
    ],
)
def test_each_way_to_give_no_number_is_said(bad: Command, message: str, start: Start) -> None:
    assert failure(bad, start, warmup_s=0.0).message == message


def test_a_command_that_kills_what_times_it_leaves_nothing(start: Start) -> None:
    failure(shell(f"setsid {SLEEP}2 & {SLEEP}3 & kill -9 $PPID; {SLEEP}4"), start)
    assert sleepers() == []


def test_a_hanging_command_dies_with_all_that_it_started(start: Start) -> None:
    hangs = shell(f"{SLEEP}1 & setsid {SLEEP}2 & {SLEEP}3; true", timeout="100 ms")
    assert "did not end within 0.1 s and was killed with all" in failure(hangs, start, warmup_s=0.0).message
    assert sleepers() == []


# --- between two slices ---------------------------------------------------------------------------------------------


def timers() -> list[psutil.Process]:
    """The processes of this test that time a command."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if any(word.endswith("timed.py") for word in process.cmdline())]


@EVERYWHERE
def test_between_two_slices_nothing_runs_and_the_timer_waits_without_a_thread(start: Start) -> None:
    with cut(shell(f"{SLEEP}5 & setsid {SLEEP}6 & true", runs=2), start, 2) as slices:
        slices.take()
        assert sleepers() == []
        (timer,) = timers()
        assert timer.num_threads() == 1
        assert timer.children() == []
        while timer.status() != psutil.STATUS_SLEEPING:  # its answer is out before it waits
            pass
    assert timers() == []


def test_the_end_of_its_input_ends_the_timer_without_a_word() -> None:
    request = {"argv": ["true"], "folder": "/", "trial_s": 1, "warmup_s": 0.001, "timeout_s": 60, "runs": 4}
    said = json.dumps(request | {"regex": None, "pointer": None, "rounds": 4}) + "\nnext\n"
    argv = [sys.executable, "-I", "-S", "-B", f"{proc.GUEST}/timed.py"]
    done = subprocess.run(argv, input=said.encode(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"runs": 0}\n{"runs": 1}\n', b"")


def begun(output: bytes, status: int = 0) -> Slices:
    """A trial of two slices by a timer that prints this and ends."""
    answers = {"/opt/vbench/timed.py": Completed(("timed",), status, output, b"out of memory")}
    with start_on(Scripted(answers)) as start, of_kind("command").sliced(replace(start, rounds=2)) as slices:
        slices.take()
        return slices


@pytest.mark.parametrize("line", [b"", b"{}", b'{"runs": -1}', b'{"runs": 1e400}', b"[]", b"\xff"])
def test_what_a_measured_environment_answers_is_never_trusted(line: bytes) -> None:
    with pytest.raises(TrialFailed, match="the answer about its runs cannot be read"):
        begun(b'{"runs": 0}\n' + line)


def test_a_timer_that_ends_too_early_fails_the_trial() -> None:
    with pytest.raises(CommandFailed, match="out of memory"):
        begun(b'{"runs": 0}', status=1)


# --- in a run -------------------------------------------------------------------------------------------------------


def suite_of(entry: str, trial: str = "300 ms") -> str:
    return FEW.replace('"cpu.hash", "syscall.getpid"', entry).replace('trial = "1 ms"', f'trial = "{trial}"')


@pytest.mark.parametrize(
    ("keys", "trial", "rounds"),
    [
        ("", "300 ms", 9),
        (", expected = '90 ms'", "300 ms", 3),
        (", expected = '2 s'", "300 ms", 2),
        (", runs = 6", "20 ms", 6),
        (", runs = 1", "300 ms", 2),
        (", runs = 1000, expected = '1 s'", "300 ms", 39),
    ],
)
def test_a_trial_has_a_slice_for_each_run_that_is_expected(keys: str, trial: str, rounds: int) -> None:
    entry = f'{{kind = "command", name = "app.x", argv = ["true"]{keys}}}'
    suite = a_suite(suite_of(entry, trial))
    assert plans.rounds(suite, "app.x") == rounds
    alone = a_suite(suite_of(entry, trial).replace("[method]", "[method]\ninterleave = false"))
    blocks = suite.method.most + 1  # and `start.ready` counts as one slice
    assert plans.expected_s(suite) - plans.expected_s(alone) == pytest.approx(blocks * 3 * (rounds + 1) * plans.SLICE_S)


def test_the_runs_of_the_arms_alternate_and_one_that_fails_ends_its_own_trial_alone(tmp_path: Path) -> None:
    """Each run writes down its folder, which each arm has its own of. The first second run in the run fails."""
    done = tmp_path / "done"
    script = f"pwd >> {done}; echo >> n; test $(cat n | wc -l) -ne 2 || ! mkdir {tmp_path}/failed"
    entry = f'{{kind = "command", name = "app.x", argv = ["sh", "-c", "{script}"], runs = 3}}'
    text = suite_of(entry).replace('warmup = "1 ms"', 'warmup = "0 s"').replace("blocks = 6", "blocks = 1")
    run = execute(tmp_path, a_suite(text))
    trials = [trial for trial in run.trials if trial.benchmark == "app.x"]
    assert [trial.block for trial in trials if isinstance(trial.outcome, Failed)] == [0]
    assert {(trial.rounds, trial.turn) for trial in trials} == {(3, turn) for turn in range(3)}
    samples = [len(trial.outcome.samples["time"]) for trial in trials if isinstance(trial.outcome, Measured)]
    assert samples == [3] * 5
    ran = done.read_text().splitlines()
    a, b, c = ran[:3]
    assert ran[:8] == [a, b, c, b, c, a, c, a]
    a, b, c = ran[8:11]
    assert ran[8:] == [a, b, c, b, c, a, c, a, b]
    assert len({*ran}) == 6
    assert list((tmp_path / "scratch").iterdir()) == []
