"""Which experiments make up the proof, and what each mutation must be caught by."""

import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

from tests.proof import coverage, families, null, seeing, turns, worlds
from tests.proof.figures import Figure
from tests.proof.procedure import MUTATIONS, VBENCH, Procedure

Experiment = partial[Figure]
OF_EACH = 4  # experiments of one kind, at most, in a sample


def experiments(runs: int) -> Iterator[Experiment]:
    """Every experiment of the table, `runs` repetitions each."""
    yield from depending(VBENCH, runs)
    yield from shapes(runs)
    for host in worlds.HOSTS:
        yield partial(null.side_by_side, VBENCH, runs, host)
    yield partial(null.side_by_side, VBENCH, runs, "steady", spread=0.03)
    yield from shared(runs)
    yield partial(null.withheld, max(runs // 5, 100))
    yield from equivalence(runs)
    for instances in (1, 2, 3, 5):
        yield partial(null.types, runs, instances)
    for start_spread in (0.03, 0.1):
        yield partial(coverage.tail_quantile, runs, start_spread)
    for truth, blocks in product((0.005, 0.02), (10, 30)):
        yield partial(coverage.floor, runs, truth, blocks)
    for blocks in (10, 40):
        yield partial(seeing.exchange, min(runs, 2000), blocks)


def shared(runs: int) -> Iterator[Experiment]:
    """Hosts that drift while arms take turns, and families of comparisons."""
    for host in turns.DRIFTS:
        yield partial(turns.alike, VBENCH, runs, host)
    yield partial(turns.restless, VBENCH, runs)
    yield partial(null.family, runs)
    for errors, blocks in product(worlds.ERRORS, (10, 15, 30)):
        yield partial(families.many, max(runs // 10, families.LEAST_RUNS), errors, blocks)
    for cost, blocks in product((0.05, 0.1, 1.0), (10, 15)):
        yield partial(families.alone, max(runs // 10, families.LEAST_RUNS), cost, blocks)


def shapes(runs: int) -> Iterator[Experiment]:
    """Coverage under shapes of d that no step of the procedure depends on, and what is suspected of them."""
    for errors, blocks in product(worlds.ERRORS, coverage.BLOCKS):
        yield partial(coverage.four_arms, VBENCH, runs, errors, blocks)
    for errors, blocks in product(worlds.COARSE, coverage.BLOCKS):
        yield partial(coverage.coarse, VBENCH, runs, errors, blocks)
    for errors, blocks in product(worlds.LIMITS, coverage.BLOCKS):
        yield partial(coverage.limit, VBENCH, runs, errors, blocks)
    for errors, spread in product(worlds.ERRORS, (0.0155, 0.03, 0.06)):
        yield partial(coverage.settling, VBENCH, runs, errors, spread)
    for blocks in coverage.BLOCKS:
        yield partial(coverage.rare, VBENCH, runs, blocks)
    for blocks in (10, 20, 40):
        yield partial(coverage.quiet, runs, blocks)


def equivalence(runs: int) -> Iterator[Experiment]:
    """How often “equivalent” is wrong at the bound, and how often it is said where it is true."""
    for spread, blocks in product((0.0155, 0.03, 0.1), (10, 30)):
        yield partial(seeing.equivalent, runs, 0.02, spread, blocks)
    yield partial(seeing.equivalent, runs, 0.05, 0.1, 10)
    for blocks in (10, 15):
        yield partial(seeing.equivalent, runs, 0.0, 0.0155, blocks)
    for cost, errors, blocks in product((0.02, 0.0), worlds.TAILS, coverage.BLOCKS):
        yield partial(seeing.equivalent_tailed, runs, cost, errors, blocks)


def sample(runs: int) -> list[Experiment]:
    """A few of the experiments of each kind, spread over its cases."""
    kinds: dict[Callable[..., Figure], list[Experiment]] = {}
    for experiment in experiments(runs):
        kinds.setdefault(experiment.func, []).append(experiment)
    return [one for alike in kinds.values() for one in alike[:: math.ceil(len(alike) / OF_EACH)]]


def depending(procedure: Procedure, runs: int) -> Iterator[Experiment]:
    """The experiments whose outcome depends on an exchangeable step."""
    for errors, blocks, correlation in product(worlds.ERRORS, coverage.BLOCKS, coverage.CORRELATIONS):
        yield partial(coverage.fixed, procedure, runs, errors, blocks, correlation)
    for host, blocks in product(worlds.HOSTS, (10, 20)):
        yield partial(null.alike, procedure, runs, host, blocks)
    for blocks in (10, 20):
        yield partial(null.alike, procedure, runs, "steady", blocks, first_position=worlds.FIRST_POSITION)
    for errors, spread in product(worlds.ERRORS, (0.01, 0.0155, 0.03)):
        yield partial(coverage.stopping, procedure, runs, errors, spread)
    yield partial(coverage.unbiased, procedure, runs)
    yield partial(seeing.power, procedure, runs, 0.02, 10, 0.88)
    yield partial(seeing.power, procedure, runs, 0.01, 30, 0.9)


def against(procedure: Procedure, runs: int) -> Iterator[Experiment]:
    """A selection of the same experiments, one of each kind, for a mutated procedure."""
    for errors in ("normal", "exponential in the guest only"):
        yield partial(coverage.fixed, procedure, runs, errors, 10, 0.0)
    yield partial(null.alike, procedure, runs, "steady", 10)
    yield partial(null.alike, procedure, runs, "linear drift", 10)
    yield partial(null.alike, procedure, runs, "steady", 10, first_position=worlds.FIRST_POSITION)
    yield partial(coverage.stopping, procedure, runs, "normal", 0.0155)
    yield partial(coverage.unbiased, procedure, runs)


def mutated(runs: int) -> dict[str, list[Experiment]]:
    """The same experiments for the procedure as it is, which must pass them all, and for each mutation."""
    return {procedure.name: list(against(procedure, runs)) for procedure in (VBENCH, *MUTATIONS)}


def is_caught(procedure: Procedure, runs: int) -> bool:
    """Whether one of the experiments contradicts its target; those that follow are not made."""
    return any(not measured(one).holds(exactly=False) for one in against(procedure, runs))


def measured(experiment: Experiment) -> Figure:
    """One experiment, in whichever process."""
    # pyperf divides by zero on degenerate values; that is what is being shown.
    warnings.simplefilter("ignore", RuntimeWarning)
    return experiment()
