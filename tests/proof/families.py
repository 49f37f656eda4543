"""Large families of comparisons: what is claimed where nothing differs, and whether a single cost is found."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from tests.proof import worlds
from tests.proof.figures import Array, Figure, generator
from vbench.stats import bootstrap, envelope, multiplicity, pvalues, student
from vbench.stats.pairing import Pairs

Adjust = Callable[[Sequence[float]], tuple[float, ...]]
COMPARISONS = 1000
LEAST_RUNS = 20
MORE = 39_999  # resamples, with which the smallest p is 0.05 / 1000
SCREEN = 0.0025
LIMITS = {
    ("exponential in the guest, baseline still", 10): "10 blocks know too little of such a tail, for Student's t as for"
    " the bootstrap, and Benjamini-Hochberg claims several cells at p = 0.0002 together. The rule for smaller p adds"
    " what lies between this figure and the one in the column p ≥ 0.0002",
}


def many(runs: int, errors: str, blocks: int) -> Figure:
    """1,000 A/A comparisons of one run: in how many runs is even one of them claimed under Benjamini-Hochberg?

    Beside it the same under Holm, and with other p-values where no resample reaches the observed t. Only cells that
    Student alone puts at p ≤ 0.0025 are looked at: the others matter from 51 such cells in one run on.
    """
    d, owners = _near(runs, errors, blocks)
    bands = envelope.bands(d)
    here, whole, least = p_values(d), *(p_of(bands, blocks, beyond) for beyond in (1.0, math.inf))
    more = np.where(bands.p_bootstrap > pvalues.LEAST, whole, np.maximum(whole, _of_more(d, bands)))

    def claimed(p: Array, adjust: Adjust) -> float:
        families = ([*p[owners == run], *[1.0] * COMPARISONS][:COMPARISONS] for run in np.unique(owners))
        return sum(min(adjust(family)) <= 0.05 for family in families) / runs

    beside = {
        "Holm": claimed(here, multiplicity.holm),
        "Holm, Student's p": claimed(whole, multiplicity.holm),
        "Holm, 39,999 resamples": claimed(more, multiplicity.holm),
        "p ≥ 0.0002": claimed(least, multiplicity.benjamini_hochberg),
    }
    limit = LIMITS.get((errors, blocks), "")
    value = claimed(here, multiplicity.benjamini_hochberg)
    high = None if limit else 0.056
    case = f"{errors}, n = {blocks}"
    return Figure("family of 1,000 comparisons", case, value, runs, high=high, beside=beside, remark=limit)


def alone(runs: int, cost: float, blocks: int) -> Figure:
    """A cost that alone among 1,000 cells differs: it is claimed when its own p is at most 0.05 / 1,000."""
    random = generator("alone", cost, blocks)
    d = math.log1p(cost) + 0.01 * random.standard_normal((runs, blocks))
    cells = [Pairs("", tuple(range(blocks)), tuple(row)) for row in d.tolist()]
    claimed = [pvalues.of(one) <= 0.05 / COMPARISONS for one in envelope.envelopes(cells)]
    case = f"a cost of {cost * 100:.0f} %, pairs spread by 1 %, n = {blocks}"
    least = 0.9 if cost >= 0.1 and blocks >= 15 else None
    return Figure("one cost among 1,000", case, float(np.mean(claimed)), runs, low=least)


def p_values(d: Array) -> Array:
    """The p-value that the product gives the envelope of each row."""
    rows = d.tolist()
    cells = [Pairs(f"row {number}", tuple(range(len(row))), tuple(row)) for number, row in enumerate(rows)]
    return np.array([pvalues.of(found) for found in envelope.envelopes(cells)])


def p_of(bands: envelope.Bands, blocks: int, beyond: float) -> Array:
    """`pvalues.of` for rows, with another number in place of `pvalues.BEYOND`: what the product does not do."""
    each = list(zip(bands.mean, bands.spread, strict=True))
    by_t = np.array([pvalues.by_t(mean, spread, blocks) for mean, spread in each])
    far = np.array([pvalues.by_t(mean / beyond, spread, blocks) for mean, spread in each])
    by_bootstrap = np.where(bands.p_bootstrap > pvalues.LEAST, bands.p_bootstrap, np.minimum(pvalues.LEAST, far))
    return np.maximum(by_t, by_bootstrap)


def _near(runs: int, errors: str, blocks: int) -> tuple[Array, Array]:
    """The cells of all runs that Student alone puts at p ≤ 0.0025, and the run of each."""
    random = generator("many", errors, blocks)
    least = student.quantile(1 - SCREEN / 2, blocks - 1) / math.sqrt(blocks)
    rows = []
    for _ in range(runs):
        d = worlds.pairs(errors, 0.0, COMPARISONS, blocks, random)
        rows.append(d[np.abs(d.mean(axis=1)) >= least * d.std(axis=1, ddof=1)])
    return np.concatenate(rows), np.repeat(np.arange(runs), [len(row) for row in rows])


def _of_more(d: Array, bands: envelope.Bands) -> Array:
    """The bootstrap's p by four times the resamples, where no resample of the usual ones reaches the observed t."""
    p = np.ones(len(d))
    for cell in np.flatnonzero(bands.p_bootstrap <= pvalues.LEAST):
        oriented, _ = envelope._canonical(d[[cell]])
        mean = oriented.mean(axis=1, keepdims=True)
        t = mean / (bands.spread[cell] / math.sqrt(d.shape[1]))
        t_star = bootstrap.studentized(oriented - mean, resamples=MORE)
        p[cell] = envelope._two_sided(t_star, t)[0]
    return p
