"""Works out the p-value of an envelope: the level at which its interval begins to exclude zero."""

import math

from vbench.stats import student
from vbench.stats.envelope import Envelope


def by_t(mean: float, spread: float, blocks: int) -> float:
    """2 · P(T > |mean| / (s/√n)) with n - 1 degrees of freedom; 1 without spread."""
    if blocks < 2 or not spread > 0:
        return 1.0
    return min(1.0, 2 * student.cdf(-abs(mean) / (spread / math.sqrt(blocks)), blocks - 1))


def of(envelope: Envelope) -> float:
    """The larger of the two p-values that invert the t interval and the bootstrap-t interval; 1 where there is none.

    p ≤ 0.05 exactly when the envelope excludes zero. The bootstrap's own smallest value is 2 / (B + 1) = 0.0002.
    """
    if envelope.low is None or envelope.p_bootstrap is None or envelope.mean is None or envelope.spread is None:
        return 1.0
    return max(by_t(envelope.mean, envelope.spread, envelope.blocks), envelope.p_bootstrap)
