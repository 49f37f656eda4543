"""Names shapes of d for which the interval is known to be too short or too wide. No block is removed or corrected."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from vbench.stats.bootstrap import Array
from vbench.stats.medians import median

FAR = 6.0  # robust standard deviations from the median
APART = 5.0  # Ashman's D at the split of the sorted blocks where it is largest
LEAST_SIDE = 0.3  # of the blocks on each side of that split
LEAST = 10

Splits = Callable[[Array], list[int]]  # of sorted values: how many are on the low side


class Suspect(Struct, frozen=True):
    """One suspicious shape in words, with the blocks that show it (positions in `d`, from 0)."""

    what: str
    positions: tuple[int, ...]


def suspects(d: Sequence[float], splits: Splits | None = None) -> tuple[Suspect, ...]:
    """Blocks far from all others, and two modes; nothing below 10 blocks or without spread.

    Far: |d - median| > 6 · 1.4826 · MAD. Two modes: the sorted blocks split, at least 30 % on each side, so that the
    means of the sides are at least 5 of their standard deviations apart. How often both are found where they exist,
    and where they do not, is measured in docs/reference/proof.md. `splits` are those that are looked at, by default
    `likely_splits`.
    """
    values = np.asarray(d, dtype=np.float64)
    if values.size < LEAST or not np.isfinite(values).all() or np.ptp(values) == 0:
        return ()
    values = np.ldexp(values, -np.frexp(np.abs(values).max())[1])  # so that no square overflows
    suspect = _modes(values, splits or likely_splits) or _far(values)
    return (suspect,) if suspect else ()


def _far(values: Array) -> Suspect | None:
    centre = median(values)
    scale = 1.4826 * median(np.abs(values - centre))
    if scale == 0:
        return None
    far = np.flatnonzero(np.abs(values - centre) > FAR * scale)
    if not far.size:
        return None
    worst = float(np.abs(values[far] - centre).max() / scale)
    what = (
        f"{far.size} of {values.size} blocks lie up to {worst:.0f} robust standard deviations from the rest: "
        "rare large disturbances are undercounted, and the interval is probably too short"
    )
    return Suspect(what, tuple(int(position) for position in far))


def _modes(values: Array, splits: Splits) -> Suspect | None:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    at = max(splits(ordered), key=lambda split: _apart(ordered[:split], ordered[split:]))
    low, high = order[:at], order[at:]
    if _apart(ordered[:at], ordered[at:]) < APART:
        return None
    fewer = low if low.size <= high.size else high
    what = f"two modes, {low.size} and {high.size} blocks: the mean lies between them and describes neither"
    return Suspect(what, tuple(sorted(int(position) for position in fewer)))


def likely_splits(ordered: Array) -> list[int]:
    """The splits whose D may be the largest, by running sums: exact D's of all splits take most of a large report.

    Running sums give the variance of a side with an error of about n · 1e-16 of the squared range. A split whose
    variance is less than a millionth of that is always a candidate, and so is one within a millionth of the largest D.
    """
    least, n = math.ceil(LEAST_SIDE * ordered.size), ordered.size
    splits, size = np.arange(least, n - least + 1), float(ordered[-1] - ordered[0])
    if not 1e-100 < size < 1e100:  # the square of a deviation may be no float
        every: list[int] = splits.tolist()
        return every
    unit = (ordered - ordered[0]) / size
    sums, squares = np.cumsum(unit), np.cumsum(np.square(unit))
    low, high = sums[splits - 1], sums[-1] - sums[splits - 1]
    low_squares, high_squares = squares[splits - 1], squares[-1] - squares[splits - 1]
    above = n - splits
    variance = (low_squares - low**2 / splits) / (splits - 1) + (high_squares - high**2 / above) / (above - 1)
    is_small = variance < 1e-6
    apart = (high / above - low / splits) / np.sqrt(np.where(is_small, 1.0, variance) / 2)
    largest = apart[~is_small].max(initial=0.0)
    chosen: list[int] = splits[is_small | (apart >= largest * (1 - 1e-6))].tolist()
    return chosen


def _apart(low: Array, high: Array) -> float:
    """Ashman's D = |mean - mean| / √((s² + s²) / 2): K. M. Ashman et al., Astronomical Journal 108 (1994) 2348."""
    spread = math.sqrt((low.var(ddof=1) + high.var(ddof=1)) / 2)
    return math.inf if spread == 0 else float(high.mean() - low.mean()) / spread
