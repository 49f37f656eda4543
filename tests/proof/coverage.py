"""Does the 95 % interval cover: for fixed n, under adaptive stopping, for p99, and where it is known not to."""

import math
from collections.abc import Callable

import numpy as np

from tests.proof import worlds
from tests.proof.figures import Array, Figure, covers, generator
from tests.proof.procedure import Procedure
from vbench.stats import envelope, noise_floor, student
from vbench.stats.envelope import Bands
from vbench.stats.stopping import Stopping
from vbench.stats.suspects import suspects

BLOCKS = (10, 15, 20, 30)
CORRELATIONS = (0.0, 0.5, 0.9)
# Beyond the four worlds of the method: published without a target, with what is known of it.
BEYOND = {
    ("exponential in the guest, baseline still", 0.03): "after few blocks of a one-sided tail an interval is narrow"
    " when large values have not come yet, and then it is low too: of the runs that ended at 15 blocks (7 %) only 45 %"
    " cover, every miss below the truth, and of those that went on to 40 blocks 98.6 %. Asking for two narrow looks"
    " in a row was tried and gives 93.6 %. With fixed n the same errors are covered: give a metric with such a tail a"
    " fixed number of blocks",
}
TOO_SOON = (
    "as with adaptive stopping, an interval of few blocks of such a tail can be narrow and low. A first look after 15"
    " blocks in place of 10 gives 93.1 %"
)
SHAPES = 2000  # of the experiments are looked at for what the tool suspects


def fixed(procedure: Procedure, runs: int, errors: str, blocks: int, correlation: float) -> Figure:
    d = worlds.pairs(errors, correlation, runs, blocks, generator("coverage", errors, blocks, correlation))
    low, high = procedure.report(d)
    bands = envelope.bands(d)
    beside = {
        "t alone": covers(bands.t_low, bands.t_high),
        "bootstrap-t alone": covers(bands.bootstrap_low, bands.bootstrap_high),
        "width / t": float(np.mean((bands.high - bands.low) / (bands.t_high - bands.t_low))),
    }
    case = f"{errors}, n = {blocks}, correlation {correlation:g}"
    return Figure("coverage", case, covers(low, high), runs, 0.94, 0.98, beside=beside)


def four_arms(procedure: Procedure, runs: int, errors: str, blocks: int) -> Figure:
    """(loaded - sham) - (native loaded - native sham), each arm with its own errors."""
    random = generator("four arms", errors, blocks)
    own, native = (worlds.pairs(errors, 0.5, runs, blocks, random) for _ in range(2))
    low, high = procedure.report(own - native)
    case = f"{errors}, n = {blocks}"
    return Figure("coverage of four arms", case, covers(low, high), runs, 0.94, 0.98)


def coarse(procedure: Procedure, runs: int, errors: str, blocks: int) -> Figure:
    """Most blocks are equal: coverage where an interval is given, which is not always."""
    d = worlds.COARSE[errors](generator("coarse", errors, blocks), (runs, blocks))
    low, high = procedure.report(d)
    given = np.isfinite(low) & np.isfinite(high)
    value = covers(low[given], high[given]) if given.any() else 1.0
    beside = {"interval given": float(np.mean(given))}
    case = f"{errors}, n = {blocks}"
    return Figure("coverage of coarse clocks", case, value, int(given.sum()), low=0.94, beside=beside)


def limit(procedure: Procedure, runs: int, errors: str, blocks: int) -> Figure:
    """Published without a target, with how often the tool names what it suspects."""
    d = worlds.LIMITS[errors](generator("limit", errors, blocks), (runs, blocks))
    low, high = procedure.report(d)
    return Figure("known limits", f"{errors}, n = {blocks}", covers(low, high), runs, beside=_suspected(d))


def rare(procedure: Procedure, runs: int, blocks: int) -> Figure:
    """Slow blocks that most runs do not see. Where none is seen the data hold no trace: the report says so instead."""
    d, slow = worlds.slow_blocks(generator("rare", blocks), (runs, blocks))
    low, high = procedure.report(d)
    sees = slow.any(axis=1)
    beside = _suspected(d) | {"runs that saw none": float(np.mean(~sees))}
    if not sees.all():
        beside["coverage of those"] = covers(low[~sees], high[~sees])
    case = f"{worlds.RARE * 100:.0f} % of the guest's blocks {(worlds.SLOWED - 1) * 100:.0f} % slower, n = {blocks}"
    return Figure("known limits", case, covers(low, high), runs, beside=beside)


def quiet(runs: int, blocks: int) -> Figure:
    """How often the tool suspects something where nothing is."""
    d = generator("suspects", blocks).standard_normal((runs, blocks))
    suspected = _suspected(d)
    return Figure(
        "suspicion of normal blocks", f"n = {blocks}", sum(suspected.values()), min(runs, SHAPES), beside=suspected
    )


def stopping(procedure: Procedure, runs: int, errors: str, spread: float) -> Figure:
    """δ = 2 %, looks after 15, 20, ... 40 blocks; the interval at the look that ends the run must cover."""
    rule = Stopping()
    d = worlds.pairs(errors, 0.0, runs, rule.n_max, generator("stopping", errors, spread))
    d *= spread / worlds.SPREAD / worlds.PAIR_SPREAD[errors]
    low, high, ended = _until(d, rule, procedure.stop)
    case = f"{errors}, pairs spread by {spread * 100:.2f} %"
    beside = {"mean blocks": float(ended.mean()), "reached n_max": float(np.mean(ended == rule.n_max))}
    beyond = BEYOND.get((errors, spread), "")
    target = None if beyond else 0.94
    return Figure(
        "coverage with adaptive stopping", case, covers(low, high), runs, low=target, beside=beside, remark=beyond
    )


def settling(procedure: Procedure, runs: int, errors: str, spread: float) -> Figure:
    """A benchmark of one interval, measured until it is narrow enough or out of reach; from 10 blocks on, as may be."""
    rule = Stopping(n_min=10)
    d = worlds.pairs(errors, 0.0, runs, rule.n_max, generator("settling", errors, spread))
    d *= spread / worlds.SPREAD / worlds.PAIR_SPREAD[errors]
    low, high, ended = _until(d, rule, lambda bands, rule: procedure.stop(bands, rule) | _out_of_reach(bands, rule))
    is_narrow = (high - low) / 2 <= rule.limit(0.0)
    beside = {
        "mean blocks": float(ended.mean()),
        "narrow": float(np.mean(is_narrow)),
        "out of reach": float(np.mean(~is_narrow & (ended < rule.n_max))),
    }
    case = f"{errors}, pairs spread by {spread * 100:.2f} %"
    beyond = TOO_SOON if (errors, spread) in BEYOND else ""
    target = None if beyond else 0.94
    return Figure("coverage where time pays", case, covers(low, high), runs, low=target, beside=beside, remark=beyond)


def _until(d: Array, rule: Stopping, stop: Callable[[Bands, Stopping], Array]) -> tuple[Array, Array, Array]:
    """The interval at the look that ends each experiment, and after how many blocks that was."""
    going = np.arange(len(d))
    low, high, ended = np.empty(len(d)), np.empty(len(d)), np.empty(len(d))
    for blocks in rule.looks():
        bands = envelope.bands(d[going, :blocks])
        ends = np.full(len(going), True) if blocks == rule.n_max else stop(bands, rule)
        at = going[ends]
        low[at], high[at], ended[at] = bands.low[ends], bands.high[ends], blocks
        going = going[~ends]
        if not going.size:
            break
    return low, high, ended


def _out_of_reach(bands: Bands, rule: Stopping) -> Array:
    """Rows that n_max blocks of their spread would not decide, as `stopping.settled` has it."""
    widest = np.array([rule.widest(mean) for mean in bands.mean])
    widening = np.maximum(1.0, (bands.high - bands.low) / (bands.t_high - bands.t_low))
    expected = widening * student.quantile(0.975, rule.n_max - 1) * bands.spread / math.sqrt(rule.n_max)
    return np.asarray(expected > widest)


def unbiased(procedure: Procedure, runs: int, blocks: int = 20) -> Figure:
    """The mean of what is estimated over many experiments is the mean of everything: 3 %, a one-sided tail included."""
    d = 0.03 + 0.03 * worlds.exponential(generator("unbiased", blocks), (runs, blocks))
    low, high = procedure.report(d)
    error = float(procedure.estimate(d).mean() - 0.03)
    margin = 4 * 0.03 / math.sqrt(blocks * runs)
    case = f"exponential tail, n = {blocks}: mean error of the estimate"
    beside = {"coverage": covers(low, high, 0.03)}
    return Figure("nothing is deleted", case, error, runs, -margin, margin, is_rate=False, beside=beside)


def tail_quantile(runs: int, start_spread: float, blocks: int = 10, samples: int = 2000) -> Figure:
    """p99 within each trial of 2000 lognormal latencies (σ = 0.5), a true cost of 5 %, starts spread by a constant.

    Beside it: both arms' samples pooled over the blocks, p99 with the binomial 95 % interval that takes them for
    independent, against the true p99 of this arm in all starts.
    """
    random = generator("p99", start_spread, blocks, samples)
    d, pooled = np.empty((runs, blocks)), np.empty(runs, dtype=bool)
    for run in range(runs):
        starts = start_spread * random.standard_normal((2, blocks, 1))
        log_latency = 0.5 * random.standard_normal((2, blocks, samples)) + starts
        rank = math.ceil(0.99 * samples) - 1
        within = np.partition(log_latency, rank, axis=2)[:, :, rank]
        d[run] = 0.05 + within[0] - within[1]
        pooled[run] = _pooled_covers(log_latency[0].ravel(), start_spread)
    bands = envelope.bands(d)
    case = f"{blocks} blocks × {samples} samples, starts spread by {start_spread * 100:.0f} %"
    beside = {"pooled over blocks": float(pooled.mean())}
    return Figure("p99", case, covers(bands.low, bands.high, 0.05), runs, 0.93, 0.975, beside=beside)


def floor(runs: int, truth: float, blocks: int) -> Figure:
    """The noise floor is an upper 95 % bound of what the control really differs by."""
    random = generator("floor", truth, blocks)
    d = truth + 0.0155 * random.standard_normal((runs, blocks))
    means, spreads = d.mean(axis=1), d.std(axis=1, ddof=1)
    floors = [noise_floor.floor(mean, spread, blocks) for mean, spread in zip(means, spreads, strict=True)]
    value = float(np.mean(np.array(floors) >= truth))
    return Figure("noise floor", f"a true difference of {truth * 100:.1f} %, n = {blocks}", value, runs, low=0.94)


def _suspected(d: Array) -> dict[str, float]:
    words = [splits[0].what if (splits := suspects(row)) else "" for row in d[:SHAPES]]
    return {
        "suspected: far blocks": float(np.mean(["robust" in word for word in words])),
        "suspected: two modes": float(np.mean(["two modes" in word for word in words])),
    }


def _pooled_covers(values: Array, start_spread: float) -> bool:
    truth = 2.3263478740408408 * math.hypot(0.5, start_spread)
    n, p = values.size, 0.99
    half = 1.959963984540054 * math.sqrt(n * p * (1 - p))
    lower, upper = math.floor(n * p - half) - 1, math.ceil(n * p + half) - 1
    ordered = np.partition(values, (lower, upper))
    return bool(ordered[lower] <= truth <= ordered[upper])
