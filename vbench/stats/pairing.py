"""Makes one value a block of the numbers of several arms. A number without a partner never becomes a cost."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from vbench.errors import VbenchError
from vbench.model import Better

ROUNDING = 1e-12  # of a logarithm, or relative to the largest value: a smaller spread is rounding

MOST = 1e300
"""The largest difference: intervals, margins and their sums of this size are still numbers."""


class BadValue(VbenchError, ValueError):
    """A NaN or an infinity among the values. An earlier step failed, and no statistic may hide that."""


class Pairs(Struct, frozen=True):
    """One value d a block, in the order of the blocks; positive is worse. Without any, `why` says what is missing."""

    name: str
    blocks: tuple[int, ...] = ()
    d: tuple[float, ...] = ()  # sum over arms of weight · ln y, or of weight · y in `unit`
    unit: str = "1"  # of d: "1" for logarithms of ratios, else the metric's own
    rounding: float = ROUNDING  # a spread of d up to this is none
    why: str = ""

    @property
    def is_ratio(self) -> bool:
        return self.unit == "1"


Terms = Sequence[tuple[Mapping[int, float], float]]  # each arm's numbers by block, and its weight


def contrast(name: str, terms: Terms, better: Better, *, unit: str = "1") -> Pairs:
    """d_b = ± Σ weight · ln y_b over the blocks that all arms have; in another unit than "1" ± Σ weight · y_b.

    The sum is rounded once (fsum), so that exchanging arms changes the sign of d and not one other bit, whatever the
    number of terms. A difference beyond 1e300 makes no pairs. Raises ValueError for values without a logarithm or
    without an end.
    """
    blocks = tuple(sorted(set.intersection(*(set(values) for values, _ in terms))))
    sign = 1.0 if better == "lower" else -1.0
    measured = [values[block] for values, _ in terms for block in blocks]
    odd = next((y for y in measured if not math.isfinite(y) or (unit == "1" and y <= 0)), None)
    if odd is not None:
        raise ValueError(f"{name}: {odd!r} has no {'ratio' if unit == '1' else 'difference'}")
    if unit == "1":
        logs = [[weight * math.log(values[block]) for values, weight in terms] for block in blocks]
        return Pairs(name, blocks, tuple(sign * math.fsum(of) for of in logs))
    sums = [sign * _sum([weight * values[block] for values, weight in terms]) for block in blocks]
    if any(abs(of) > MOST for of in sums):
        return Pairs(name, unit=unit, why="no difference: too large to write")
    rounding = max(ROUNDING * max(map(abs, measured), default=0.0), math.ulp(0.0))
    return Pairs(name, blocks, tuple(sums), unit, rounding=rounding)


def _sum(values: Sequence[float]) -> float:
    """Rounded once; infinite where it is beyond the largest number."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def ratios(name: str, own: Mapping[int, float], baseline: Mapping[int, float], better: Better) -> Pairs:
    """d_b = ± ln(own_b / baseline_b) over the blocks that both arms have, without unit.

    A value that is zero or negative has no ratio: no pairs, and `why` says so (use `differences`).
    Raises BadValue, naming the pairs and the block, for NaN and infinities.
    """
    blocks, why = _common(name, own, baseline)
    low = [block for block in blocks if own[block] <= 0 or baseline[block] <= 0]
    if why or low:
        return Pairs(name, why=why or f"no ratio: a value of block {low[0]} is zero or negative")
    return contrast(name, ((own, 1.0), (baseline, -1.0)), better)


def differences(
    name: str, own: Mapping[int, float], baseline: Mapping[int, float], better: Better, *, unit: str
) -> Pairs:
    """d_b = ± (own_b - baseline_b) in the metric's unit, for metrics that can be zero or negative.

    Raises BadValue, naming the pairs and the block, for NaN and infinities.
    """
    _, why = _common(name, own, baseline)
    if why:
        return Pairs(name, unit=unit, why=why)
    return contrast(name, ((own, 1.0), (baseline, -1.0)), better, unit=unit)


def by_block(name: str, own: tuple[float, ...], baseline: tuple[float, ...], better: Better) -> Pairs:
    """Ratios of two sequences, paired by position. Sequences of unequal length make no pairs."""
    if len(own) != len(baseline) and own and baseline:
        return Pairs(name, why=f"{len(own)} values against {len(baseline)} of the baseline cannot be paired")
    return ratios(name, dict(enumerate(own, 1)), dict(enumerate(baseline, 1)), better)


def _common(name: str, own: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[tuple[int, ...], str]:
    for arm, values in (("", own), ("baseline, ", baseline)):
        for block, value in values.items():
            if not math.isfinite(value):
                raise BadValue(
                    f"{name}: {arm}block {block} holds {value!r}, which is no measurement",
                    hint="the trial that gave it should have failed: look at its raw output in the run folder",
                )
    if not own or not baseline:
        return (), "no values" if not own else "the baseline has no values"
    blocks = tuple(sorted(own.keys() & baseline.keys()))
    return blocks, "" if blocks else "no block has both arms"
