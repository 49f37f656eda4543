"""Plans a run from a suite and a seed: pure data, which can be read before anything starts."""

import math
from zlib import crc32

from numpy.random import PCG64, Generator, SeedSequence

from vbench import suite as suites
from vbench.contracts import Environment
from vbench.errors import SuiteError
from vbench.model import Block, Plan, Step
from vbench.stats import order
from vbench.suite import Suite
from vbench.units import show_duration

LARGEST_PADDING_B = 4095
_ORDER, _BENCHMARKS, _PADDING, _CALIBRATION, _TURNS = range(5)
MOST_ROUNDS = 40
"""About the most slices of a trial: longer trials have longer slices. fio has a process for each."""
SLICE_S = 0.005
"""What a slice takes beside its operations, for the estimate: an exchange with the driver and two looks at the host."""


def make(suite: Suite, *, seed: int | None = None) -> Plan:
    """The plan of `suite`: block 0 calibrates, blocks 1 to n are analysed. Raises SuiteError when it cannot fit.

    The same suite and seed give the same plan (numpy's PCG64; each block has its own stream, so that a plan of
    fewer blocks is the beginning of a plan of more). Without a seed, the suite's; without that, one made of its text.
    """
    chosen = next(s for s in (seed, suite.method.seed, crc32(suite.text.encode())) if s is not None)
    arms = (*suite.arms, suite.method.control)
    _fits(suite)
    return Plan(
        suite=suite.name,
        seed=chosen,
        baseline=suite.method.baseline,
        control=suite.method.control,
        environments=arms,
        benchmarks=tuple(suite.benchmarks),
        blocks=_blocks(suite, arms, chosen),
        expected_s=expected_s(suite),
        budget_s=float(suite.method.budget),
    )


def _random(seed: int, *stream: int) -> Generator:
    return Generator(PCG64(SeedSequence([seed, *stream])))


def _blocks(suite: Suite, arms: tuple[str, ...], seed: int) -> tuple[Block, ...]:
    calibration = tuple(int(arm) for arm in _random(seed, _CALIBRATION).permutation(len(arms)))
    orders = [calibration, *order.balanced(len(arms), suite.method.most, _random(seed, _ORDER))]
    ordered = [name for name, benchmark in suite.benchmarks.items() if not is_start(benchmark.kind)]
    turns = _turns(suite, len(arms), ordered, seed) if suite.method.interleave else {}
    return tuple(_block(index, [arms[i] for i in turn], turns, ordered, seed) for index, turn in enumerate(orders))


def _turns(suite: Suite, arms: int, benchmarks: list[str], seed: int) -> dict[str, list[tuple[int, ...]]]:
    """The order of the arms in the first round of each benchmark, from block 1 on: balanced over the blocks."""
    return {
        name: order.balanced(arms, suite.method.most, _random(seed, _TURNS, number))
        for number, name in enumerate(benchmarks)
    }


def _block(
    index: int, arms: list[str], turns: dict[str, list[tuple[int, ...]]], benchmarks: list[str], seed: int
) -> Block:
    paddings = _random(seed, _PADDING, index).integers(0, LARGEST_PADDING_B, size=len(arms), endpoint=True)
    shuffled = [benchmarks[i] for i in _random(seed, _BENCHMARKS, index).permutation(len(benchmarks))]
    return Block(
        index=index,
        steps=tuple(Step(arm, at, int(padding)) for at, (arm, padding) in enumerate(zip(arms, paddings, strict=True))),
        benchmarks=tuple(shuffled),
        turns=tuple(turns[name][max(0, index - 1)] for name in shuffled if turns),
    )


def rounds(suite: Suite, benchmark: str, *, arms: int | None = None) -> int:
    """Slices of a trial in each arm of `arms` that take turns, by default all; 1 if it cannot be cut."""
    method, chosen = suite.method, suite.benchmarks[benchmark]
    if chosen.shortest_s is None:
        return 1
    wanted = chosen.wanted_slices(float(method.trial), float(method.slice))
    return order.rounds(arms or len(suite.arms) + 1, min(wanted, MOST_ROUNDS))


def is_start(kind: str) -> bool:
    """Whether a benchmark's samples come from the starts themselves; no block's order contains it."""
    return kind.startswith("start.")


def expected_s(suite: Suite, blocks: int | None = None) -> float:
    """Expected duration in s of so many blocks, by default of the most, as environments and benchmarks estimate it.

    The calibration is included.
    """
    return ((blocks or suite.method.most) + 1) * _block_s(suite)


def _block_s(suite: Suite) -> float:
    arms = (*suite.arms, suite.method.control)
    slices = sum(rounds(suite, name) for name in suite.benchmarks) if suite.method.interleave else 0
    each_s = trials_s(suite)
    return sum(start_s(suite, arm) + each_s * factor(suite, arm) + slices * SLICE_S for arm in arms)


def start_s(suite: Suite, arm: str) -> float:
    """Expected duration in s of one start of an arm, with everything below it in its stack."""
    stack: list[Environment] = [suite.environment(name) for name in suites.chain(suite, arm)]
    return sum(environment.expected_start_s() for environment in stack)


def factor(suite: Suite, arm: str) -> float:
    """Factor by which a trial takes longer in an arm than natively: the product over the layers of its stack."""
    return math.prod(suite.environment(name).expected_factor() for name in suites.chain(suite, arm))


def trials_s(suite: Suite) -> float:
    """Expected duration in s of every benchmark once, within one start."""
    trial_s, warmup_s = float(suite.method.trial), float(suite.method.warmup)
    return sum(benchmark.expected_s(trial_s, warmup_s) for benchmark in suite.benchmarks.values())


def _fits(suite: Suite) -> None:
    """Raises SuiteError if the fewest blocks do not fit. With the budget an adaptive run ends."""
    least, budget_s = suite.method.least, float(suite.method.budget)
    needed_s = expected_s(suite, least)
    if needed_s <= budget_s:
        return
    most = int(budget_s / _block_s(suite)) - 1
    hint = f"{most} block{'' if most == 1 else 's'} would fit" if most >= 1 else "take fewer environments or benchmarks"
    blocks = "1 block is" if least == 1 else f"{least} blocks are"
    raise SuiteError(
        f"{suite.name}: {blocks} expected to take {show_duration(needed_s)}, "
        f"method.budget is {show_duration(budget_s)}",
        hint=f"{hint}; or raise method.budget",
    )
