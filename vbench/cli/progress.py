"""Progress of a run on stderr: drawn on a terminal, plain lines elsewhere."""

import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from vbench.model import Block, Failed, Look, Measured, Plan, Reason, Skipped, Step, Trial, Void
from vbench.reasons import joined, words
from vbench.units import show_duration

if TYPE_CHECKING:
    from vbench.model import Run
    from vbench.runner import Progress
    from vbench.suite import Suite


def following(suite: "Suite", *, quiet: bool, earlier: "Run | None" = None) -> "Progress":
    """The live view where stderr is a terminal that can be drawn on, else lines; `earlier` is what is gone on with."""
    if quiet or not drawable():
        return Lines(quiet, stored=_settled(earlier) if earlier else 0)
    from vbench.cli.live import Live

    return Live(suite, earlier=earlier)


def drawable() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def _settled(run: "Run") -> int:
    """Each place of a block once, whatever the attempts at it; nothing of a last block that is void and comes again."""
    last = max(((trial.block, trial.attempt) for trial in run.trials), default=(0, 0))
    is_void = last in {(void.block, void.attempt) for void in run.voids}
    kept = [t for t in run.trials if t.block < last[0] or ((t.block, t.attempt) == last and not is_void)]
    return len({(trial.block, trial.environment, trial.benchmark) for trial in kept})


@dataclass
class Lines:
    """Writes between trials only; while one runs the harness sleeps."""

    quiet: bool = False
    stored: int = 0  # trials of a run that is gone on with, without those that are measured again
    begun: float = field(default_factory=time.monotonic)
    _plan: Plan | None = None
    _block: Block | None = None
    _step: Step | None = None
    _done: int = 0
    _skipped: tuple[int, str, Reason] | None = None

    def begin(self, plan: Plan) -> None:
        self._plan, self.begun = plan, time.monotonic()
        arms, blocks = len(plan.environments), "1 block" if len(plan.blocks) == 2 else f"{len(plan.blocks) - 1} blocks"
        self._say(
            f"{plan.suite}: {blocks} of {arms} environments × {len(plan.benchmarks)} benchmarks, "
            f"about {show_duration(plan.expected_s)}, seed {plan.seed}"
        )

    def block(self, block: Block) -> None:
        self._block = block
        if not self._live():
            what = "calibration" if block.index == 0 else f"block {block.index} of {self._blocks()}"
            self._say(f"{what}, {self._left()} left")

    def voided(self, void: Void) -> None:
        self._say(f"block {void.block} is void: {joined(void.reasons)}")

    def look(self, found: Look) -> None:
        if found.words:
            self._say(found.words)

    def step(self, block: Block, step: Step) -> None:
        del block
        self._step = step
        self._show("start")

    def benchmark(self, name: str) -> None:
        self._show(name)

    def trial(self, trial: Trial) -> None:
        self._done += 1
        match trial.outcome:
            case Failed(reason):
                self._say(f"block {trial.block} {trial.environment} {trial.benchmark} failed: {words(reason)}")
            case Skipped(reason):
                if (said := (trial.block, trial.environment, reason)) != self._skipped:  # once for all that follow
                    self._say(f"block {trial.block} {trial.environment} {trial.benchmark} skipped: {words(reason)}")
                self._skipped = said
            case Measured():
                pass

    def end(self, *, analysed: int) -> None:
        how = "done in" if analysed else "ended without a block that can be analysed, after"
        self._say(f"{how} {show_duration(time.monotonic() - self.begun)}")

    def _show(self, what: str) -> None:
        if self._live() and self._block and self._step:
            block = "calibration" if self._block.index == 0 else f"block {self._block.index}/{self._blocks()}"
            line = f"{block} · {self._step.environment} · {what} · {self._left()} left"
            width = shutil.get_terminal_size().columns - 1
            _echo(f"\r\x1b[K{line[:width]}", nl=False)

    def _left(self) -> str:
        """From the trials done so far once a block is whole, from the plan's estimate before."""
        assert self._plan
        total = len(self._plan.blocks) * len(self._plan.environments) * len(self._plan.benchmarks)
        ahead = max(0, total - self.stored)
        elapsed = time.monotonic() - self.begun
        measured = self._done * len(self._plan.blocks) >= total
        whole = elapsed * ahead / self._done if measured and self._done else self._plan.expected_s * ahead / total
        return show_duration(max(0.0, whole - elapsed))

    def _blocks(self) -> int:
        return len(self._plan.blocks) - 1 if self._plan else 0

    def _live(self) -> bool:
        return not self.quiet and drawable()

    def _say(self, text: str) -> None:
        """Control characters of what a tool or a suite said never reach the terminal."""
        if not self.quiet:
            _echo(("\r\x1b[K" if self._live() else "") + printable(text))


def _echo(text: str, *, nl: bool = True) -> None:
    """To stderr, if anybody is left who reads it: a terminal that was closed must not end the run."""
    with suppress(OSError):
        click.echo(text, err=True, nl=nl)


def printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
