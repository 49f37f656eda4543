"""The pairs of one cell, as ratios or differences: what has no partner, or is no number, never becomes a cost."""

import math
from collections.abc import Mapping

from msgspec import Struct

from vbench.errors import VbenchError
from vbench.model import Better
from vbench.stats.paired import log_costs

ROUNDING = 1e-12  # of a logarithm, or relative to the largest value: a spread up to here is what rounding leaves


class BadValue(VbenchError, ValueError):
    """A NaN or an infinity: some earlier step failed and must say so itself; no statistic may hide it."""


class Pairs(Struct, frozen=True):
    """One value a block, in the order of the blocks; positive is worse. Without any, `why` says what is missing."""

    cell: str
    blocks: tuple[int, ...] = ()
    d: tuple[float, ...] = ()  # ln(own / baseline), or own - baseline in the metric's unit; sign turned by `better`
    unit: str = "1"  # of d: "1" for logarithms of ratios, else the metric's own
    rounding: float = ROUNDING  # a spread of d up to this is none
    why: str = ""

    @property
    def is_ratio(self) -> bool:
        return self.unit == "1"


def ratios(cell: str, own: Mapping[int, float], baseline: Mapping[int, float], better: Better) -> Pairs:
    """d_b = ± ln(own_b / baseline_b) over the blocks that both arms have, without unit.

    A value that is zero or negative has no ratio: no pairs, and `why` says so (use `differences`).
    Raises BadValue, naming the cell and the block, for NaN and infinities.
    """
    blocks, why = _common(cell, own, baseline)
    low = [block for block in blocks if own[block] <= 0 or baseline[block] <= 0]
    if why or low:
        return Pairs(cell, why=why or f"no ratio: a value of block {low[0]} is zero or negative")
    d = log_costs([own[b] for b in blocks], [baseline[b] for b in blocks], better)
    return Pairs(cell, blocks, tuple(d))


def differences(
    cell: str, own: Mapping[int, float], baseline: Mapping[int, float], better: Better, *, unit: str
) -> Pairs:
    """d_b = ± (own_b - baseline_b) in the metric's unit, for metrics that can be zero or negative.

    Raises BadValue, naming the cell and the block, for NaN and infinities.
    """
    blocks, why = _common(cell, own, baseline)
    if why:
        return Pairs(cell, unit=unit, why=why)
    sign = 1.0 if better == "lower" else -1.0
    largest = max(abs(values[block]) for block in blocks for values in (own, baseline))
    d = tuple(sign * (own[block] - baseline[block]) for block in blocks)
    return Pairs(cell, blocks, d, unit, rounding=max(ROUNDING * largest, math.ulp(0.0)))


def by_block(cell: str, own: tuple[float, ...], baseline: tuple[float, ...], better: Better) -> Pairs:
    """Ratios of two bare sequences, paired by place alone: unequal numbers are not paired at all."""
    if len(own) != len(baseline) and own and baseline:
        return Pairs(cell, why=f"{len(own)} values against {len(baseline)} of the baseline cannot be paired")
    return ratios(cell, dict(enumerate(own, 1)), dict(enumerate(baseline, 1)), better)


def _common(cell: str, own: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[tuple[int, ...], str]:
    for arm, values in (("", own), ("baseline, ", baseline)):
        for block, value in values.items():
            if not math.isfinite(value):
                raise BadValue(
                    f"{cell}: {arm}block {block} holds {value!r}, which is no measurement",
                    hint="the trial that gave it should have failed: look at its raw output in the run folder",
                )
    if not own or not baseline:
        return (), "no values" if not own else "the baseline has no values"
    blocks = tuple(sorted(own.keys() & baseline.keys()))
    return blocks, "" if blocks else "no block has both arms"
