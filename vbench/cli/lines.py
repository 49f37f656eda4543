"""Follows a run in plain lines on stderr; on a terminal the last line is drawn over."""

import shutil
import time
from dataclasses import dataclass, field
from typing import assert_never

from vbench.cli.losses import Losses, not_together, parted_sentence, void_sentence
from vbench.cli.stderr import drawable, echo
from vbench.model import Block, Plan, Step, Trial
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
from vbench.text import printable
from vbench.units import show_duration


@dataclass
class Lines:
    """Writes between trials only; while one runs the harness sleeps."""

    quiet: bool = False
    stored: int = 0  # trials of a resumed run, without those that are measured again
    begun: float = field(default_factory=time.monotonic)
    _plan: Plan | None = None
    _block: Block | None = None
    _step: Step | None = None
    _done: int = 0
    _losses: Losses = field(default_factory=Losses)

    def __call__(self, event: Event) -> None:
        match event:
            case Began(plan):
                self._begin(plan)
                if words := not_together(event):
                    self._say(words)
            case BlockBegan(block):
                self._begin_block(block)
            case StepBegan(_, step):
                self._step = step
                self._show("start")
            case BenchmarkBegan(name, together):
                self._step = None if together else self._step
                self._show(name)
            case TrialEnded(trial):
                self._end_trial(trial)
            case Parted(shares, all_alone):
                self._say(parted_sentence(shares, all_alone=all_alone))
            case Voided(void):
                self._say(void_sentence(void))
            case Looked(look):
                if look.words:
                    self._say(look.words)
            case Ended(analysed):
                how = "done in" if analysed else "ended without a block that can be analysed, after"
                self._say(f"{how} {show_duration(time.monotonic() - self.begun)}")
            case other:
                assert_never(other)

    def _begin(self, plan: Plan) -> None:
        self._plan, self.begun = plan, time.monotonic()
        arms, blocks = len(plan.environments), "1 block" if len(plan.blocks) == 2 else f"{len(plan.blocks) - 1} blocks"
        self._say(
            f"{plan.suite}: {blocks} of {arms} environments × {len(plan.benchmarks)} benchmarks, "
            f"about {show_duration(plan.most_s)}, seed {plan.seed}"
        )

    def _begin_block(self, block: Block) -> None:
        self._block = block
        if not self._live():
            what = "calibration" if block.index == 0 else f"block {block.index} of {self._blocks()}"
            self._say(f"{what}, {self._left()} left")

    def _end_trial(self, trial: Trial) -> None:
        self._done += 1
        if sentence := self._losses.sentence(trial):
            self._say(sentence)

    def _show(self, what: str) -> None:
        if self._live() and self._block:
            block = "calibration" if self._block.index == 0 else f"block {self._block.index}/{self._blocks()}"
            words = [block, *([self._step.environment] if self._step else []), what, f"{self._left()} left"]
            line = " · ".join(words)
            width = shutil.get_terminal_size().columns - 1
            echo(f"\r\x1b[K{line[:width]}", nl=False)

    def _left(self) -> str:
        """Expected rest of the run, from the trials so far once a block is whole, and from the plan before."""
        assert self._plan
        total = len(self._plan.blocks) * len(self._plan.starts) * len(self._plan.benchmarks)
        ahead = max(0, total - self.stored)
        elapsed = time.monotonic() - self.begun
        measured = self._done * len(self._plan.blocks) >= total
        whole = elapsed * ahead / self._done if measured and self._done else self._plan.expected_s * ahead / total
        if self._plan.most_s < self._plan.expected_s:  # it ends with its budget
            whole = min(whole, self._plan.most_s)
        return show_duration(max(0.0, whole - elapsed))

    def _blocks(self) -> int:
        return len(self._plan.blocks) - 1 if self._plan else 0

    def _live(self) -> bool:
        return not self.quiet and drawable()

    def _say(self, text: str) -> None:
        """Control characters of what a tool or a suite said never reach the terminal."""
        if not self.quiet:
            echo(("\r\x1b[K" if self._live() else "") + printable(text))
