"""The live view draws within the terminal it has, between trials only, and leaves the terminal as it was."""

import errno
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from tests.unit.fakes import FEW, a_suite, execute
from tests.unit.outcomes import error, foreign, stated
from tests.unit.runs import BIDI, make_run
from tests.unit.terminal import Terminal
from vbench.cli import progress
from vbench.cli.frame import Course, frame
from vbench.cli.lines import Lines
from vbench.cli.live import SHARE, Allowance, Live, rough
from vbench.cli.screen import Screen
from vbench.cost import Analysis
from vbench.model import Failed, Look, Measured, Trial, Void
from vbench.runner.events import Began, BenchmarkBegan, BlockBegan, Ended, Event, Looked, StepBegan, TrialEnded, Voided
from vbench.suite import Suite
from vbench.suite import plan as plans

RED = "\x1b[31m[red]bold[/red]\r\n" + BIDI


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watched:
    """A live view on a terminal of a given size, with a clock that only the test moves."""

    width: int = 80
    height: int = 24
    clock: Clock = field(default_factory=Clock)
    busy: Clock = field(default_factory=Clock)
    out: io.StringIO = field(default_factory=io.StringIO)

    def live(self, suite: Suite) -> Live:
        console = Console(
            file=self.out, force_terminal=True, width=self.width, height=self.height, highlight=False, markup=False
        )
        return Live(suite, Screen(console), self.clock, self.allowance(), self.allowance())

    def allowance(self) -> Allowance:
        return Allowance(clock=self.clock, busy=self.busy)

    @property
    def text(self) -> str:
        return Terminal(self.width).write(self.out.getvalue()).text


def follow(live: Live, clock: Clock, blocks: int, *, outcome: Callable[[str], Measured | Failed] | None = None) -> None:
    """The calibration and `blocks` blocks, each of a minute, of which the last is not over."""
    plan = plans.make(live.suite)
    outcome = outcome or (lambda arm: Measured({"time": (1e-6 * (4.0 if arm == "b" else 1.0),)}))
    live(Began(plan))
    for block in plan.blocks[: blocks + 1]:
        live(BlockBegan(block))
        for step in block.steps:
            live(StepBegan(block, step))
            for order, name in enumerate(("start.ready", *block.benchmarks)):
                if order:
                    live(BenchmarkBegan(name))
                    clock.now += 60 / len(block.steps) / len(block.benchmarks)
                trial = Trial(
                    block.index, step.position, step.environment, name, order, outcome(step.environment), 0, 1
                )
                live(TrialEnded(trial))


def test_it_tells_how_far_the_run_is_and_what_it_is_at() -> None:
    watched = Watched()
    follow(watched.live(a_suite()), watched.clock, 3)
    lines = watched.text.splitlines()
    assert lines[0].startswith("made-up · block 3 of 6 · ")
    assert lines[1].endswith(" 33%")
    assert lines[2].startswith("2 of 6 blocks · about 3 min ")
    assert lines[2].endswith(" so far")
    assert lines[3].endswith(" measured")


def test_a_run_without_a_block_that_can_be_analysed_is_never_called_done() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    follow(live, watched.clock, 1)
    live(Ended(0))
    title = watched.text.splitlines()[0]
    assert "no block can be analysed" in title
    assert "done" not in title


def test_the_time_left_is_that_of_measured_blocks() -> None:
    plan = plans.make(a_suite())
    course = Course(plan, 0.0)
    assert course.left_s(0.0) == pytest.approx(plan.expected_s)
    course.block, course.block_begun, course.durations = plan.blocks[2], 300.0, {0: 500.0, 1: 60.0}
    assert course.left_s(310.0) == pytest.approx(5 * 60 - 10)
    assert course.left_s(900.0) == pytest.approx(4 * 60), "an overdue block takes no other's time"


def test_a_run_taken_up_again_keeps_what_it_had() -> None:
    first, second = Watched(), Watched()
    suite = a_suite()
    begun = first.live(suite)
    follow(begun, first.clock, 3)
    run = replace(make_run(), trials=tuple(begun._trials), voids=(Void(1, 0, (stated("steal"),)),))
    live = second.live(suite)
    live.earlier = run
    live(Began(plans.make(suite)))
    assert "3 of 6 blocks" in second.text
    assert f"{len(run.trials)} measured · 1 block voided" in second.text
    assert "4.00×" in second.text
    live(BlockBegan(plans.make(suite).blocks[4]))
    assert live.course.done == 3
    live(Ended(1))
    assert "4 of 6 blocks, 1 of them in 0 s" in second.text


@pytest.mark.parametrize("how", ["cut", "void"])
def test_a_last_block_that_comes_again_is_not_counted_before(how: str) -> None:
    first, second = Watched(), Watched()
    suite = a_suite()
    begun = first.live(suite)
    follow(begun, first.clock, 3)
    trials, voids = tuple(begun._trials), (Void(3, 0, (stated("steal"),)),)
    live = second.live(suite)
    live.earlier = replace(make_run(), trials=trials[:-1] if how == "cut" else trials, voids=voids * (how == "void"))
    live(Began(plans.make(suite)))
    assert "2 of 6 blocks" in second.text
    live(BlockBegan(plans.make(suite).blocks[3]))
    live(Ended(1))
    assert "3 of 6 blocks, 1 of them in 0 s" in second.text


def test_a_block_that_was_cut_enters_no_rough_cost() -> None:
    first, second = Watched(), Watched()
    suite = a_suite()
    begun = first.live(suite)
    follow(begun, first.clock, 3)
    live = second.live(suite)
    live.earlier = replace(make_run(), trials=tuple(begun._trials[:-1]), voids=())
    live(Began(plans.make(suite)))
    assert {cell.blocks for cell in live.course.cells.values() if cell.cost is not None} == {2}


def test_lines_count_no_stored_trial_that_is_measured_again() -> None:
    whole = replace(make_run(blocks=3, losses=False), voids=())
    each = len({(trial.environment, trial.benchmark) for trial in whole.trials})
    again = tuple(replace(trial, attempt=1) for trial in whole.trials if trial.block == 3)
    for run, blocks in (
        (whole, 4),
        (replace(whole, voids=(Void(3, 0, (stated("steal"),)),)), 3),
        (replace(whole, trials=whole.trials + again, voids=(Void(3, 0, (stated("steal"),)),)), 4),
    ):
        lines = progress.following(a_suite(), quiet=True, earlier=run)
        assert isinstance(lines, Lines)
        assert lines.stored == blocks * each


@pytest.mark.parametrize(("stop", "word"), [(True, "done"), (False, "ended early")])
def test_an_adaptive_run_is_done_when_a_look_said_so_and_not_when_its_time_was_up(*, stop: bool, word: str) -> None:
    watched = Watched()
    live = watched.live(a_suite())
    follow(live, watched.clock, 3)
    live.course.is_adaptive = True
    live(Looked(Look(3, stop=stop)))
    live(Ended(1))
    assert watched.text.startswith(f"made-up · {word}\n")


def test_a_run_that_was_stopped_says_how_many_blocks_it_has() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    follow(live, watched.clock, 3)
    live(Ended(1))
    assert watched.text.startswith("made-up · ended early\n")
    assert "3 of 6 blocks in " in watched.text


def test_a_voided_block_that_was_not_repeated_does_not_count() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    follow(live, watched.clock, 3)
    live(Voided(Void(3, 0, (stated("b: the clock failed"),))))
    live(Ended(1))
    assert "2 of 6 blocks in " in watched.text


def test_the_rough_cost_appears_with_the_first_block_and_its_interval_from_the_fifth() -> None:
    run = make_run(blocks=9, losses=False)
    until = {n: tuple(trial for trial in run.trials if trial.block <= n) for n in (1, 4, 5, 9)}
    cells = {n: rough(Analysis.of(replace(run, trials=trials)))[("cpu.matrix", "tcg")] for n, trials in until.items()}
    assert [cells[n].cost is not None for n in until] == [True] * 4
    widths = [cells[n].half_width for n in until]
    assert widths[:2] == [None, None]
    assert widths[2] is not None
    assert widths[3] is not None
    assert widths[2] > widths[3]


def pictured(width: int = 80, height: int | None = 24, **changes: object) -> list[str]:
    run = make_run(blocks=6, losses=False)
    plan = run.manifest.plan
    fields = {
        "block": plan.blocks[3],
        "cells": rough(Analysis.of(run)),
        "benchmarks": tuple(record.name for record in run.manifest.benchmarks),
    }
    course = Course(plan, 0.0, **(fields | changes))  # type: ignore[arg-type]
    return [line.plain for line in frame(course, width=width, height=height, now=10.0)]


def test_the_table_has_a_row_for_each_benchmark_and_a_column_for_each_arm() -> None:
    head, *rows = pictured()[5:]
    assert head.split() == ["rough", "cost", "runc", "tcg", "control"]
    assert [row.split()[0] for row in rows[:2]] == ["cpu.hash", "cpu.matrix"]
    assert len(rows) == 13
    assert rows[1].count("±") == 3


@pytest.mark.parametrize(("width", "height"), [(200, 50), (80, 24), (40, 20), (40, 7), (20, 5), (10, 3), (1, 1)])
def test_it_fits_every_terminal(width: int, height: int) -> None:
    lines = pictured(width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_what_does_not_fit_the_width_is_counted_and_the_control_goes_first() -> None:
    head, *_, note = pictured(width=48)[5:]
    assert "runc" in head
    assert "control" not in head
    assert note.startswith("1 environment more: the terminal is too narrow"[:47])


def test_a_table_longer_than_the_terminal_turns_with_every_block() -> None:
    run = make_run(blocks=6)
    seen: set[str] = set()
    for block in run.manifest.plan.blocks[1:4]:
        *_, last = lines = pictured(height=14, block=block)
        assert len(lines) <= 14
        assert last.startswith("rows ")
        seen |= {line.split()[0] for line in lines[6:-1]}
    assert seen == {record.name for record in run.manifest.benchmarks}


def test_the_last_picture_has_every_row_and_stays() -> None:
    watched = Watched(height=8)
    live = watched.live(a_suite())
    follow(live, watched.clock, 6)
    live(Ended(1))
    assert "made-up · done" in watched.text
    assert "6 of 6 blocks in 7 min 00 s" in watched.text
    assert all(name in watched.text for name in live.suite.benchmarks)
    assert watched.text.count("made-up") == 1


def test_what_must_be_read_stays_above_the_picture() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    follow(live, watched.clock, 2, outcome=lambda arm: Failed(error("no fio")) if arm == "b" else Measured({}))
    live(Voided(Void(2, 0, (foreign("b", 0.041),))))
    live(Looked(Look(2, words="after 2 blocks: still too wide")))
    above, _, picture = watched.text.partition("made-up · ")
    assert "block 1 b cpu.hash failed: no fio\n" in above
    assert "block 2 is void: b: foreign tasks used 4.1%" in above
    assert "after 2 blocks: still too wide" in above
    assert "33 failed · 1 block voided" in picture


def test_hostile_words_change_nothing_on_the_terminal() -> None:
    """The terminal of the test refuses every sequence but those of drawing, and every other control character."""
    watched = Watched()
    follow(watched.live(a_suite()), watched.clock, 1, outcome=lambda arm: Failed(error(RED)))
    assert "failed: ⟨U+001B⟩[31m[red]bold[/red]⟨U+000D⟩" in watched.text.replace("\n", "")
    assert "\u202e" not in watched.out.getvalue()


def test_a_terminal_made_narrower_is_drawn_over_as_it_broke_the_lines() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24)
    screen = Screen(console)
    screen.draw([Text("x" * 70), Text("y")])
    console.width = 40
    screen.draw([Text("z")])
    assert out.getvalue().endswith("\x1b[3A\r\x1b[Jz\n")


class Closed(io.StringIO):
    """A terminal whose other end is gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error", text[:0])


def test_a_terminal_that_was_closed_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(out=Closed())
    live = watched.live(a_suite())
    follow(live, watched.clock, 6)
    live(Ended(1))
    assert live.course.done == 6
    monkeypatch.setattr("sys.stderr", Closed())
    Lines()(Looked(Look(1, words="who reads this?")))


def test_drawing_is_given_up_when_it_would_cost_more_than_its_share() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    live.drawing.spent_s = 1.0
    follow(live, watched.clock, 2)
    assert watched.out.getvalue() == ""
    watched.clock.now += 1.0 / SHARE
    live(BenchmarkBegan("cpu.hash"))
    assert "made-up" in watched.text


def test_costs_are_worked_out_between_blocks_and_within_their_share() -> None:
    watched = Watched()
    live = watched.live(a_suite())
    live.judging.spent_s = 3.0
    follow(live, watched.clock, 6)
    assert live.course.cells == {}
    live(Ended(1))
    assert live.course.cells


def test_a_whole_run_is_followed_without_a_thread_or_a_hidden_cursor(tmp_path: Path) -> None:
    watched, suite = Watched(), a_suite(FEW)
    live = watched.live(suite)
    seen: set[type] = set()

    def tell(event: Event) -> None:
        live(event)
        seen.update(type(thread) for thread in threading.enumerate())

    execute(tmp_path, suite, tell)
    assert {kind.__module__ for kind in seen} == {"threading"}, "rich draws by a thread of its own"
    assert threading.Timer not in seen
    assert "few · done" in watched.text
    assert "1.250×" in watched.text


@pytest.mark.parametrize("term", ["dumb", "", None])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    assert isinstance(progress.following(a_suite(), quiet=False), Lines)


def test_a_terminal_gets_the_live_view_unless_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(progress.following(a_suite(), quiet=False), Live)
    assert isinstance(progress.following(a_suite(), quiet=True), Lines)


def test_lines_of_hostile_words_are_safe_too(capsys: pytest.CaptureFixture[str]) -> None:
    Lines()(Voided(Void(1, 0, (stated(RED),))))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said
    assert "\u202e" not in said
