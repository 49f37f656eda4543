"""Counts the trials of a journal without reading what they measured: hundreds of runs are listed at once."""

import re
from pathlib import Path

from msgspec import Struct

from vbench.errors import RunFolderError
from vbench.host import untrusted
from vbench.store import bounds, files
from vbench.units import show_bytes

CHUNK_B = 2**20
MOST_B = 256 * 2**20  # 90,000 trials, and a moment: the others in the list are waiting
# A suite has 1000 blocks at most; of nine digits a hostile journal could name ten million, which take 0.8 GB.
_BLOCK = re.compile(rb'"trial":\{"block":(\d{1,5}),')
_OVERLAP_B = 32  # what a chunk's end may hold of a mark that ends in the next
# A quote inside any text of the journal has a backslash before it, so these stand nowhere but in a trial.
_OUTCOME = b'"outcome":{"type":"%s"'


class Trials(Struct, frozen=True):
    """Stored trials, the calibration's too, and the blocks after it that were begun."""

    measured: int = 0
    failed: int = 0
    skipped: int = 0
    blocks: int = 0


def count(folder: Path, *, chunk_b: int = CHUNK_B) -> Trials | None:
    """None when there is no journal. Raises OSError when it cannot be read, RunFolderError when that takes too long."""
    if not files.is_regular(folder, "journal.jsonl"):
        return None
    size = bounds.size_b(folder, ["journal.jsonl"])
    if size > MOST_B:
        raise RunFolderError(
            f"its journal of {show_bytes(size)} is too large for a list", hint="`vbench report` reads it"
        )
    names = ("measured", "failed", "skipped")
    marks = {name: _OUTCOME % name.encode() for name in names}
    found, blocks, seen = dict.fromkeys(names, 0), set[int](), b""
    with untrusted.opened(folder / "journal.jsonl") as file:
        while chunk := file.read(chunk_b):
            seen = seen[-_OVERLAP_B:] + chunk
            for name, mark in marks.items():
                found[name] += seen.count(mark, max(0, len(seen) - len(chunk) - len(mark) + 1))
            blocks.update(int(match[1]) for match in _BLOCK.finditer(seen))
    return Trials(**found, blocks=len(blocks - {0}))
