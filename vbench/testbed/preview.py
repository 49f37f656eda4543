"""A testbed that makes nothing: its words stand where a real one's paths and numbers would, for `vbench plan`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from vbench.beneath import ImageHere
from vbench.contracts import L, Link, S, Session, Storage, Testbed
from vbench.errors import TrialFailed


@dataclass(frozen=True)
class Preview:
    """See contracts.Testbed; PID and RUN stand for what only a run knows."""

    host: Session
    image: ImageHere | None
    cpus: tuple[int, ...]
    peer_cpus: tuple[int, ...]
    memory_b: int
    base: Path
    peer_address: str | None = "198.18.0.1"
    no_network: str = ""

    @property
    def peer(self) -> Session:
        raise TrialFailed("a plan starts nothing")

    @contextmanager
    def attach(self, ends: type[L]) -> Iterator[L | None]:
        yield ends.preview()

    def detached(self, ends: type[Link]) -> str:
        del ends
        return self.no_network

    @contextmanager
    def folder(self, name: str) -> Iterator[PurePosixPath]:
        yield PurePosixPath(self.base) / "vbench-RUN" / name

    @contextmanager
    def scratch(self, storage: Storage[S]) -> Iterator[S]:
        with self.folder("scratch") as folder:
            yield storage.preview(folder)

    @contextmanager
    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> Iterator[None]:
        del words, there
        yield

    @contextmanager
    def chroot(self, scratch: PurePosixPath | None) -> Iterator[tuple[str, ...]]:
        del scratch
        yield ("nsenter", "--mount=/proc/PID/ns/mnt", "--", "chroot", str(self.base / "vbench-RUN" / "root"))

    def offline(self, why: str) -> Testbed:
        return replace(self, peer_address=None, no_network=why)

    def within(self, session: Session) -> Testbed:
        del session
        return self
