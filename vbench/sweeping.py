"""Removes what killed runs left behind, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from vbench.environments import KINDS
from vbench.errors import StopFailed
from vbench.proc import LocalSession


def sweep(host: LocalSession, folder: Path) -> Iterator[str]:
    """The containers and files of one abandoned folder (testbed.abandoned), said as they go. Raises StopFailed."""
    for kind in KINDS.values():
        yield from kind.sweep(host, folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StopFailed(f"{folder} could not be removed: {error.strerror or error}") from error
    yield str(folder)
