"""Scratch space that is a disk image with a file system, in a file of the host: for virtual machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from vbench.contracts import Testbed

NAME = "scratch.img"
# No lazy tables: a kernel thread of the guest would fill them in while the first trials run.
_EXT4 = ("-t", "ext4", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")


@dataclass(frozen=True)
class Disk:
    """A sparse raw file with an empty ext4."""

    path: PurePosixPath
    size_b: int


@dataclass(frozen=True)
class DiskStorage:
    """Asks for a disk of this size."""

    size_b: int

    def preview(self, folder: PurePosixPath) -> Disk:
        return Disk(folder / NAME, self.size_b)

    @contextmanager
    def create(self, testbed: Testbed) -> Iterator[Disk]:
        with testbed.folder("scratch") as folder:
            disk = self.preview(folder)
            testbed.session.run(["truncate", "-s", str(self.size_b), str(disk.path)], timeout_s=30).check()
            # A relative name: mke2fs would take the part of a path after a `?` for options.
            words = ["env", "-C", str(folder), "mke2fs", "-q", "-F", *_EXT4, NAME]
            testbed.session.run(words, timeout_s=60).check()
            yield disk
