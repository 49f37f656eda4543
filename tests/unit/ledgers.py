"""A plan of four blocks, with its trials and voids."""

from tests.unit.outcomes import stated
from tests.unit.small_folders import a_trial
from vbench.model import Block, Plan, Step, Trial, Void

ARMS = ("bare", "control")
NAMES = ("cpu.hash", "cpu.matrix")


BLOCKS = 4
PLAN = Plan(
    suite="small",
    seed=1,
    baseline="bare",
    control="control",
    environments=ARMS,
    benchmarks=NAMES,
    blocks=tuple(
        Block(index, tuple(Step(arm, at, 0) for at, arm in enumerate(ARMS)), NAMES) for index in range(BLOCKS)
    ),
    expected_s=20.0,
    budget_s=100.0,
)


def trials(block: int, *, begin_s: float, each_s: float = 1.0, number: int = 4, attempt: int = 0) -> list[Trial]:
    """The first of a block's trials, one right after the other."""
    places = [(arm, name) for arm in ARMS for name in NAMES][:number]
    return [
        a_trial(block, arm, benchmark=name, started_s=begin_s + at * each_s, wall_s=each_s, attempt=attempt)
        for at, (arm, name) in enumerate(places)
    ]


def voids(*blocks: int, harness: bool = False) -> list[Void]:
    """Attempts that were voided, those of one block in turn."""
    return [Void(block, blocks[:at].count(block), (stated("why"),), harness=harness) for at, block in enumerate(blocks)]
