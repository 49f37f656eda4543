"""Identical code compared with itself: how often is a difference claimed, here and by others on the same data?"""

import math

import numpy as np

from tests.proof import peers, worlds
from tests.proof.families import p_values
from tests.proof.figures import Array, Figure, excludes, generator
from tests.proof.procedure import Procedure
from vbench.stats import envelope, multiplicity, student, two_groups

ITERATIONS = 3
TOOLS = ("pyperf compare_to", "hyperfine's Welch script", "Phoronix, beyond 2 %")


def alike(
    procedure: Procedure, runs: int, host: str, blocks: int, *, first_position: float = 0.0, arms: int = 3
) -> Figure:
    """The last of three identical arms (baseline, control, environment) against the baseline."""
    random = generator("alike", host, blocks, first_position)
    series = worlds.starts(host, runs, arms * blocks, arms * blocks, random)
    samples = worlds.iterations(series, ITERATIONS, random)
    orders = [procedure.order(arms, blocks, random) for _ in range(runs)]
    values = worlds.dealt(samples, orders, first_position=first_position)
    own, baseline = (procedure.number(values[:, :, arm]) for arm in (arms - 1, 0))
    low, high = procedure.report(own - baseline)
    first = f", first position {first_position * 100:+.0f} %" if first_position else ""
    return Figure("A/A false positives", f"{host}{first}, n = {blocks}", excludes(low, high), runs, high=0.056)


def side_by_side(procedure: Procedure, runs: int, host: str, *, blocks: int = 10, spread: float = 0.01) -> Figure:
    """One series of starts of one host; every tool deals it out in its own order and applies its own rule.

    pyperf: 10 processes of 3 values, flattened, all of A then all of B, and again with vbench's order, to tell the
    flattening from the order. hyperfine: 10 runs of A, then 10 of B. Phoronix: 3 runs each, more while they deviate.
    """
    random = generator("side by side", host, spread)
    series = worlds.starts(host, runs, 3 * blocks, 2 * blocks, random, spread=spread)
    samples = worlds.iterations(series, ITERATIONS, random)
    orders = [procedure.order(2, blocks, random) for _ in range(runs)]
    dealt = worlds.dealt(samples, orders)
    low, high = procedure.report(procedure.number(dealt[:, :, 1]) - procedure.number(dealt[:, :, 0]))
    seconds = np.exp(samples)
    beside = {
        TOOLS[0]: _pyperf(seconds[:, :blocks], seconds[:, blocks : 2 * blocks]),
        "the same, interleaved": _pyperf(np.exp(dealt[:, :, 0]), np.exp(dealt[:, :, 1])),
        TOOLS[1]: _rate(peers.hyperfine_different(seconds[:, :blocks, 0], seconds[:, blocks : 2 * blocks, 0])),
        TOOLS[2]: _rate(np.array([abs(peers.phoronix_difference(one[:, 0])) > math.log(1.02) for one in seconds])),
    }
    case = f"{host}, starts spread by {spread * 100:.0f} %"
    return Figure("tools side by side", case, excludes(low, high), runs, high=0.056, beside=beside)


def family(runs: int, *, comparisons: int = 60, blocks: int = 10) -> Figure:
    """60 A/A comparisons of one run under Holm: in how many runs is even one of them claimed?

    The cells of a run share half of their variance. Holm claims something exactly when the smallest p-value is at
    most 0.05 / 60, and no cell can get there whose t interval alone does not: the others need no bootstrap.
    """
    random = generator("family", comparisons, blocks)
    shared = random.standard_normal((runs, 1, blocks))
    d = (shared + random.standard_normal((runs, comparisons, blocks))).reshape(-1, blocks)
    t = d.mean(axis=1) / d.std(axis=1, ddof=1) * math.sqrt(blocks)
    near = np.flatnonzero(np.abs(t) >= 0.999 * student.quantile(1 - 0.025 / comparisons, blocks - 1))
    p = np.ones(len(d))
    p[near] = p_values(d[near])
    claimed = [min(multiplicity.holm(row)) <= 0.05 for row in p.reshape(runs, comparisons)]
    return Figure("family of comparisons", f"{comparisons} A/A under Holm", _rate(np.array(claimed)), runs, high=0.056)


def withheld(runs: int, *, places: int = 18, blocks: int = 15) -> Figure:
    """Clean runs of 18 benchmarks: in how many does a control differ, after Holm over the controls?"""
    random = generator("withheld", places, blocks)
    d = random.standard_normal((runs * places, blocks))
    p = p_values(d).reshape(runs, places)
    lost = [min(multiplicity.holm(row)) <= 0.05 for row in p]
    beside = {"without adjustment": _rate((p <= 0.05).any(axis=1))}
    return Figure(
        "withheld in clean runs", f"{places} controls", _rate(np.array(lost)), runs, high=0.056, beside=beside
    )


def types(runs: int, instances: int, *, blocks: int = 15) -> Figure:
    """Two identical instance types, instances spread by 3 %: is a difference of the types ever claimed?"""
    random = generator("types", instances, blocks)
    instance = 0.03 * random.standard_normal((runs, 2, instances))
    d = instance[..., None] + 0.01 * random.standard_normal((runs, 2, instances, blocks))
    means = d.mean(axis=3)
    claims = [_differs(two_groups.difference(first.tolist(), second.tolist())) for first, second in means]
    pooled = d.reshape(runs, 2, -1)
    by_block = envelope.bands(pooled[:, 1] - pooled[:, 0])
    beside = {"with blocks as the unit": excludes(by_block.low, by_block.high)}
    high = 0.0 if instances < two_groups.LEAST else 0.056
    case = f"{instances} of each type" if instances > 1 else "one instance of each type"
    return Figure("claims about types", case, _rate(np.array(claims)), runs, high=high, beside=beside)


def _differs(difference: two_groups.Difference) -> bool:
    return difference.low is not None and difference.high is not None and (difference.low > 0 or difference.high < 0)


def _pyperf(one: Array, other: Array) -> float:
    return _rate(np.array([peers.pyperf_significant(a, b) for a, b in zip(one, other, strict=True)]))


def _rate(differ: Array) -> float:
    return float(np.mean(differ))
