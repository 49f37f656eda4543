"""Shapes of d for which the interval is known to be too short or too wide: named, never repaired or removed."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from vbench.stats.bootstrap import Array

FAR = 6.0  # robust standard deviations from the median
GAP = 4.0  # the widest gap in d against the larger spread of the two sides
LEAST_SIDE = 0.3  # of the blocks on each side of the gap
LEAST = 10


class Suspect(Struct, frozen=True):
    """One finding in words, with the blocks it rests on (places in `d`, from 0)."""

    what: str
    places: tuple[int, ...]


def suspects(d: Sequence[float]) -> tuple[Suspect, ...]:
    """Blocks far from all others, and two modes; nothing below 10 blocks or without spread.

    Far: |d - median| > 6 · 1.4826 · MAD. Two modes: at the widest gap, at least 30 % of the blocks on each side, and
    the gap at least 4 times the larger standard deviation of the sides. How often both are found where they exist,
    and where they do not, is measured in docs/proof.md.
    """
    values = np.asarray(d, dtype=np.float64)
    if values.size < LEAST or not np.isfinite(values).all() or np.ptp(values) == 0:
        return ()
    found = _modes(values) or _far(values)
    return (found,) if found else ()


def _far(values: Array) -> Suspect | None:
    centre = np.median(values)
    scale = 1.4826 * np.median(np.abs(values - centre))
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
    return Suspect(what, tuple(int(place) for place in far))


def _modes(values: Array) -> Suspect | None:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    gaps = np.diff(ordered)
    at = int(gaps.argmax()) + 1
    low, high = ordered[:at], ordered[at:]
    if min(low.size, high.size) < LEAST_SIDE * values.size:
        return None
    if gaps[at - 1] < GAP * max(low.std(ddof=1), high.std(ddof=1)):
        return None
    fewer = order[:at] if low.size <= high.size else order[at:]
    what = f"two modes, {low.size} and {high.size} blocks: the mean lies between them and describes neither"
    return Suspect(what, tuple(sorted(int(place) for place in fewer)))
