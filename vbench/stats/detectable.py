"""Works out how small a cost a measurement of this spread can show, and how many blocks would decide."""

import math

from vbench.stats import student

POWER = 0.8
MOST_BLOCKS = 10_000  # beyond, "blocks that would decide" is no advice any more


def smallest_mean(spread: float, blocks: int, *, widening: float = 1.0, alpha: float = 0.05) -> float:
    """The |mean d| that the interval excludes from zero with a probability of 80 %, in the unit of d.

    (w · t(1 - α/2, n - 1) + t(0.8, n - 1)) · s/√n, where w ≥ 1 is how much wider the envelope is than t:
    H. S. Bloom, "Minimum detectable effects", Evaluation Review 19 (1995) 547-556.
    """
    if blocks < 2 or not spread > 0:
        raise ValueError("a smallest detectable cost needs at least two blocks and a spread")
    critical = widening * student.quantile(1 - alpha / 2, blocks - 1) + student.quantile(POWER, blocks - 1)
    return critical * spread / math.sqrt(blocks)


def half_width(spread: float, blocks: int, *, widening: float = 1.0, alpha: float = 0.05) -> float:
    """Half-width of the interval to expect from that many blocks of this spread, in the unit of d."""
    return widening * student.quantile(1 - alpha / 2, blocks - 1) * spread / math.sqrt(blocks)


def blocks_to_decide(
    mean: float, spread: float, margin: float | None, *, widening: float = 1.0, inner_widening: float = 1.0
) -> int | None:
    """The fewest blocks at which this very mean and spread give a verdict; None above 10,000.

    Either the interval excludes zero, w · t(0.975, n - 1) · s/√n < |mean|, or the 90 % interval lies within the
    margin, |mean| + v · t(0.95, n - 1) · s/√n < margin, where v ≥ 1 is how much wider that interval is than t. Both
    fall with n, so bisection finds the first.
    """

    def decides(blocks: int) -> bool:
        if _is_narrower(abs(mean), spread, blocks, widening=widening):
            return True
        return margin is not None and _is_narrower(
            margin - abs(mean), spread, blocks, widening=inner_widening, alpha=0.1
        )

    low, high = 9, MOST_BLOCKS  # verdicts begin at 10
    if not decides(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _is_narrower(limit: float, spread: float, blocks: int, *, widening: float = 1.0, alpha: float = 0.05) -> bool:
    """Whether `half_width` lies below `limit`. This takes one value of the distribution; a quantile takes about 60."""
    return limit > 0 and student.cdf(limit * math.sqrt(blocks) / (widening * spread), blocks - 1) > 1 - alpha / 2
