"""Words for readers: ratios, intervals, reasons, commands, and names that anybody may have chosen."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace

from vbench.model import Cost, Verdict
from vbench.reasons import Reason, ReasonKind
from vbench.units import DASH, show, show_duration

TIMES = "×"
_KEPT_CONTROLS = "\n\t"
_UNUSUAL = re.compile(r"[^ -~]")  # characters whose category must be checked
_LEAST, _MOST = 1e-3, 1e6  # numbers outside are printed with an exponent and three significant digits

_WRAPPERS = {"taskset": 2, "chroot": 1}
"""Commands that run another one, with the number of their own arguments before it."""
_USUAL = ("-I", "-S", "surroundings.py")
"""Arguments of an interpreter that then becomes the command after them."""
_UNTIL_DASHES = ("nsenter", "setpriv", "unshare")
"""Commands that run another one behind `--`."""


def finite(value: float | None) -> float | None:
    """NaN and infinities are unknown, and unknown is None."""
    return value if value is not None and math.isfinite(value) else None


def plain(text: str) -> str:
    """The text with visible control and bidirectional characters: no name can reorder or hide the text beside it."""
    if text.isprintable():
        return text
    return _UNUSUAL.sub(lambda sign: f"⟨U+{ord(sign[0]):04X}⟩" if _is_hidden(sign[0]) else sign[0], text)


def printable(text: str) -> str:
    """The text with a replacement character for each one that cannot be printed, line breaks too."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def quoted(value: object) -> str:
    """A value as a message quotes it: its repr, which is printable, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def flat(text: str) -> str:
    """The text as `plain` gives it, on one line: a value cannot forge a line of its own."""
    return plain(" ".join(text.split()))


def escaped(text: str) -> str:
    """JSON with escapes for the characters that `plain` shows: the same data, and harmless on a terminal."""
    return _UNUSUAL.sub(lambda sign: _escape(sign[0]) if _is_hidden(sign[0]) else sign[0], text)


def _escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in _KEPT_CONTROLS


def label(text: str, limit: int = 80) -> str:
    """The text for plotly, at most `limit` characters and escaped: plotly interprets some HTML in every text."""
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


def interval(low: float | None, high: float | None, mark: float = 1.0) -> str:
    if finite(low) is None or finite(high) is None:
        return DASH
    return f"{end(low, mark)} to {end(high, mark)}"


def end(value: float | None, mark: float = 1.0) -> str:
    """An end of an interval, with as many digits as show on which side of the mark it lies: `0.964`, `1.0004`."""
    text = number(value)
    if value is None or text == DASH or float(text) != mark or value == mark:
        return text
    longer = (f"{value:.{digits}f}" for digits in range(4, 18))
    return next((digits for digits in longer if float(digits) != mark), text)


def has_interval(cost: Cost) -> bool:
    return all(finite(value) is not None for value in (cost.cost, cost.low, cost.high))


def side(cost: Cost) -> int:
    """1 if the whole interval is above 1, -1 if it is below, 0 if it contains 1 or there is none."""
    if not has_interval(cost):
        return 0
    assert cost.low is not None and cost.high is not None
    return (cost.low > 1) - (cost.high < 1)


def is_decided(cost: Cost) -> bool:
    """Whether the verdict is slower or faster. An interval beyond 1 alone decides nothing."""
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
    """A value with its error bound: `2.5 ± 12 ppm`."""
    if value is None or finite(value) is None:
        return DASH
    return f"{_grouped(value)} ppm" if bound is None else f"{_grouped(value)} ± {_grouped(bound)} ppm"


def between(least: float | None, most: float | None) -> str:
    """A share by its bounds, one of which may be unknown: `1.2 to 26 %`, `≥ 1.2 %`."""
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
    """Floor, half-width or detectable cost: a percentage, or a value in the unit of a metric without a ratio."""
    return percent(value) if cost.difference is None else show(value, cost.unit)


def amount(cost: Cost) -> str:
    """A cost in the form of the tables: a ratio, or a difference with its sign and unit."""
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


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def program(argv: Sequence[str]) -> str:
    """Name of a command in messages: its program, without the wrappers before it (setpriv, taskset, chroot)."""
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


# --- why a gate voided an attempt, why a trial failed or was skipped: nothing else words these ---------------------

Value = float | str | None
_SENTENCES = {
    ReasonKind.FOREIGN_LOAD: "foreign tasks used {}% of its processors",
    ReasonKind.THROTTLED: "the processor was throttled {} times",
    ReasonKind.CLOCK_BEHIND: "its clock fell {} s behind the host's",
    ReasonKind.CLOCK_AHEAD: "its clock fell {} s ahead of the host's",
    ReasonKind.HOST_REBOOTED: "the host was rebooted within this block",
    ReasonKind.CLOCK_SET: "the clock was set within this block",
    ReasonKind.CLOCK_SET_BACK: "the clock was set back within this block",
    ReasonKind.REBOOTED_OR_CLOCK_SET: "the host was rebooted or its clock was set within this block",
    ReasonKind.RUN_PAUSED: "the run paused for {} within this block",
    ReasonKind.MISSING: "missing: {}",
    ReasonKind.START_FAILED: "the start failed: {}",
    ReasonKind.NOT_STARTED: "the environment did not start or went away: {}",
    ReasonKind.LOST: "{}",
    ReasonKind.TIMED_OUT: "{}",
    ReasonKind.NOT_FINITE: "{}: a sample is not a finite number",
    ReasonKind.TOO_LARGE: "the trial gave more samples than a line of the journal may hold",
    ReasonKind.ERROR: "{}",
    ReasonKind.STATED: "{}",
}
"""What each kind says; `{}` is its value."""
_OF_ALL = {ReasonKind.FOREIGN_LOAD: "foreign tasks used {}% of the arms' processors"}
"""The same where it is not of one arm, but of all that were alive together."""
_FIGURES: dict[ReasonKind, Callable[[float], str]] = {
    ReasonKind.FOREIGN_LOAD: lambda share: f"{share * 100:.1f}",
    ReasonKind.THROTTLED: "{:.0f}".format,
    ReasonKind.CLOCK_BEHIND: "{:.3g}".format,
    ReasonKind.CLOCK_AHEAD: "{:.3g}".format,
    ReasonKind.RUN_PAUSED: show_duration,
}
"""How the number of a kind is shown."""


def reason_text(reason: Reason) -> str:
    """The whole sentence: `tcg: its clock fell 0.5 s behind the host's in cpu.hash`."""
    if not reason.arm and reason.kind in _OF_ALL:
        return _sentence(reason, (reason.value,), _OF_ALL)
    sentence = _sentence(reason, (reason.value,))
    return f"{reason.arm}: {sentence}" if reason.arm else sentence


def reasons_text(reasons: Iterable[Reason]) -> str:
    """All reasons in one line."""
    return "; ".join(map(reason_text, reasons))


def reason_subject(reason: Reason) -> Reason:
    """The reason without its arm and figure. Reasons with equal subjects share one sentence."""
    is_text = isinstance(reason.value, str)
    return replace(reason, arm="", value=reason.value if is_text else None)


def reasons_together(reasons: Sequence[Reason]) -> str:
    """One sentence for reasons of one subject, without the arm, with the range of their figures."""
    return _sentence(reasons[0], tuple(reason.value for reason in reasons))


def reason_document(reason: Reason) -> dict[str, Any]:
    """The reason as data, for JSON."""
    return {
        "kind": str(reason.kind),
        "arm": reason.arm or None,
        "value": reason.value,
        "benchmark": reason.benchmark or None,
    }


def _sentence(reason: Reason, values: Sequence[Value], sentences: Mapping[ReasonKind, str] = _SENTENCES) -> str:
    numbers = sorted(value for value in values if isinstance(value, float))
    figures = [_FIGURES.get(reason.kind, str)(number) for number in numbers]
    shown = reason.value if isinstance(reason.value, str) else _range(figures)
    where = f" in {reason.benchmark}" if reason.benchmark else ""
    return sentences[reason.kind].format(shown) + where


def _range(figures: Sequence[str]) -> str:
    """`4.1`, or `4.1 to 12.0`. A dash if there is no figure."""
    if not figures:
        return DASH
    return figures[0] if figures[0] == figures[-1] else f"{figures[0]} to {figures[-1]}"
