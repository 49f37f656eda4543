"""Scratch space that is a folder of the host's file system: for processes and containers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from vbench.contracts import Testbed


@dataclass(frozen=True)
class Folder:
    path: PurePosixPath


@dataclass(frozen=True)
class FolderStorage:
    """Asks for a folder."""

    def preview(self, folder: PurePosixPath) -> Folder:
        return Folder(folder)

    @contextmanager
    def create(self, testbed: Testbed) -> Iterator[Folder]:
        with testbed.folder("scratch") as path:
            yield Folder(path)
