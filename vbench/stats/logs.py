"""Converts logarithms of ratios, the unit in which costs are computed, back to ratios.

The studentized bootstrap has ends of any length where many values are nearly equal: e to such an end is no number that
could be printed, stored or drawn, and is therefore unknown.
"""

import math

_MOST = 700.0  # e^700 is about 1e304, and its inverse is still an ordinary float


def ratio(length: float | None) -> float | None:
    """e^length; None for None and beyond 1e-304 to 1e304.

    The inverse is taken of the larger one, so that exchanged arms give inverse ratios to the last digit.
    """
    if length is None or not abs(length) <= _MOST:
        return None
    return math.exp(length) if length >= 0 else 1 / math.exp(-length)


def excess(length: float | None) -> float | None:
    """e^length - 1, exact near 0: how much more than none. None for None and above 1e304."""
    return None if length is None or not length <= _MOST else math.expm1(length)
