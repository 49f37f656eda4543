"""What a run tells whoever watches it, and how its trials ended."""

from dataclasses import dataclass
from typing import Protocol

from vbench.model import Block, Failed, Look, Measured, Outcome, Plan, Skipped, Step, Trial, Void


class Progress(Protocol):
    """Told what happens, between trials only."""

    def begin(self, plan: Plan) -> None: ...
    def block(self, block: Block) -> None: ...
    def voided(self, void: Void) -> None: ...
    def look(self, found: Look) -> None: ...
    def step(self, block: Block, step: Step) -> None: ...
    def benchmark(self, name: str) -> None: ...
    def trial(self, trial: Trial) -> None: ...
    def end(self, *, analysed: int) -> None: ...  # blocks that enter the costs; a run without one has found nothing


@dataclass
class Count:
    """How a run ended."""

    measured: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, outcome: Outcome) -> None:
        match outcome:
            case Measured():
                self.measured += 1
            case Failed():
                self.failed += 1
            case Skipped():
                self.skipped += 1
