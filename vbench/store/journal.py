"""One line a trial, each with its own checksum, so that damage to one line is seen and costs that trial alone."""

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
from vbench.model import SCHEMA, Failed, Measured, Reading, Reason, ReasonKind, Trial, Void
from vbench.store import bounds, sentences
from vbench.units import show_bytes

Entry = Trial | Reading | Void
_KINDS: dict[str, type[Trial] | type[Reading] | type[Void]] = {"trial": Trial, "reading": Reading, "void": Void}
_SHORTEST_B = len(b'{"crc":"","void":{}}')


def line(entry: Entry) -> bytes:
    """`{"crc": CRC-32 of the entry's bytes, eight hexadecimal digits, "trial" | "reading" | "void": entry}`."""
    kind = next(name for name, struct in _KINDS.items() if isinstance(entry, struct))
    body = msgspec.json.encode(storable(entry) if isinstance(entry, Trial) else entry)
    whole = msgspec.json.encode({"crc": _crc(body), kind: msgspec.Raw(body)}) + b"\n"
    if len(whole) > bounds.LINE_B and isinstance(entry, Trial):  # nobody could read it again
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
    """A line that is not whole, in words."""

    words: str


@dataclass
class Damages:
    """The first damaged lines in words, and how many more there are."""

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
    """The entries whose lines are whole, and warnings of the lines that are not."""
    entries: list[Entry] = []
    damages = Damages()
    for found in lines(path, schema=schema):
        if isinstance(found, Damage):
            damages.add(found)
        else:
            entries.append(found)
    return entries, damages.warnings()


def lines(path: Path, *, schema: int = SCHEMA) -> Iterator[Entry | Damage]:
    """One line after the other, so that a journal may be larger than memory. Raises RunFolderError."""
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
    """Whether a line, with its newline or not, holds an entry and its checksum."""
    return _parse(text, SCHEMA) is not None


def _warning(number: int, *, torn: bool) -> str:
    if torn:
        return f"journal.jsonl line {number}, the last, is torn: its trial was dropped"
    return f"journal.jsonl line {number} is damaged: its trial was dropped"


def _parse(text: bytes, schema: int) -> Entry | None:
    if len(text) < _SHORTEST_B:
        return None
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        (kind,) = found.keys() - {"crc"}
        if msgspec.json.decode(found["crc"], type=str) != _crc(bytes(found[kind])):
            return None
        body = sentences.with_reasons(kind, found[kind]) if schema < sentences.FIRST_WITH_REASONS else found[kind]
        return msgspec.json.decode(body, type=_KINDS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
        return None
