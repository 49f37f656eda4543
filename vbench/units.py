"""Parses and prints quantities. All other modules hold base units (s, B, B/s, 1/s, 1); only this one scales."""

import math
import re
from decimal import ROUND_UP, Decimal
from typing import Any

_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SECONDS = {"": 1.0, "S": 1.0, "MS": 1e-3, "US": 1e-6, "NS": 1e-9, "MIN": 60.0, "H": 3600.0}
_YEAR_S = 365 * 86400.0
_SHARES = {"": 1.0, "%": 0.01}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z\u00b5\u03bc%]*)\s*")
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_SCALED = ("s", "B", "B/s", "1/s")
DASH = "–"
_UNITS: dict[str, tuple[str, float]] = {
    "1": ("1", 1.0),
    "%": ("1", 0.01),
    **{name: ("s", scale) for name, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))},
    **{name: ("s", scale) for name, scale in (("min", 60.0), ("h", 3600.0))},
    **{name: ("1/s", scale) for name, scale in (("1/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("1/min", 1 / 60))},
}
for _prefix, _size in (("", 1), ("k", 10**3), ("M", 10**6), ("G", 10**9), ("T", 10**12)):
    _UNITS |= {f"{_prefix}B": ("B", _size), f"{_prefix}B/s": ("B/s", _size), f"{_prefix}bit/s": ("B/s", _size / 8)}
for _prefix, _size in (("Ki", 2**10), ("Mi", 2**20), ("Gi", 2**30), ("Ti", 2**40)):
    _UNITS |= {f"{_prefix}B": ("B", _size), f"{_prefix}B/s": ("B/s", _size)}
UNITS = tuple(_UNITS)
"""Units that a suite may give to a number of its own. Upper and lower case differ."""


class Bytes(int):
    """A size in B; in a suite a whole number or a text such as `256 MiB`."""

    @classmethod
    def parse(cls, text: object) -> "Bytes":
        return cls(_parse(text, _BYTES, "a size such as '256 MiB'", 2.0**60))


class Seconds(float):
    """A duration in s; in a suite a number or a text such as `10 min`."""

    @classmethod
    def parse(cls, text: object) -> "Seconds":
        return cls(_parse(text, _SECONDS, "a duration such as '10 min'", 10 * _YEAR_S))


class Share(float):
    """A part of a whole; in a suite a number such as 0.02 or a text such as `2 %`."""

    @classmethod
    def parse(cls, text: object) -> "Share":
        return cls(_parse(text, _SHARES, "a share such as '2 %' or 0.02", 1e6))


def _parse(text: object, scale: dict[str, Any], wanted: str, most: float) -> float:
    """Parses a quantity. Raises ValueError, also for one above `most`: sums and products must stay finite."""
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise ValueError(f"expected {wanted}, got {text!r:.60}")
    if not isinstance(text, str):
        value = _float(text)
    else:
        match = _QUANTITY.fullmatch(text)
        unit = match[2].replace("\u00b5", "u").replace("\u03bc", "u").upper() if match else "?"
        if match is None or unit not in scale:
            raise ValueError(f"expected {wanted}, got {text!r:.60}")
        value = float(match[1]) * float(scale[unit])
    if not 0 <= value < math.inf:
        raise ValueError(f"expected {wanted}, got {text!r:.60}")
    if value > most:
        raise ValueError(f"expected {wanted}, got {text!r:.60}, which is too large")
    return value


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def base_unit(name: str) -> tuple[str, float]:
    """A unit's base unit and the factor of its numbers: ("s", 0.001) for `ms`. Raises ValueError."""
    ascii_name = name.replace("\u00b5", "u").replace("\u03bc", "u")
    if ascii_name not in _UNITS:
        raise ValueError(f"expected a unit, one of {', '.join(UNITS)}; got {name!r}")
    return _UNITS[ascii_name]


def decode(kind: type, value: Any) -> Any:
    """msgspec's hook for Bytes, Seconds and Share. Raises ValueError, which msgspec reports with the key's path."""
    if kind in (Bytes, Seconds, Share):
        return kind.parse(value)
    raise NotImplementedError(f"no decoder for {kind}")


def encode(value: Any) -> Any:
    """msgspec's hook that turns Bytes, Seconds and Share into plain numbers."""
    if isinstance(value, Bytes):
        return int(value)
    if isinstance(value, Seconds | Share):
        return float(value)
    raise NotImplementedError(f"no encoder for {type(value)}")


def show(value: float | None, unit: str) -> str:
    """`1.23 µs`, `4.56 GB/s`, `789 k/s`; unknown (None, NaN) is a dash. Three significant digits."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return f"0 {unit}".strip()
    if unit == "1":
        return f"{value:.3g}"
    size = abs(value)
    scale, prefix = next(((s, p) for s, p in _PREFIXES if size >= s * 0.9995), _PREFIXES[-1])
    if unit == "s" and scale > 1:
        scale, prefix = 1.0, ""
    if unit == "1/s":
        return f"{_digits(value / scale)} {prefix}/s".replace("  ", " ")
    return f"{_digits(value / scale)} {prefix}{unit}"


def show_up(value: float, unit: str) -> str:
    """As `show`, rounded away from zero: a bound that holds the value and what `show` writes of it."""
    exact = Decimal(repr(value))
    if not exact:
        return show(value, unit)
    is_scaled = unit in _SCALED
    last = max(exact.adjusted() - 2, -11) if is_scaled else exact.adjusted() - 2  # no digit below a hundredth of 1 n
    rounded = float(exact.quantize(Decimal(1).scaleb(last), ROUND_UP))
    return show(rounded, unit) if is_scaled or unit == "1" else f"{rounded:.3g} {unit}"


def _digits(value: float) -> str:
    whole = len(str(int(abs(value))))
    return f"{value:.{max(0, 3 - whole)}f}"


def show_bytes(value: float) -> str:
    """Sizes of memory and disks in powers of two: `256 MiB`."""
    for scale, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= scale:
            return f"{value / scale:.4g} {name}"
    return f"{value:.0f} B"


def show_duration(value: float) -> str:
    """`42 s`, `3 min 20 s`, `1 h 05 min`."""
    seconds = round(value)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
