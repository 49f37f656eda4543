"""Prints ratios, intervals, names that nobody vouches for, and what a message calls a command."""

import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from pathlib import PurePosixPath

from vbench.model import Cost, Verdict
from vbench.units import DASH, show

TIMES = "×"
_KEPT_CONTROLS = "\n\t"
_UNUSUAL = re.compile(r"[^ -~]")  # what need not be looked up
_LEAST, _MOST = 1e-3, 1e6  # beyond, three significant digits with an exponent: the others are zeros or noise

_WRAPPERS = {"taskset": 2, "chroot": 1}
"""Commands that run another one, and how many words of their own they have before it."""
_USUAL = ("-I", "-S", "surroundings.py")
"""What an interpreter is told that then becomes the command behind it."""
_UNTIL_DASHES = ("nsenter", "setpriv", "unshare")
"""Commands that run another one behind `--`."""


def finite(value: float | None) -> float | None:
    """NaN and infinities are unknown, and unknown is None."""
    return value if value is not None and math.isfinite(value) else None


def plain(text: str) -> str:
    """Control and bidirectional characters made visible: no name can reorder or hide what stands beside it."""
    if text.isprintable():  # then none of its characters is of a category that hides
        return text
    return _UNUSUAL.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩" if _is_hidden(found[0]) else found[0], text)


def flat(text: str) -> str:
    """On one line, control and bidirectional characters made visible: a value cannot forge a line of its own."""
    return plain(" ".join(text.split()))


def escaped(text: str) -> str:
    """JSON in which those characters are escapes: equal when it is parsed, and harmless on a terminal."""
    return _UNUSUAL.sub(lambda found: _escape(found[0]) if _is_hidden(found[0]) else found[0], text)


def _escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in _KEPT_CONTROLS


def label(text: str, limit: int = 80) -> str:
    """For plotly, which reads a little HTML in every text it draws."""
    visible = plain(text)
    return escape(visible if len(visible) <= limit else visible[: limit - 1] + "…", quote=False)


def number(value: float | None) -> str:
    """A ratio with the digits that matter: `1.013`, `4.21`, `52.3`, `210`, `1.00e+200`."""
    value = finite(value)
    if value is None:
        return DASH
    if abs(value) > _MOST or 0 < abs(value) < _LEAST:
        return f"{value:.2e}"
    digits = next((digits for bound, digits in ((2, 3), (10, 2), (100, 1)) if abs(value) < bound), 0)
    return f"{value:.{digits}f}"


def ratio(value: float | None) -> str:
    return DASH if finite(value) is None else number(value) + TIMES


def interval(low: float | None, high: float | None) -> str:
    if finite(low) is None or finite(high) is None:
        return DASH
    return f"{number(low)} to {number(high)}"


def has_interval(cost: Cost) -> bool:
    return all(finite(value) is not None for value in (cost.cost, cost.low, cost.high))


def side(cost: Cost) -> int:
    """1: the whole interval lies above 1, -1: below, 0: it contains 1 or there is none."""
    if not has_interval(cost):
        return 0
    assert cost.low is not None and cost.high is not None
    return (cost.low > 1) - (cost.high < 1)


def is_decided(cost: Cost) -> bool:
    """A verdict says that the environment is slower or faster; an interval beyond 1 alone does not."""
    return cost.verdict in (Verdict.SLOWER, Verdict.FASTER)


def percent(share: float | None) -> str:
    """A share or a ratio minus 1: `0.43 %`, `2.0 %`, `12 %`, `1.00e+202 %`."""
    value = finite(share)
    if value is None:
        return DASH
    if abs(value) * 100 > _MOST:
        return f"{Decimal(value) * 100:.2e} %"  # 100 times the largest floats is no float
    digits = next((digits for bound, digits in ((1, 2), (10, 1)) if abs(value) * 100 < bound), 0)
    return f"{value * 100:.{digits}f} %"


def parts_per_million(value: float | None, bound: float | None) -> str:
    """With how exactly it is known: `2.5 ± 12 ppm`."""
    if value is None or finite(value) is None:
        return DASH
    return f"{_grouped(value)} ppm" if bound is None else f"{_grouped(value)} ± {_grouped(bound)} ppm"


def between(least: float | None, most: float | None) -> str:
    """A share of which the two bounds are known, or one of them: `1.2 to 26 %`, `≥ 1.2 %`."""
    if finite(least) is None or finite(most) is None:
        return (
            f"≥ {percent(least)}"
            if finite(least) is not None
            else f"≤ {percent(most)}"
            if finite(most) is not None
            else DASH
        )
    return f"{percent(least).removesuffix(' %')} to {percent(most)}"


def _grouped(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def probability(value: float | None) -> str:
    if finite(value) is None:
        return DASH
    assert value is not None
    return f"{value:.2g}" if value >= 0.0001 else "< 0.0001"


def length(cost: Cost, value: float | None) -> str:
    """Floor, half-width or detectable cost: a percentage, or in the unit of a metric that has no ratio."""
    return percent(value) if cost.difference is None else show(value, cost.unit)


def amount(cost: Cost) -> str:
    """The cost as the tables print it: a ratio, or a difference with its sign and unit."""
    if cost.difference is None:
        return ratio(cost.cost)
    return f"{'+' if cost.difference.mean > 0 else ''}{show(cost.difference.mean, cost.unit)}"


def amount_interval(cost: Cost) -> str:
    if cost.difference is None:
        return interval(cost.low, cost.high)
    low, high = cost.difference.low, cost.difference.high
    if finite(low) is None or finite(high) is None:
        return DASH
    return f"{show(low, cost.unit)} to {show(high, cost.unit)}"


def quantity(value: float | None, unit: str) -> str:
    return show(value, unit)


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def program(argv: Sequence[str]) -> str:
    """What a message calls a command: the program itself, without what only leads to it (setpriv, taskset, chroot)."""
    words = list(argv)
    while words:
        name, rest = PurePosixPath(words[0]).name, words[1:]
        if name in _UNTIL_DASHES and "--" in rest:
            words = rest[rest.index("--") + 1 :]
        elif name in _WRAPPERS and len(rest) > _WRAPPERS[name]:
            words = rest[_WRAPPERS[name] :]
        elif name == "env" and rest:
            words = _after_env(rest)
        elif len(rest) > len(_USUAL) and PurePosixPath(rest[len(_USUAL) - 1]).name == _USUAL[-1]:
            words = rest[len(_USUAL) :]
        else:
            return words[0]
    return argv[0]


def _after_env(words: list[str]) -> list[str]:
    while words and (words[0] == "-C" or "=" in words[0]):
        words = words[2 if words[0] == "-C" else 1 :]
    return words
