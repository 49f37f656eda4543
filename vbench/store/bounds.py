"""Limits on the sizes of a run folder's files: vbench refuses a larger file before it reads it.

The largest run that vbench supports has 40 environments, 40 benchmarks and 1000 blocks: 1.6 million trials. Sizes of
one trial are those of the published run: 2.9 kB in the journal, 43 kB at the most, 110 B for a raw file's checksum.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from vbench.errors import RunFolderError
from vbench.units import show_bytes

JOURNAL_B = 8 * 2**30  # 1.6 million trials take 4.6 GB; its Parquet files are smaller
LINE_B = 16 * 2**20  # 800,000 samples in one trial; the benchmark of the store keeps 10,000 in each
LINES = 6_000_000  # 1.6 million trials, each block voided and repeated twice, and the host's readings
BLOCKS = 1000  # a suite that asks for more is refused
ATTEMPTS = 4 * BLOCKS  # at blocks, in all: gates repeat a third of them, and pauses of the host a few
NAMED = 20  # damaged lines that have a warning each; the others are counted in one warning
MANIFEST_B = 256 * 2**20  # checksums of 1.6 million raw files
CHECKSUMS = 2_000_000
PLAN_B = 32 * 2**20  # 1000 blocks with every start and benchmark: 5 MB
ABOUT_B = 8 * 2**20  # the rest of a manifest: a suite's file has 1 MiB at the most, an environment's record 10 kB
FACTS_B = 2**20  # 200 facts of 200 characters, and lists of features: 20 kB
RAW_B = 64 * 2**20  # one tool's output of one trial
FOLDER_B = 64 * 2**30  # 1.6 million raw files of 16 KiB beside the journal
FILES = 2_000_000

FOREIGN = "no vbench writes so much: the file is damaged or not vbench's"


def refuse_large(path: Path, size: int, limit: int) -> None:
    """Raises RunFolderError for a file that is larger than any run leaves it."""
    if size > limit:
        raise RunFolderError(f"{path} is larger than {show_bytes(limit)}", hint=FOREIGN)


def largest_b(name: str) -> int:
    """Size limit of a file, given by its path inside a run folder, in bytes."""
    if name.startswith("facts/"):
        return FACTS_B
    return RAW_B if name.startswith("raw/") else JOURNAL_B


def size_b(folder: Path, names: Iterable[str]) -> int:
    """Total size of these files in bytes. A file named twice counts twice; a missing file counts 0."""
    return sum(_size_b(folder / name) for name in names)


def _size_b(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except (OSError, ValueError):
        return 0
