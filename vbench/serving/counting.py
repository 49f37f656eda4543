"""Counts the trials of a journal without parsing them, because a list may have hundreds of runs."""

import re
from pathlib import Path

from msgspec import Struct

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.store import bounds, files
from vbench.units import show_bytes

CHUNK_B = 2**20
MOST_B = 256 * 2**20  # about 90,000 trials: the rest of the list waits while they are counted
# A suite has 1000 blocks at most; of nine digits a hostile journal could name ten million, which take 0.8 GB.
_BLOCK = re.compile(rb'"trial":\{"block":(\d{1,5}),')
_OVERLAP_B = 32  # kept from the end of a chunk, so that a mark across two chunks is found
# A quote inside any text of the journal has a backslash before it, so only a trial contains these bytes.
_OUTCOME = b'"outcome":{"type":"%s"'


class Trials(Struct, frozen=True):
    """Numbers of stored trials, with those of the calibration, and of begun blocks, without the calibration's."""

    measured: int = 0
    failed: int = 0
    skipped: int = 0
    blocks: int = 0


def count(folder: Path, *, chunk_b: int = CHUNK_B) -> Trials | None:
    """Count the trials of a run folder. None if it has no journal.

    Raises OSError if the journal cannot be read, and RunFolderError if it is too large to be read for a list.
    """
    if not files.is_regular(folder, "journal.jsonl"):
        return None
    size = bounds.size_b(folder, ["journal.jsonl"])
    if size > MOST_B:
        raise RunFolderError(
            f"its journal of {show_bytes(size)} is too large for a list", hint="`vbench report` reads it"
        )
    names = ("measured", "failed", "skipped")
    marks = {name: _OUTCOME % name.encode() for name in names}
    totals, blocks, window = dict.fromkeys(names, 0), set[int](), b""
    with untrusted.opened(folder / "journal.jsonl") as file:
        while chunk := file.read(chunk_b):
            window = window[-_OVERLAP_B:] + chunk
            for name, mark in marks.items():
                totals[name] += window.count(mark, max(0, len(window) - len(chunk) - len(mark) + 1))
            blocks.update(int(match[1]) for match in _BLOCK.finditer(window))
    return Trials(**totals, blocks=len(blocks - {0}))
