"""Works out the p-value of an envelope: the level at which its interval begins to exclude zero."""

import math

from vbench.stats import student
from vbench.stats.bootstrap import RESAMPLES
from vbench.stats.envelope import Envelope

LEAST = 2 / (RESAMPLES + 1)
"""The bootstrap's smallest p: no resample has a t* as far out as the observed t."""
BEYOND = 3
"""What the observed t is divided by where the bootstrap cannot tell more.

Student's own p is too small so far out. The tail of t of n independent values is C · t^-(n - 1), and C depends on their
distribution, so the tails of two distributions differ by a factor of t. An exponential tail makes that factor large
(H. Hotelling, 4th Berkeley Symposium 1 (1961) 319-359). docs/reference/proof.md has the false claims that remain.
"""


def by_t(mean: float, spread: float, blocks: int) -> float:
    """2 · P(T > |mean| / (s/√n)) with n - 1 degrees of freedom; 1 without spread."""
    if blocks < 2 or not spread > 0:
        return 1.0
    return min(1.0, 2 * student.cdf(-abs(mean) / (spread / math.sqrt(blocks)), blocks - 1))


def beyond_bootstrap(mean: float, spread: float, blocks: int) -> float:
    """The p that stands for the bootstrap's where that is `LEAST`: Student's of a third of t, if it is smaller still.

    With 9999 resamples alone no cell of more than 250 could be claimed by itself, however large its cost.
    """
    return min(LEAST, by_t(mean / BEYOND, spread, blocks))


def of(envelope: Envelope) -> float:
    """The larger of the two p-values that invert the t interval and the bootstrap-t interval; 1 where there is none.

    p ≤ 0.05 exactly when the envelope excludes zero. Where no resample reaches the observed t, `beyond_bootstrap`
    stands for the bootstrap's p.
    """
    if envelope.low is None or envelope.p_bootstrap is None or envelope.mean is None or envelope.spread is None:
        return 1.0
    mean, spread, blocks = envelope.mean, envelope.spread, envelope.blocks
    p = envelope.p_bootstrap
    return max(by_t(mean, spread, blocks), p if p > LEAST else beyond_bootstrap(mean, spread, blocks))
