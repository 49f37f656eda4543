"""Plans a run from a suite and a seed: pure data, which can be read before anything starts."""

import math
from collections.abc import Iterator
from itertools import compress, pairwise
from zlib import crc32

from msgspec.structs import replace
from numpy.random import PCG64, Generator, SeedSequence

from vbench import suite as suites
from vbench.contracts import Environment
from vbench.errors import SuiteError
from vbench.model import Block, Plan, Step
from vbench.stats import order
from vbench.suite import Suite
from vbench.units import show_duration

LARGEST_PADDING_B = 4095
_ORDER, _BENCHMARKS, _PADDING, _CALIBRATION, _TURNS, _GROUPS = range(6)
Groups = tuple[tuple[str, ...], ...]
Orders = list[tuple[int, ...]]
MOST_ROUNDS = 40
"""About the most slices of a trial: longer trials have longer slices. fio has a process for each."""
SLICE_S = 0.005
"""What a slice takes beside its operations, for the estimate: an exchange with the driver and two looks at the host."""


def make(suite: Suite, *, seed: int | None = None, alive: int | None = None) -> Plan:
    """The plan of `suite`: block 0 calibrates, blocks 1 to n are analysed. Raises SuiteError when it cannot fit.

    The same suite and seed give the same plan (numpy's PCG64; each block has its own stream, so that a plan of
    fewer blocks is the beginning of a plan of more). Without a seed, the suite's; without that, one made of its text.
    `alive` is the number of arms that the host can have alive together, None for all: with fewer there are groups.
    """
    chosen = next(s for s in (seed, suite.method.seed, crc32(suite.text.encode())) if s is not None)
    arms = (*suite.arms, suite.method.control)
    parted = groups(suite, alive)
    _fits(suite, parted)
    return Plan(
        suite=suite.name,
        seed=chosen,
        baseline=suite.method.baseline,
        control=suite.method.control,
        environments=arms,
        benchmarks=tuple(suite.benchmarks),
        blocks=tuple(_blocks(suite, parted or (arms,), chosen)),
        expected_s=expected_s(suite, groups=parted),
        budget_s=float(suite.method.budget),
        groups=parted,
    )


def groups(suite: Suite, alive: int | None) -> Groups:
    """The arms that are alive together: the baseline in each group, every other arm in one, in the suite's order.

    There are as few groups as do, and their sizes differ by one at most. Empty where all arms are one group, or where
    none can be alive beside the baseline.
    """
    baseline = suite.method.baseline
    others = [arm for arm in (*suite.arms, suite.method.control) if arm != baseline]
    if not suite.method.interleave or alive is None or not 2 <= alive <= len(others):
        return ()
    count = math.ceil(len(others) / (alive - 1))
    ends = [len(others) * number // count for number in range(count + 1)]
    return tuple((baseline, *others[begin:end]) for begin, end in pairwise(ends))


def parts(block: Block) -> Iterator[Block]:
    """Each group of a block as a block of its own, in the order in which they are measured."""
    for group in dict.fromkeys(step.group for step in block.steps):
        is_of_group = [step.group == group for step in block.steps]
        steps, turns = compress(block.steps, is_of_group), (compress(turn, is_of_group) for turn in block.turns)
        yield replace(block, steps=tuple(steps), turns=tuple(map(tuple, turns)))


def _random(seed: int, *stream: int) -> Generator:
    return Generator(PCG64(SeedSequence([seed, *stream])))


def _blocks(suite: Suite, groups: Groups, seed: int) -> Iterator[Block]:
    """The calibration has the groups and the turns in the order of block 1."""
    ordered = [name for name, benchmark in suite.benchmarks.items() if not is_start(benchmark.kind)]
    numbers = {arm: number for number, arm in enumerate((*suite.arms, suite.method.control))}
    sequences = order.balanced(len(groups), suite.method.most, _random(seed, _GROUPS))
    starts = [_starts(suite, group, seed, stream) for group, stream in _streams(groups)]
    turns = [_turns(suite, group, ordered, seed, stream) for group, stream in _streams(groups)]
    for index in range(suite.method.most + 1):
        at = max(0, index - 1)
        sequence = sequences[at]
        arms = [(groups[number][arm], number) for number in sequence for arm in starts[number][index]]
        in_turn = {
            name: tuple(numbers[groups[number][arm]] for number in sequence for arm in turns[number][name][at])
            for name in (ordered if suite.method.interleave else ())
        }
        yield _block(index, arms, in_turn, ordered, seed)


def _streams(groups: Groups) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Each group with what its random streams have besides; nothing where all arms are one group."""
    return ((group, (number,) if len(groups) > 1 else ()) for number, group in enumerate(groups))


def _starts(suite: Suite, arms: tuple[str, ...], seed: int, stream: tuple[int, ...]) -> Orders:
    """The order of the starts of a group in each block, the calibration first: balanced over the blocks from 1 on."""
    calibration = tuple(int(arm) for arm in _random(seed, _CALIBRATION, *stream).permutation(len(arms)))
    return [calibration, *order.balanced(len(arms), suite.method.most, _random(seed, _ORDER, *stream))]


def _turns(
    suite: Suite, arms: tuple[str, ...], benchmarks: list[str], seed: int, stream: tuple[int, ...]
) -> dict[str, Orders]:
    """The order of a group's arms in the first round of each benchmark, from block 1 on: balanced over the blocks."""
    return {
        name: order.balanced(len(arms), suite.method.most, _random(seed, _TURNS, number, *stream))
        for number, name in enumerate(benchmarks)
    }


def _block(
    index: int, arms: list[tuple[str, int]], turns: dict[str, tuple[int, ...]], benchmarks: list[str], seed: int
) -> Block:
    paddings = _random(seed, _PADDING, index).integers(0, LARGEST_PADDING_B, size=len(arms), endpoint=True)
    shuffled = [benchmarks[i] for i in _random(seed, _BENCHMARKS, index).permutation(len(benchmarks))]
    return Block(
        index=index,
        steps=tuple(
            Step(arm, at, int(padding), group)
            for at, ((arm, group), padding) in enumerate(zip(arms, paddings, strict=True))
        ),
        benchmarks=tuple(shuffled),
        turns=tuple(turns[name] for name in shuffled if turns),
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


def expected_s(suite: Suite, blocks: int | None = None, groups: Groups = ()) -> float:
    """Expected duration in s of so many blocks, by default of the most, as environments and benchmarks estimate it.

    The calibration is included.
    """
    return ((blocks or suite.method.most) + 1) * _block_s(suite, groups)


def _block_s(suite: Suite, groups: Groups) -> float:
    return sum(_group_s(suite, group) for group in groups or ((*suite.arms, suite.method.control),))


def _group_s(suite: Suite, arms: tuple[str, ...]) -> float:
    slices = sum(rounds(suite, name, arms=len(arms)) for name in suite.benchmarks) if suite.method.interleave else 0
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


def _fits(suite: Suite, groups: Groups) -> None:
    """Raises SuiteError if the fewest blocks do not fit. With the budget an adaptive run ends."""
    least, budget_s = suite.method.least, float(suite.method.budget)
    needed_s = expected_s(suite, least, groups)
    if needed_s <= budget_s:
        return
    most = int(budget_s / _block_s(suite, groups)) - 1
    hint = f"{most} block{'' if most == 1 else 's'} would fit" if most >= 1 else "take fewer environments or benchmarks"
    blocks = "1 block is" if least == 1 else f"{least} blocks are"
    where = f" in {len(groups)} groups of environments" if groups else ""
    raise SuiteError(
        f"{suite.name}: {blocks} expected to take {show_duration(needed_s)}{where}, "
        f"method.budget is {show_duration(budget_s)}",
        hint=f"{hint}; or raise method.budget",
    )
