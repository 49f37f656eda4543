"""Works out the noise floor: how large a cost this host may show between the baseline and itself."""

import math

from vbench.stats import student


def floor(mean: float, spread: float, blocks: int, *, alpha: float = 0.05) -> float:
    """Upper 95 % bound of |mean of ln(control / baseline)|: |mean| + t(1 - α, n - 1) · s/√n, of a logarithm.

    The floor is the smallest margin at which two one-sided t tests would call control and baseline equivalent. It is a
    property of host and benchmark, is printed, and never widens the margin. Raises ValueError without spread.
    """
    if blocks < 2 or not spread > 0:
        raise ValueError("a noise floor needs at least two blocks and a spread")
    return abs(mean) + student.quantile(1 - alpha, blocks - 1) * spread / math.sqrt(blocks)
