"""Follows a run on a terminal: how far it is, and the rough costs narrowing. Works between trials only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import assert_never

from rich.text import Text

from vbench import suite as suites
from vbench.cli.frame import Cells, Course, clock_time, frame
from vbench.cli.losses import Losses, not_together, parted_sentence, void_sentence
from vbench.cli.screen import Screen, on_stderr
from vbench.cost import Analysis, Attempts, Design, Planned
from vbench.model import Block, Failed, Look, Plan, Run, Trial, Void
from vbench.runner.events import (
    Began,
    BenchmarkBegan,
    BlockBegan,
    Ended,
    Event,
    Looked,
    Parted,
    StepBegan,
    TrialEnded,
    Voided,
)
from vbench.suite import Suite
from vbench.text import plain

SHARE = 0.005  # of one processor, for the drawing and for the costs each: a hundredth together
CREDIT_S = 0.1


@dataclass
class Allowance:
    """Lets a purpose spend a share of the time that has passed, so that watching a run costs it nothing."""

    share: float = SHARE
    clock: Callable[[], float] = time.monotonic
    busy: Callable[[], float] = time.process_time
    spent_s: float = 0.0
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def affords(self) -> bool:
        return self.spent_s <= CREDIT_S + self.share * (self.clock() - self.begun)

    @contextmanager
    def spending(self) -> Iterator[None]:
        before = self.busy()
        try:
            yield
        finally:
            self.spent_s += self.busy() - before


@dataclass
class Live:
    """Draws the runner's progress. There is no timer and no thread: it draws on events, between trials only."""

    suite: Suite
    screen: Screen = field(default_factory=on_stderr)
    clock: Callable[[], float] = time.monotonic
    drawing: Allowance = field(default_factory=Allowance)
    judging: Allowance = field(default_factory=Allowance)
    earlier: Run | None = None  # the stored part of a resumed run
    _course: Course | None = None
    _design: Design | None = None
    _trials: list[Trial] = field(default_factory=list)
    _voids: list[Void] = field(default_factory=list)
    _looks: list[Look] = field(default_factory=list)
    _losses: Losses = field(default_factory=Losses)

    @property
    def course(self) -> Course:
        assert self._course
        return self._course

    def __call__(self, event: Event) -> None:
        match event:
            case Began(plan):
                self._begin(plan)
                if words := not_together(event):
                    self._say(words, "yellow")
            case BlockBegan(block):
                self._begin_block(block)
            case StepBegan(_, step):
                self.course.environment, self.course.doing = step.environment, "start"
                self._draw()
            case BenchmarkBegan(name, together):
                self.course.environment = "" if together else self.course.environment
                self.course.doing = name
                self._draw()
            case TrialEnded(trial):
                self._end_trial(trial)
            case Parted(shares, all_alone):
                self._say(parted_sentence(shares, all_alone=all_alone))
            case Voided(void):
                self._void(void)
            case Looked(look):
                self._looks.append(look)
                self.course.is_enough = look.stop
                if look.words:
                    self._say(look.words)
            case Ended(analysed):
                self._end(analysed)
            case other:
                assert_never(other)

    def _begin(self, plan: Plan) -> None:
        self._design = _design(self.suite, plan)
        adaptive = self.suite.method.blocks is None
        names = tuple(record.name for record in self._design.benchmarks)
        self._course = Course(plan, self.clock(), is_adaptive=adaptive, benchmarks=names)
        if self.earlier is not None:
            self._take_up(self.earlier)
        self._draw()

    def _take_up(self, run: Run) -> None:
        self._trials += run.trials
        self._voids += run.voids
        self._looks += run.looks
        self.course.behind = _whole_blocks(self.course.plan, run)
        self.course.voided = len(run.voids)
        for trial in run.trials:
            self.course.count.add(trial.outcome)
        self._judge()

    def _begin_block(self, block: Block) -> None:
        """The block before is over: its duration is known, and costs include it."""
        self._close_block()
        course = self.course
        if course.block is None:
            course.behind = max(0, block.index - 1)
        course.block, course.block_begun = block, self.clock()
        course.environment = course.doing = ""
        course.is_void = False
        if self.judging.affords():
            self._judge()
        self._draw()

    def _void(self, void: Void) -> None:
        self._voids.append(void)
        self.course.voided += 1
        self.course.is_void = True
        self._say(void_sentence(void), "yellow")

    def _end_trial(self, trial: Trial) -> None:
        self._trials.append(trial)
        self.course.count.add(trial.outcome)
        if sentence := self._losses.sentence(trial):
            self._say(sentence, "red" if isinstance(trial.outcome, Failed) else "")

    def _end(self, analysed: int) -> None:
        """The last picture stays, with the whole table."""
        self.course.is_barren = not analysed
        self._close_block()
        self.course.ended = self.clock()
        self._judge()
        self._draw(last=True)

    def _close_block(self) -> None:
        """Keeps the duration of the block. A voided block is measured again, and its last duration counts."""
        course = self.course
        if course.block is not None:
            course.durations[course.block.index] = self.clock() - course.block_begun

    def _judge(self) -> None:
        assert self._design
        if any(trial.block for trial in self._trials):
            with self.judging.spending():
                planned = Planned(self.course.plan, self._looks)
                so_far = Analysis(self._design, tuple(self._trials), tuple(self._voids), planned=planned)
                self.course.cells = rough(so_far)

    def _say(self, words: str, style: str = "") -> None:
        """Writes a line above the picture. Many lines are all written, but the picture is not redrawn for each."""
        affords = self.drawing.affords()
        with self.drawing.spending():
            line = Text(plain(words).replace("\n", " "), style)
            self.screen.say(line, self._lines() if affords else [])

    def _draw(self, *, last: bool = False) -> None:
        if last or self.drawing.affords():
            with self.drawing.spending():
                self.screen.draw(self._lines(last=last))

    def _lines(self, *, last: bool = False) -> list[Text]:
        width, height = self.screen.size
        now = self.clock()
        ends_at = clock_time(self.course.left_s(now))
        return frame(self.course, width=width, height=None if last else height, now=now, ends_at=ends_at)


def rough(analysis: Analysis) -> Cells:
    """Each environment's cost in the first metric of each benchmark, over the blocks so far. No verdict is told."""
    first = {record.name: record.metrics[0].name for record in analysis.design.benchmarks if record.metrics}
    costs = [item for item in analysis.costs if item.metric == first.get(item.benchmark)]
    return {(item.benchmark, item.environment): item for item in costs}


def _whole_blocks(plan: Plan, run: Run) -> int:
    """Until the run goes on and tells: the last block of a run is cut, or not, or void."""
    attempts = Attempts(run.trials, run.voids, Planned(plan, run.looks))
    last = max(attempts.last.items(), default=(0, 0))
    return last[0] if last in attempts.blocks else max(0, last[0] - 1)


def _design(suite: Suite, plan: Plan) -> Design:
    return Design(
        arms=plan.environments,
        baseline=plan.baseline,
        control=plan.control,
        benchmarks=suites.benchmark_records(suite),
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
        groups=plan.groups,
    )
