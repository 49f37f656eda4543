"""The procedure under proof as six exchangeable steps, and the mutations that must not survive it."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct, structs
from numpy.random import Generator

from tests.proof.figures import Array
from vbench.stats import bootstrap, envelope, order
from vbench.stats.envelope import Bands
from vbench.stats.stopping import Stopping

Interval = tuple[Array, Array]


def medians(samples: Array) -> Array:
    """(experiments, blocks, iterations) to one number a block."""
    return np.median(samples, axis=2)


def reported(d: Array) -> Interval:
    bands = envelope.bands(d)
    return bands.low, bands.high


def on_width(bands: Bands, rule: Stopping) -> Array:
    """`stopping.done` of every row."""
    limits = np.array([rule.limit(mean) for mean in bands.mean])
    return (bands.high - bands.low) / 2 <= limits


def everything(d: Array) -> Array:
    """Which blocks enter: all of them."""
    return np.ones(d.shape, dtype=bool)


class Procedure(Struct, frozen=True):
    name: str = "vbench"
    number: Callable[[Array], Array] = medians
    order: Callable[[int, int, Generator], list[tuple[int, ...]]] = order.balanced
    keep: Callable[[Array], Array] = everything
    interval: Callable[[Array], Interval] = reported
    stop: Callable[[Bands, Stopping], Array] = on_width

    def report(self, d: Array) -> Interval:
        """Low and high of every row, of the blocks that enter."""
        kept = self.keep(d)
        low, high = np.empty(len(d)), np.empty(len(d))
        for size in np.unique(kept.sum(axis=1)):
            rows = np.flatnonzero(kept.sum(axis=1) == size)
            low[rows], high[rows] = self.interval(d[rows][kept[rows]].reshape(len(rows), size))
        return low, high

    def estimate(self, d: Array) -> Array:
        """The mean of the blocks that enter."""
        kept = self.keep(d)
        return np.where(kept, d, 0.0).sum(axis=1) / kept.sum(axis=1)


VBENCH = Procedure()


# --- mutations --------------------------------------------------------------------------------------------------


def flattened(samples: Array) -> Array:
    """Every iteration counts as if it were a block."""
    return samples.reshape(len(samples), -1)


def sequential(arms: int, blocks: int, random: Generator) -> list[tuple[int, ...]]:
    """All of the first arm, then all of the second: as blocks, each slot of the series is dealt out in that order."""
    slots = np.repeat(np.arange(arms), blocks).reshape(blocks, arms)
    return [tuple(int(arm) for arm in row) for row in slots]


def percentile(d: Array) -> Interval:
    """The percentile bootstrap in place of the envelope."""
    mean = d.mean(axis=1, keepdims=True)
    means = np.sort((d - mean) @ bootstrap.weights(d.shape[1]), axis=1)
    low, high = bootstrap.tails(means, 0.05)
    return mean[:, 0] + low, mean[:, 0] + high


def within_two_deviations(d: Array) -> Array:
    """Blocks beyond two standard deviations are deleted."""
    return np.abs(d - d.mean(axis=1, keepdims=True)) <= 2 * d.std(axis=1, ddof=1, keepdims=True)


def on_significance(bands: Bands, rule: Stopping) -> Array:
    return (bands.low > 0) | (bands.high < 0)


MUTATIONS = (
    structs.replace(VBENCH, name="flatten clusters", number=flattened),
    structs.replace(VBENCH, name="sequential order", order=sequential),
    structs.replace(VBENCH, name="percentile bootstrap", interval=percentile),
    structs.replace(VBENCH, name="stop on p", stop=on_significance),
    structs.replace(VBENCH, name="trim at 2σ", keep=within_two_deviations),
)
