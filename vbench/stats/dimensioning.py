"""Works out from a pilot how many repetitions to spend at each level: on iterations, starts or blocks."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Variances = tuple[float, ...]


def spreads(pilot: NDArray[np.float64]) -> Variances:
    """S_1², S_2², ... from the innermost level (last axis of `pilot`) to the outermost, in the unit squared.

    S_i² is the mean, over all places above level i, of the variance (with r_i - 1) of the means below it:
    T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, 63-74. Biased: it holds a share
    of every lower level's variance. Raises ValueError for a level of fewer than two repetitions.
    """
    if pilot.ndim < 1 or min(pilot.shape) < 2 or not np.isfinite(pilot).all():
        raise ValueError("a pilot needs at least two finite repetitions at every level")
    variances = []
    while pilot.ndim:
        variances.append(float(pilot.var(axis=-1, ddof=1).mean()))
        pilot = pilot.mean(axis=-1)
    return tuple(variances)


def components(pilot: NDArray[np.float64]) -> Variances:
    """T_1², T_2², ...: what each level adds by itself. T_1² = S_1², T_i² = S_i² - S_{i-1}² / r_{i-1}.

    The printed paper subtracts T_{i-1}² there; its authors corrected it (libkalibera, `Data.Ti2`). An estimate can
    come out negative, which means that the level adds nothing that this pilot can see.
    """
    s = spreads(pilot)
    repetitions = pilot.shape[::-1]
    return (s[0], *(s[i] - s[i - 1] / repetitions[i - 1] for i in range(1, len(s))))


def repetitions(pilot: NDArray[np.float64], costs_s: Sequence[float], *, most: int = 1000) -> tuple[int, ...]:
    """r_1, r_2, ... for all levels but the outermost: ⌈√((c_{i+1} / c_i) · T_i² / T_{i+1}²)⌉, at least 1.

    `costs_s`: seconds of one more repetition of each level, innermost first, everything below it excluded. A level
    that adds nothing gets one repetition; where the level above adds nothing, `most` of this one pay best.
    """
    t = components(pilot)
    if len(costs_s) != len(t) or not all(math.isfinite(c) and c > 0 for c in costs_s):
        raise ValueError(f"{len(t)} levels need as many positive costs, got {costs_s!r}")
    return tuple(
        _repetitions(costs_s[i + 1] / costs_s[i], max(t[i], 0.0), max(t[i + 1], 0.0), most) for i in range(len(t) - 1)
    )


def _repetitions(cost_ratio: float, own: float, above: float, most: int) -> int:
    if own == 0:
        return 1
    if above == 0:
        return most
    return min(most, max(1, math.ceil(math.sqrt(cost_ratio * own / above))))
