"""Reasons as a tool's own words or a gate give them."""

import json
from zlib import crc32

from vbench.model import Failed, Reading, Skipped, Trial, Void
from vbench.reasons import Reason, ReasonKind
from vbench.store.journal import line
from vbench.text import reason_text


def error(text: str) -> Reason:
    return Reason(ReasonKind.ERROR, value=text)


def foreign(arm: str, share: float) -> Reason:
    return Reason(ReasonKind.FOREIGN_LOAD, arm, share)


def throttled(arm: str) -> Reason:
    return Reason(ReasonKind.THROTTLED, arm, 2.0)


def stated(text: str) -> Reason:
    return Reason(ReasonKind.STATED, value=text)


def as_sentences(entry: Trial | Reading | Void) -> bytes:
    """The entry's line with words in the place of each reason, as schemas 1 and 2 had it."""
    if isinstance(entry, Reading):
        return line(entry)
    kind = "void" if isinstance(entry, Void) else "trial"
    body = json.loads(line(entry))[kind]
    if isinstance(entry, Void):
        body["reasons"] = list(map(reason_text, entry.reasons))
    elif isinstance(entry.outcome, Failed | Skipped):
        body["outcome"]["reason"] = reason_text(entry.outcome.reason)
    text = json.dumps(body, separators=(",", ":"))
    return f'{{"crc":"{crc32(text.encode()):08x}","{kind}":{text}}}\n'.encode()
