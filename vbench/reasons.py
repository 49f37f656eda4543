"""Says reasons in words: why a gate voided an attempt, why a trial failed or was skipped. Nothing else words them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from vbench.model import Reason, ReasonKind
from vbench.units import DASH, show_duration

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
_FIGURES: dict[ReasonKind, Callable[[float], str]] = {
    ReasonKind.FOREIGN_LOAD: lambda share: f"{share * 100:.1f}",
    ReasonKind.THROTTLED: "{:.0f}".format,
    ReasonKind.CLOCK_BEHIND: "{:.3g}".format,
    ReasonKind.CLOCK_AHEAD: "{:.3g}".format,
    ReasonKind.RUN_PAUSED: show_duration,
}
"""How the number of a kind is shown."""


def words(reason: Reason) -> str:
    """The whole sentence: `tcg: its clock fell 0.5 s behind the host's in cpu.hash`."""
    said = _sentence(reason, (reason.value,))
    return f"{reason.arm}: {said}" if reason.arm else said


def joined(reasons: Iterable[Reason]) -> str:
    """All of them in one line."""
    return "; ".join(map(words, reasons))


def subject(reason: Reason) -> Reason:
    """The reason without its arm and figure: equal for reasons that are told together."""
    is_text = isinstance(reason.value, str)
    return replace(reason, arm="", value=reason.value if is_text else None)


def together(reasons: Sequence[Reason]) -> str:
    """Reasons of one subject in one sentence without the arm, their figures from the smallest to the largest."""
    return _sentence(reasons[0], tuple(reason.value for reason in reasons))


def document(reason: Reason) -> dict[str, Any]:
    """The reason as data, for JSON."""
    return {
        "kind": str(reason.kind),
        "arm": reason.arm or None,
        "value": reason.value,
        "benchmark": reason.benchmark or None,
    }


def _sentence(reason: Reason, values: Sequence[Value]) -> str:
    numbers = sorted(value for value in values if isinstance(value, float))
    figures = [_FIGURES.get(reason.kind, str)(number) for number in numbers]
    shown = reason.value if isinstance(reason.value, str) else _range(figures)
    where = f" in {reason.benchmark}" if reason.benchmark else ""
    return _SENTENCES[reason.kind].format(shown) + where


def _range(figures: Sequence[str]) -> str:
    """`4.1`, or `4.1 to 12.0`; what is unknown, or a text where a number should be, is a dash."""
    if not figures:
        return DASH
    return figures[0] if figures[0] == figures[-1] else f"{figures[0]} to {figures[-1]}"
