"""Tells how many false positives chance explains: the binomial distribution in plain floats."""

import math
from collections.abc import Callable


def above(k: int, n: int, p: float) -> float:
    """P(X > k) of a binomial X: the sum of C(n, i) p^i (1 - p)^(n - i) over i > k."""
    if not (0 <= p <= 1 and n >= 0):
        raise ValueError(f"no binomial distribution has n = {n} and p = {p}")
    return min(1.0, math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(max(0, k + 1), n + 1)))


def most_by_chance(n: int, p: float = 0.05, *, alpha: float = 0.05) -> int:
    """The smallest k with P(X > k) ≤ α: where all is right, at most one validation in 1/α shows more than k."""
    return next(k for k in range(n + 1) if above(k, n, p) <= alpha)


def rate_interval(k: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of the rate behind k of n: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404-413."""
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"{k} of {n} has no rate")
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _solve(lambda p: above(k - 1, n, p) > tail)
    high = 1.0 if k == n else _solve(lambda p: above(k, n, p) > 1 - tail)
    return low, high


def _solve(beyond: Callable[[float], bool]) -> float:
    """The p at which a condition that is false at 0 becomes true, by bisection to the last bit but a few."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return (low + high) / 2
