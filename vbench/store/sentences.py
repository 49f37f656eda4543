"""Reads journals of older schemas, whose reasons are sentences. No other module parses a sentence."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vbench.reasons import Reason, ReasonKind
from vbench.text import reason_text

FIRST_WITH_REASONS = 3
"""First schema in which a reason is data."""

_BARE = tuple(
    Reason(kind)
    for kind in (
        *(ReasonKind.HOST_REBOOTED, ReasonKind.CLOCK_SET, ReasonKind.CLOCK_SET_BACK),
        *(ReasonKind.REBOOTED_OR_CLOCK_SET, ReasonKind.TOO_LARGE),
    )
)
_UNIT_S = {"h": 3600, "min": 60, "s": 1}


class _Outcome(msgspec.Struct):
    type: str
    reason: str = ""
    hint: str = ""


class _Trial(msgspec.Struct):
    outcome: _Outcome


class _Void(msgspec.Struct):
    block: int
    attempt: int
    reasons: tuple[str, ...]
    harness: bool = False


def with_reasons(kind: str, body: msgspec.Raw) -> bytes | msgspec.Raw:
    """Turns the JSON body of an old trial or void into the form of this schema. Raises DecodeError."""
    if kind == "void":
        void = msgspec.json.decode(body, type=_Void)
        reasons = tuple(map(of_void, void.reasons))
        return msgspec.json.encode(msgspec.structs.asdict(void) | {"reasons": reasons})
    if kind != "trial":
        return body
    outcome = msgspec.json.decode(body, type=_Trial).outcome
    if outcome.type not in ("failed", "skipped"):
        return body
    trial: dict[str, Any] = msgspec.json.decode(body)
    trial["outcome"] = msgspec.structs.asdict(outcome) | {"reason": of_trial(outcome.reason)}
    return msgspec.json.encode(trial)


def of_void(sentence: str) -> Reason:
    """Reason of a void. A gate's sentence begins with the arm: `tcg: the processor was throttled 2 times`."""
    arm, colon, text = sentence.partition(": ")
    reason = _exact(sentence, "", _of_run) or (_exact(text, arm, _of_gate) if colon else None)
    if reason:
        return reason
    return Reason(ReasonKind.STATED, arm, text) if colon else Reason(ReasonKind.STATED, value=sentence)


def of_trial(sentence: str) -> Reason:
    return _exact(sentence, "", _of_trial) or Reason(ReasonKind.STATED, value=sentence)


def _exact(text: str, arm: str, read: Callable[[str, str], Iterator[Reason]]) -> Reason | None:
    """The reason whose words are exactly this sentence. None if there is none."""
    sentence = f"{arm}: {text}" if arm else text
    return next((reason for reason in read(text, arm) if reason_text(reason) == sentence), None)


def _of_gate(text: str, arm: str) -> Iterator[Reason]:
    if match := re.fullmatch(r"foreign tasks used (\d+\.\d)% of its processors", text):
        yield Reason(ReasonKind.FOREIGN_LOAD, arm, float(match[1]) / 100)
    if match := re.fullmatch(r"the processor was throttled (\d{1,15}) times", text):
        yield Reason(ReasonKind.THROTTLED, arm, float(match[1]))
    clock = r"its clock fell (\d+(?:\.\d+)?(?:e[+-]\d+)?) s (behind|ahead of) the host's(?: in (\S+))?"
    if match := re.fullmatch(clock, text):
        kind = ReasonKind.CLOCK_BEHIND if match[2] == "behind" else ReasonKind.CLOCK_AHEAD
        yield Reason(kind, arm, float(match[1]), match[3] or "")


def _of_run(text: str, arm: str) -> Iterator[Reason]:
    del arm
    yield from _BARE
    if match := re.fullmatch(r"the run paused for ((?:\d{1,9} (?:h|min|s) ?)+) ?within this block", text):
        parts = re.findall(r"(\d+) (h|min|s)", match[1])
        yield Reason(ReasonKind.RUN_PAUSED, value=float(sum(int(count) * _UNIT_S[unit] for count, unit in parts)))


def _of_trial(text: str, arm: str) -> Iterator[Reason]:
    del arm
    yield from _BARE
    for kind, begin in (
        (ReasonKind.MISSING, "missing: "),
        (ReasonKind.START_FAILED, "the start failed: "),
        (ReasonKind.NOT_STARTED, "the environment did not start or went away: "),
    ):
        if text.startswith(begin):
            yield Reason(kind, value=text.removeprefix(begin))
    odd = ": a sample is not a finite number"
    if text.endswith(odd):
        yield Reason(ReasonKind.NOT_FINITE, value=text.removesuffix(odd))
