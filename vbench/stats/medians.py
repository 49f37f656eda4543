"""Medians that no sum overflows. numpy's own imports numpy.ma, which takes a tenth of a second."""

import math
from collections.abc import Sequence
from statistics import median as _median

import numpy as np

from vbench.stats.bootstrap import Array


def median(values: Array) -> float:
    """The middle value, or half the sum of the two middle ones; the same to the last bit as `middle`."""
    middle, odd = divmod(len(values), 2)
    if odd:
        return float(np.partition(values, middle)[middle])
    low, high = map(float, np.partition(values, (middle - 1, middle))[[middle - 1, middle]])
    half_sum = (low + high) / 2
    return half_sum if math.isfinite(half_sum) else low / 2 + high / 2


def middle(values: Sequence[float]) -> float:
    """The median of a sequence, also where the sum of the two values in the middle is beyond the largest number."""
    centre = _median(values)
    if math.isinf(centre) and all(map(math.isfinite, values)):
        return 2 * _median(value / 2 for value in values)
    return centre
