"""Words for the bounds of a cost, made from its interval as it is printed: no sentence says more than the interval.

A bound is rounded outwards, and it holds the exact end as well as the end that stands beside it in three digits.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from vbench.text import end, number
from vbench.units import show_up

TIMES_FROM = 2.0
"""Smallest cost that is written as a ratio instead of a percentage."""
_RATIO = "1"


class Bounds(Struct, frozen=True):
    """A finite 95 % interval, of a ratio or of a difference in `unit`; above 1, or above 0, is worse."""

    low: float
    high: float
    is_ratio: bool = True
    unit: str = _RATIO

    @property
    def side(self) -> int:
        """1 if the whole interval is worse than no cost, -1 if it is better, 0 if it contains no cost."""
        none = 1 if self.is_ratio else 0
        return (self.low > none) - (self.high < none)

    @property
    def cost(self) -> str:
        """The largest cost within the interval. Empty if the interval has none."""
        if not self.is_ratio:
            return show_up(self.high, self.unit) if self.high > 0 else ""
        _, high = self._outer()
        if self.high <= 1:
            return ""
        return percent_up(high - 1) if high < Decimal(TIMES_FROM) else f"{_number_up(high)}×"

    @property
    def gain(self) -> str:
        """The largest gain within the interval. Empty if the interval has none, or one of more than half."""
        if not self.is_ratio:
            return show_up(-self.low, self.unit) if self.low < 0 else ""
        low, _ = self._outer()
        return percent_up(1 - low) if 1 / TIMES_FROM < self.low < 1 else ""

    @property
    def excluded(self) -> str:
        """The sentence on the costs and gains beyond the interval. Empty if no bound is worth a word."""
        if self.cost and self.gain:
            return f"a cost above {self.cost} is excluded, a gain above {self.gain} too"
        return f"a cost above {self.cost} is excluded" if self.cost else self._excluded_gain

    @property
    def _excluded_gain(self) -> str:
        return f"a gain above {self.gain} is excluded" if self.gain else ""

    @property
    def sizes(self) -> str:
        """`8.0 to 16.0 %`: the distances of the ends from 1, of an interval of ratios that does not contain 1."""
        low, high = self._outer()
        first, last = (low - 1, high - 1) if self.side > 0 else (1 - high, 1 - low)
        return f"{_percent(max(first, Decimal(0)), ROUND_FLOOR)} to {percent_up(last)}"

    def equivalent(self, margin: float) -> str:
        """The sentence on a cost whose 90 % interval lies within `margin`: a ratio minus 1, or a length in `unit`.

        Only an interval that lies within the margin as well is said to differ by less.
        """
        limit = self.written(margin)
        if self._is_within(margin):
            return f"differs by less than {limit}" if self.side else f"any difference is smaller than {limit}"
        beyond = f": {self.excluded}" if self.excluded else ""
        return f"the 90 % interval lies within ± {limit}, the 95 % interval does not{beyond}"

    def reach(self, middle: float) -> str:
        """The length behind a `±` that holds both ends around a printed cost: relative to a ratio, else in `unit`."""
        if not self.is_ratio:
            printed = float(f"{middle:.3g}")
            return show_up(max(self.high - printed, printed - self.low), self.unit)
        low, high = self._outer()
        ratio = Decimal(number(middle))
        return percent_up(max(high / ratio - 1, 1 - low / ratio))

    def written(self, margin: float) -> str:
        """A margin, rounded up."""
        return percent_up(_exactly(margin)) if self.is_ratio else show_up(margin, self.unit)

    def _is_within(self, margin: float) -> bool:
        if not self.is_ratio:
            return -margin <= self.low and self.high <= margin
        low, high = self._outer()
        return max(high - 1, 1 - low) <= _exactly(margin)

    def _outer(self) -> tuple[Decimal, Decimal]:
        """The ends, exact or as printed, whichever lie farther out."""
        low, high = (Decimal(repr(value)) for value in (self.low, self.high))
        return min(low, Decimal(end(self.low))), max(high, Decimal(end(self.high)))


def percent_up(share: float | Decimal) -> str:
    """A share or a ratio minus 1 as a bound from above: `0.44 %`, `2.0 %`, `12.4 %`."""
    return f"{_percent(share if isinstance(share, Decimal) else _exactly(share), ROUND_CEILING)} %"


def _percent(share: Decimal, rounding: str) -> str:
    value = share * 100
    if value > 10**6:
        return _number_up(value)
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return str(value.quantize(Decimal(1).scaleb(-digits), rounding))


def _number_up(value: Decimal) -> str:
    """The digits of `text.number`, rounded up."""
    text = Decimal(number(float(value)))
    return str(text if text >= value else text + Decimal(1).scaleb(int(text.as_tuple().exponent))).lower()


def _exactly(value: float) -> Decimal:
    """A length that was computed, without its rounding: e^ln(1.02) - 1 is 2 %, not a little more."""
    return Decimal(f"{value:.12g}")
