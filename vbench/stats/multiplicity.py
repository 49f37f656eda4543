"""Many comparisons in one run: p-values raised so that a claim means what it says."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vbench.stats.bootstrap import Array

MOST_CONFIRMATORY = 5  # comparisons that a suite may declare confirmatory


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values that bound the chance of even one false claim: max over j ≤ i of (m - j + 1) · p_(j).

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)
    65-70; holds under any dependence. Raises ValueError for what is no probability.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return _back(order, raised)


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values that bound the expected share of false claims: min over j ≥ i of m · p_(j) / j.

    Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300; holds under
    independence and positive dependence, hence marked exploratory. Raises ValueError for what is no probability.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    return _back(order, np.minimum.accumulate(scaled[::-1])[::-1])


def _checked(p: Sequence[float]) -> Array:
    values = np.array(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a p-value lies between 0 and 1")
    return values


def _back(order: NDArray[np.intp], raised: Array) -> tuple[float, ...]:
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1.0, raised)
    return tuple(float(value) for value in adjusted)
