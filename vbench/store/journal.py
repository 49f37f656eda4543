"""One line a trial, each with its own checksum, so that damage to one line is seen and costs that trial alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec.structs import replace

from vbench.errors import RunFolderError
from vbench.model import Failed, Measured, Reading, Trial, Void

Entry = Trial | Reading | Void
_KINDS: dict[str, type[Trial] | type[Reading] | type[Void]] = {"trial": Trial, "reading": Reading, "void": Void}

LARGEST_LINE_B = 64 * 2**20


def line(entry: Entry) -> bytes:
    """`{"crc": CRC-32 of the entry's bytes, eight hexadecimal digits, "trial" | "reading" | "void": entry}`."""
    kind = next(name for name, struct in _KINDS.items() if isinstance(entry, struct))
    body = msgspec.json.encode(storable(entry) if isinstance(entry, Trial) else entry)
    return msgspec.json.encode({"crc": _crc(body), kind: msgspec.Raw(body)}) + b"\n"


def storable(trial: Trial) -> Trial:
    """The trial, or a failed one when a sample is NaN or infinite: JSON has no such number."""
    match trial.outcome:
        case Measured(samples):
            odd = [name for name, values in samples.items() if not all(map(math.isfinite, values))]
            if odd:
                return replace(trial, outcome=Failed(f"{', '.join(odd)}: a sample is not a finite number"))
    return trial


def _crc(body: bytes | memoryview) -> str:
    return f"{crc32(body):08x}"


@dataclass(frozen=True)
class Damage:
    """A line that is not whole, in words."""

    words: str


def read(path: Path) -> tuple[list[Entry], list[str]]:
    """The entries whose lines are whole, and a warning for every line that is not."""
    entries: list[Entry] = []
    warnings: list[str] = []
    for found in lines(path):
        if isinstance(found, Damage):
            warnings.append(found.words)
        else:
            entries.append(found)
    return entries, warnings


def lines(path: Path) -> Iterator[Entry | Damage]:
    """One line after the other, so that a journal may be larger than memory. Raises RunFolderError."""
    last, torn = 0, False
    try:
        with path.open("rb") as file:
            while text := file.readline(LARGEST_LINE_B + 1):
                last += 1
                torn = not text.endswith(b"\n")
                if torn and len(text) > LARGEST_LINE_B:
                    raise RunFolderError(f"{path}: line {last} is larger than 64 MiB: this is not a journal")
                yield _parse(text) or Damage(_warning(last, torn=torn))
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error


def is_whole(text: bytes) -> bool:
    """Whether a line, with its newline or not, holds an entry and its checksum."""
    return _parse(text) is not None


def _warning(number: int, *, torn: bool) -> str:
    if torn:
        return f"journal.jsonl line {number}, the last, is torn: its trial was dropped"
    return f"journal.jsonl line {number} is damaged: its trial was dropped"


def _parse(text: bytes) -> Entry | None:
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        (kind,) = found.keys() - {"crc"}
        if msgspec.json.decode(found["crc"], type=str) != _crc(bytes(found[kind])):
            return None
        return msgspec.json.decode(found[kind], type=_KINDS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
        return None
