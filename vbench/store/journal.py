"""One line a trial, each with its own checksum, so that damage to one line is seen and costs that trial alone."""

import math
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vbench.errors import RunFolderError
from vbench.model import Failed, Measured, Trial

LARGEST_LINE_B = 64 * 2**20


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    crc: str  # CRC-32 of the bytes of `trial`, eight hexadecimal digits
    trial: msgspec.Raw


def line(trial: Trial) -> bytes:
    body = msgspec.json.encode(storable(trial))
    return msgspec.json.encode(_Line(_crc(body), msgspec.Raw(body))) + b"\n"


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


def read(path: Path) -> tuple[list[Trial], list[str]]:
    """The trials whose lines are whole, and a warning for every line that is not."""
    trials: list[Trial] = []
    warnings: list[str] = []
    last, torn = 0, False
    try:
        with path.open("rb") as file:
            while text := file.readline(LARGEST_LINE_B + 1):
                last += 1
                torn = not text.endswith(b"\n")
                if torn and len(text) > LARGEST_LINE_B:
                    raise RunFolderError(f"{path}: line {last} is larger than 64 MiB: this is not a journal")
                trial = _parse(text)
                if trial is None:
                    warnings.append(_warning(last, torn=torn))
                else:
                    trials.append(trial)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}") from error
    return trials, warnings


def _warning(number: int, *, torn: bool) -> str:
    if torn:
        return f"journal.jsonl line {number}, the last, is torn: its trial was dropped"
    return f"journal.jsonl line {number} is damaged: its trial was dropped"


def _parse(text: bytes) -> Trial | None:
    try:
        found = msgspec.json.decode(text, type=_Line)
        if _crc(bytes(found.trial)) != found.crc:
            return None
        return msgspec.json.decode(found.trial, type=Trial)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
