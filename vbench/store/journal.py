"""The journal: one line a trial, each with its own checksum, so that a damaged line costs one trial only."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec.structs import replace

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.model import SCHEMA, Failed, Look, Measured, Reading, Trial, Void
from vbench.reasons import Reason, ReasonKind
from vbench.store import bounds, sentences
from vbench.units import show_bytes

Entry = Trial | Reading | Void | Look
_KINDS: dict[str, type[Entry]] = {"trial": Trial, "reading": Reading, "void": Void, "look": Look}
_SHORTEST_B = len(b'{"crc":"","void":{}}')


def line(entry: Entry) -> bytes:
    """`{"crc": CRC-32 of the entry's bytes in eight hexadecimal digits, KIND: entry}`, KIND as in `_KINDS`."""
    kind = next(name for name, struct in _KINDS.items() if isinstance(entry, struct))
    body = msgspec.json.encode(storable(entry) if isinstance(entry, Trial) else entry)
    whole = msgspec.json.encode({"crc": _crc(body), kind: msgspec.Raw(body)}) + b"\n"
    if len(whole) > bounds.LINE_B and isinstance(entry, Trial):  # `lines` refuses longer ones
        return line(replace(entry, outcome=Failed(Reason(ReasonKind.TOO_LARGE))))
    return whole


def storable(trial: Trial) -> Trial:
    """The trial, or a failed one when a sample is NaN or infinite: JSON has no such number."""
    match trial.outcome:
        case Measured(samples):
            odd = [name for name, values in samples.items() if not all(map(math.isfinite, values))]
            if odd:
                return replace(trial, outcome=Failed(Reason(ReasonKind.NOT_FINITE, value=", ".join(odd))))
    return trial


def _crc(body: bytes | memoryview) -> str:
    return f"{crc32(body):08x}"


@dataclass(frozen=True)
class Damage:
    """A damaged line: `words` is the warning for it."""

    words: str


@dataclass
class Damages:
    """Warnings of the first damaged lines, and the number of further ones."""

    named: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, damage: Damage) -> None:
        if len(self.named) < bounds.NAMED:
            self.named.append(damage.words)
        else:
            self.more += 1

    def warnings(self) -> list[str]:
        return [*self.named, *([f"{self.more} more lines of journal.jsonl are damaged"] if self.more else [])]


def read(path: Path, *, schema: int = SCHEMA) -> tuple[list[Entry], list[str]]:
    """All intact entries, and a warning for each damaged line."""
    entries: list[Entry] = []
    damages = Damages()
    for entry in lines(path, schema=schema):
        if isinstance(entry, Damage):
            damages.add(entry)
        else:
            entries.append(entry)
    return entries, damages.warnings()


def lines(path: Path, *, schema: int = SCHEMA) -> Iterator[Entry | Damage]:
    """Reads a journal line by line, so that it may be larger than memory. Raises RunFolderError."""
    last, torn = 0, False
    try:
        with untrusted.opened(path) as file:
            bounds.refuse_large(path, os.fstat(file.fileno()).st_size, bounds.JOURNAL_B)
            while text := file.readline(bounds.LINE_B + 1):
                last += 1
                torn = not text.endswith(b"\n")
                _refuse_endless(path, last, text)
                yield _parse(text, schema) or Damage(_warning(last, torn=torn))
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error


def _refuse_endless(path: Path, number: int, text: bytes) -> None:
    if len(text) > bounds.LINE_B:
        limit = show_bytes(bounds.LINE_B)
        raise RunFolderError(
            f"{path}: line {number} is larger than {limit}: this is not a journal", hint=bounds.FOREIGN
        )
    if number > bounds.LINES:
        raise RunFolderError(f"{path} has more than {bounds.LINES:,} lines: this is not a journal", hint=bounds.FOREIGN)


def is_whole(text: bytes) -> bool:
    """Whether a line, with or without its newline, holds an entry and the right checksum."""
    return _parse(text, SCHEMA) is not None


def _warning(number: int, *, torn: bool) -> str:
    if torn:
        return f"journal.jsonl line {number}, the last, is torn: its trial was dropped"
    return f"journal.jsonl line {number} is damaged: its trial was dropped"


def _parse(text: bytes, schema: int) -> Entry | None:
    if len(text) < _SHORTEST_B:
        return None
    try:
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        (kind,) = fields.keys() - {"crc"}
        if msgspec.json.decode(fields["crc"], type=str) != _crc(bytes(fields[kind])):
            return None
        body = sentences.with_reasons(kind, fields[kind]) if schema < sentences.FIRST_WITH_REASONS else fields[kind]
        return msgspec.json.decode(body, type=_KINDS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
        return None
