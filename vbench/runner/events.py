"""The events that a run tells its follower, and the count of its trials by outcome."""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from vbench.model import Block, Failed, Look, Measured, Outcome, Plan, Skipped, Step, Trial, Void


class Began(Struct, frozen=True):
    """The run begins, or is resumed."""

    plan: Plan
    apart: str = ""  # why the arms are alive one at a time although they should take turns
    grouped: str = ""  # why they are alive in groups


class BlockBegan(Struct, frozen=True):
    """An attempt at a block begins; the attempt before it is over."""

    block: Block


class StepBegan(Struct, frozen=True):
    """An environment is about to be started."""

    block: Block
    step: Step


class BenchmarkBegan(Struct, frozen=True):
    """A trial of this benchmark is about to begin, or one in each of the arms that are alive together."""

    name: str
    together: bool = False


class TrialEnded(Struct, frozen=True):
    """The trial is stored."""

    trial: Trial


class Parted(Struct, frozen=True):
    """These arms were not quiet in the calibration: each is measured alone from now on, or all are."""

    shares: dict[str, float]  # of a processor, while others were measured
    all_alone: bool  # the baseline is one of them


class Voided(Struct, frozen=True):
    """The attempt that ended last does not count."""

    void: Void


class Looked(Struct, frozen=True):
    """An adaptive run looked at its widths after a block."""

    look: Look


class Ended(Struct, frozen=True):
    """The run is over."""

    analysed: int  # blocks that enter the costs


Event = Began | BlockBegan | StepBegan | BenchmarkBegan | TrialEnded | Parted | Voided | Looked | Ended
Tell = Callable[[Event], None]
"""The receiver of a run's events. It is called between trials only."""


@dataclass
class Count:
    """The numbers of a run's trials by outcome."""

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
