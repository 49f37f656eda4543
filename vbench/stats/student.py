"""Student's t distribution in plain floats, because importing scipy takes longer than the whole analysis."""

import math
from functools import lru_cache

_TINY = 1e-300
_CLOSE = 1e-16


def cdf(t: float, df: float) -> float:
    """P(T <= t) with `df` degrees of freedom.

    P(|T| > t) = I_x(df/2, 1/2) at x = df / (df + t²): Abramowitz and Stegun, 26.7.1 and 26.5.27.
    """
    _check_df(df)
    if math.isnan(t):
        return math.nan
    tail = _upper_tail(abs(t), df)
    return 1 - tail if t > 0 else tail


@lru_cache(maxsize=1024)
def quantile(p: float, df: float) -> float:
    """The t with `cdf(t, df) = p`; raises ValueError unless 0 < p < 1 and df > 0. Symmetric to the last bit."""
    _check_df(df)
    if not 0 < p < 1:
        raise ValueError(f"a probability lies between 0 and 1, got {p!r}")
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -_upper_quantile(p, df)
    return _upper_quantile(1 - p, df)


def _check_df(df: float) -> None:
    if not (math.isfinite(df) and df > 0):
        raise ValueError(f"degrees of freedom are positive, got {df!r}")


def _upper_quantile(tail: float, df: float) -> float:
    """Bisection: the tail is monotone, and halving a bracket cannot fail where Newton's step can."""
    low, high = 0.0, 1.0
    while _upper_tail(high, df) > tail:
        low, high = high, high * 2
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if _upper_tail(middle, df) > tail:
            low = middle
        else:
            high = middle


def _upper_tail(t: float, df: float) -> float:
    if math.isinf(t):
        return 0.0
    square = t * t
    return _incomplete_beta(df / (df + square), square / (df + square), df / 2) / 2


def _incomplete_beta(x: float, rest: float, a: float) -> float:
    """I_x(a, 1/2), with `rest` = 1 - x given apart so that nothing cancels near x = 1."""
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    b = 0.5
    log_front = a * math.log(x) + b * math.log(rest) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(rest, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes, 6.4)."""
    c, sum_ab = 1.0, a + b
    d = 1 / _away_from_zero(1 - sum_ab * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        at = a + 2 * m
        step = m * (b - m) * x / ((at - 1) * at)
        # Written out: calls of _away_from_zero here take a fifth of the time of a quantile.
        d, c = 1 + step * d, 1 + step / c
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = c if abs(c) > _TINY else _TINY
        value *= d * c
        step = -(a + m) * (sum_ab + m) * x / (at * (at + 1))
        d, c = 1 + step * d, 1 + step / c
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = c if abs(c) > _TINY else _TINY
        factor = d * c
        value *= factor
        if abs(factor - 1) <= _CLOSE * 4:
            return value
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
