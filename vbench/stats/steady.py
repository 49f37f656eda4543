"""Tells whether a workload stayed steady within a trial, and over the blocks of a run."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from vbench.stats import medians

DRIFT = 0.05  # of the first third's median
LEAST = 6  # samples of a trial, two a third
SAME_WAY = 0.01  # largest p of equal signs over blocks at which a drift is told
LABEL = "no steady state"
"""First words of the note of a trial that drifts."""


class Drift(Struct, frozen=True):
    """The last third of a trial's iterations against its first: medians in the unit of the samples, `change` in 1."""

    first: float
    last: float
    change: float  # last / first - 1
    is_steady: bool


class Signs(Struct, frozen=True):
    """The number of changes with the more frequent sign, and the probability of as many by chance."""

    count: int  # without those that are exactly 0
    same: int
    p: float


class ChangePoint(Struct, frozen=True):
    """The most probable place of one lasting change in a series, and the probability of one as clear by chance."""

    after: int  # values before the change
    p: float
    shift: float  # median after minus median before, in the unit of the values


def drift(samples: Sequence[float], *, tolerance: float = DRIFT) -> Drift | None:
    """Not steady when the medians of the thirds differ by more than 5 % and the thirds do not overlap.

    A label, never a reason to extend or drop a trial. None below 6 samples. Positive samples only.
    """
    third = len(samples) // 3
    if len(samples) < LEAST:
        return None
    first, last = samples[:third], samples[-third:]
    before, after = medians.middle(first), medians.middle(last)
    if not (math.isfinite(before) and math.isfinite(after) and before > 0):
        raise ValueError("a drift needs positive finite samples")
    apart = max(first) < min(last) or max(last) < min(first)
    change = after / before - 1
    return Drift(before, after, change, not (apart and abs(change) > tolerance))


def signs(changes: Sequence[float]) -> Signs:
    """The two-sided sign test: p = 2 · Σ_{i≥k} C(n, i) / 2ⁿ, at most 1; what is exactly 0 is left out.

    It asks for no distribution and no size of the changes. J. Arbuthnot, Philosophical Transactions 27 (1710) 186-190;
    W. J. Dixon and A. M. Mood, "The statistical sign test", Journal of the American Statistical Association 41 (1946)
    557-566. Below 8 changes no p is at most 0.01.
    """
    up, down = (sum(turn * change > 0 for change in changes) for turn in (1, -1))
    count, same = up + down, max(up, down)
    tail = chosen = 1  # C(n, n), and from each the one below
    for k in range(count, same, -1):
        chosen = chosen * k // (count - k + 1)
        tail += chosen
    return Signs(count, same, min(1.0, 2 * tail / 2**count))


def change_point(values: Sequence[float]) -> ChangePoint | None:
    """Pettitt's rank test for one change of level at an unknown place, over the blocks in the order they ran.

    U_t = Σ_{i≤t} Σ_{j>t} sgn(x_i - x_j), K = max |U_t|, p ≈ 2 · exp(-6 K² / (n³ + n²)): A. N. Pettitt, "A
    non-parametric approach to the change-point problem", Applied Statistics 28 (1979) 126-135. None below 8 values.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 8:
        return None
    if not np.isfinite(x).all():
        raise ValueError("a change point needs finite values")
    signs = np.sign(x[:, None] - x[None, :])
    u = np.array([signs[:t, t:].sum() for t in range(1, x.size)])
    at = int(np.argmax(np.abs(u))) + 1
    k, n = float(np.abs(u).max()), x.size
    p = min(1.0, 2 * math.exp(-6 * k * k / (n**3 + n**2)))
    return ChangePoint(at, p, medians.median(x[at:]) - medians.median(x[:at]))
