"""The verdicts of a validation: one row a check, with its figure, its target and its state."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from vbench.stats import equivalence, logs
from vbench.stats.envelope import Envelope
from vbench.validation import binomial

FALSE_POSITIVES = 0.05  # of comparisons at 95 %
_WRITABLE = 1e15  # larger ends are written with an exponent
WIDEST = 2  # half-width of a known fault's interval, in tolerances
TOO_WIDE = "not shown: the interval is too wide, give it more minutes"
ESTIMATE_OUTSIDE = "not shown: the estimate lies outside, the interval not wholly; give it more minutes"


class State(StrEnum):
    HOLDS = "holds"
    FAILS = "does not hold"
    IMPOSSIBLE = "not possible here"


class Row(Struct, frozen=True, kw_only=True):
    """One check. None is unknown; `low` and `high` are the ends of the interval that was judged, in `unit`."""

    part: str
    check: str
    target: str
    state: State
    figure: str = ""  # value and interval as a reader takes them
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = "1"
    blocks: int | None = None
    why: str = ""
    run: str = ""  # the run folder that it rests on


def impossible(part: str, check: str, target: str, why: str) -> Row:
    return Row(part=part, check=check, target=target, state=State.IMPOSSIBLE, why=why)


def judged(ok: bool) -> State:
    return State.HOLDS if ok else State.FAILS


def around(value: float, low: float, high: float, *, percent: bool = False) -> str:
    """`1.013 (0.992 to 1.035)`: the mean, and the ends rounded outwards to the same digits.

    Not mean ± half of the width: an interval may be longer on one side of its mean, and would reach beyond that.
    """
    scale, unit = _shown(percent=percent)
    half = scale * _half(low, high)
    digits = 3 if half <= 0 else max(0, min(6, 1 - math.floor(math.log10(half))))
    first, last = _outwards(low * scale, digits, ROUND_FLOOR), _outwards(high * scale, digits, ROUND_CEILING)
    return f"{value * scale:.{digits}f} ({first} to {last}){unit}"


def _outwards(value: float, digits: int, rounding: str) -> str:
    exact = Decimal(f"{value:.12g}")  # without what the scale added
    return str(exact.quantize(Decimal(1).scaleb(-digits), rounding)) if abs(value) < _WRITABLE else f"{value:.3g}"


def contains(part: str, check: str, interval: Envelope, truth: float, *, widest: float, percent: bool = False) -> Row:
    """Whether the interval of a mean over blocks contains what is known to be true, and little else.

    `widest` is the largest half-width that counts, in the unit of `truth`: an interval that contains everything
    contains the truth too.
    """
    scale, unit = _shown(percent=percent)
    truth_text = f"{truth * scale:g}{unit}"
    target = f"95 % interval contains {truth_text}; {_half_width(widest, percent=percent)}"
    if interval.mean is None or interval.low is None or interval.high is None:
        why = interval.why or f"{interval.blocks} blocks give no interval"
        return Row(part=part, check=check, target=target, state=State.FAILS, blocks=interval.blocks, why=why)
    inside = interval.low <= truth <= interval.high
    ok = inside and _half(interval.low, interval.high) <= widest
    # The reason tells both ends: the figure rounds, and an interval may be longer on one side of its mean.
    ends = f"{interval.low * scale:.6g} to {interval.high * scale:.6g}{unit}"
    side = "above" if interval.low > truth else "below"
    problem = TOO_WIDE if inside else f"the interval lies {side} {truth_text}: {ends}"
    return Row(
        part=part,
        check=check,
        target=target,
        state=judged(ok),
        figure=around(interval.mean, interval.low, interval.high, percent=percent),
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        blocks=interval.blocks,
        why="" if ok else problem,
    )


def false_positives(part: str, positives: int, comparisons: int, blocks: int) -> Row:
    """Comparisons of the baseline with itself whose 95 % interval excludes 1, against what chance alone makes."""
    if comparisons == 0:
        why = "no comparison has an interval"
        return Row(part=part, check="false positives", target="–", state=State.FAILS, blocks=blocks, why=why)
    most = binomial.most_by_chance(comparisons, FALSE_POSITIVES)
    low, high = binomial.rate_interval(positives, comparisons)
    ok = positives <= most
    return Row(
        part=part,
        check="false positives",
        target=f"at most {most} of {comparisons}",
        state=judged(ok),
        figure=f"{positives} of {comparisons}: {positives / comparisons:.1%} ({low:.1%} to {high:.1%})",
        value=positives / comparisons,
        low=low,
        high=high,
        blocks=blocks,
        why="" if ok else f"chance alone makes more than {most} in fewer than 1 of 20 validations",
    )


def equivalent(part: str, check: str, interval: Envelope, margin: float) -> Row:
    """Two one-sided tests against a fixed margin: `margin` 0.02 is ±2 %."""
    target = f"90 % interval within ±{margin * 100:g} %"
    if interval.mean is None or interval.inner is None:
        why = interval.why or f"{interval.blocks} blocks give no interval"
        return Row(part=part, check=check, target=target, state=State.FAILS, blocks=interval.blocks, why=why)
    tested = equivalence.of(interval, equivalence.margin_of(margin))
    value, low, high = (logs.ratio(length) for length in (interval.mean, tested.low, tested.high))
    if value is None or low is None or high is None:
        why = "the interval is too wide to write"
        return Row(part=part, check=check, target=target, state=State.FAILS, blocks=interval.blocks, why=why)
    return Row(
        part=part,
        check=check,
        target=target,
        state=judged(tested.holds),
        figure=around(value, low, high),
        value=value,
        low=low,
        high=high,
        blocks=interval.blocks,
        why="" if tested.holds else _beyond(tested.low > tested.margin or tested.high < -tested.margin),
    )


def recovered(
    part: str, check: str, interval: tuple[float, float, float], *, truth: float, tolerance: float, blocks: int
) -> Row:
    """Whether a known fault is found: the estimate within the tolerance, the interval at most twice as wide as it."""
    value, low, high = interval
    widest = WIDEST * tolerance
    narrow = _half(low, high) <= widest
    ok = narrow and abs(value - truth) <= tolerance
    clear = low > truth + tolerance or high < truth - tolerance
    return Row(
        part=part,
        check=check,
        target=f"{truth:g} ± {tolerance:g}; {_half_width(widest)}",
        state=judged(ok),
        figure=around(value, low, high),
        value=value,
        low=low,
        high=high,
        blocks=blocks,
        why="" if ok else ESTIMATE_OUTSIDE if narrow and not clear else _beyond(clear),
    )


def _beyond(clear: bool) -> str:
    return "the interval lies outside" if clear else TOO_WIDE


def _half(low: float, high: float) -> float:
    return (high - low) / 2


def _half_width(widest: float, *, percent: bool = False) -> str:
    scale, unit = _shown(percent=percent)
    return f"half-width ≤ {widest * scale:g}{unit}"


def _shown(*, percent: bool) -> tuple[int, str]:
    """What a number is multiplied by before it is printed, and the unit behind it."""
    return (100, " %") if percent else (1, "")


def status(rows: tuple[Row, ...]) -> int:
    """Exit code: 0 when all that was possible held, and something was; 1 otherwise."""
    possible = [row for row in rows if row.state is not State.IMPOSSIBLE]
    return 0 if possible and all(row.state is State.HOLDS for row in possible) else 1


def because(row: Row, problem: str) -> Row:
    """The row; if its check failed, `problem` is the reason."""
    return replace(row, why=problem) if row.state is State.FAILS else row
