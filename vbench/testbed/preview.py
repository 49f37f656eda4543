"""A testbed that makes nothing: its words stand where a real one's paths and numbers would, for `vbench plan`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vbench.contracts import Attachment, Image, Session, Testbed
from vbench.errors import TrialFailed


@dataclass(frozen=True)
class Preview:
    """See contracts.Testbed; PID and RUN stand for what only a run knows."""

    host: Session
    image: Image | None
    cpus: tuple[int, ...]
    peer_cpus: tuple[int, ...]
    memory_b: int
    scratch: Path
    peer_address: str | None = "198.18.0.1"
    no_network: str = ""

    @property
    def peer(self) -> Session:
        raise TrialFailed("a plan starts nothing")

    @contextmanager
    def attach(self, how: Literal["veth", "tap"]) -> Iterator[Attachment | None]:
        if self.no_network:
            yield None
            return
        netns, tap = ("/proc/PID/ns/net", None) if how == "veth" else (None, "tapN")
        yield Attachment("198.18.0.N/15", netns, tap, "/proc/PID/ns/net", "52:54:00:12:00:N")

    def detached(self, how: Literal["veth", "tap"]) -> str:
        del how
        return self.no_network

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        yield self.scratch / "vbench-RUN" / name

    @contextmanager
    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> Iterator[None]:
        del words, there
        yield

    @contextmanager
    def chroot(self, scratch: Path | None) -> Iterator[tuple[str, ...]]:
        del scratch
        yield ("nsenter", "--mount=/proc/PID/ns/mnt", "--", "chroot", str(self.scratch / "vbench-RUN" / "root"))

    def offline(self, why: str) -> Testbed:
        return replace(self, peer_address=None, no_network=why)

    def within(self, session: Session) -> Testbed:
        del session
        return self
