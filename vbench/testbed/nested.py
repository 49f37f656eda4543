"""The testbed on a started environment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from vbench.contracts import Attachment, Image, Leftover, Session, Started, Testbed
from vbench.errors import StartFailed
from vbench.host.processors import parse_list


@dataclass(frozen=True)
class NestedTestbed:
    """The testbed on a started environment: it already has its processors, its root and its place on the network."""

    host: Session
    outer: Testbed

    @property
    def image(self) -> Image | None:
        return self.outer.image

    @cached_property
    def cpus(self) -> tuple[int, ...]:
        """As they are numbered there: a machine counts from 0, a container as its host does."""
        status = self.host.run(["cat", "/proc/self/status"], timeout_s=60).check().text
        allowed = [line.split(":")[1] for line in status.splitlines() if line.startswith("Cpus_allowed_list")]
        return tuple(sorted(parse_list(allowed[0])))

    @property
    def peer_cpus(self) -> tuple[int, ...]:
        return self.outer.peer_cpus

    @property
    def memory_b(self) -> int:
        return self.outer.memory_b

    @property
    def peer_address(self) -> str | None:
        return None if self.no_network else self.outer.peer_address

    @property
    def no_network(self) -> str:
        """Why there is no network: on the whole testbed, or in the environment beneath."""
        own = self.host.no_network if isinstance(self.host, Started) else ""
        return self.outer.no_network or own

    @property
    def peer(self) -> Session:
        return self.outer.peer

    @contextmanager
    def attach(self, how: Literal["veth", "tap"]) -> Iterator[Attachment | None]:
        """None: what starts here shares the network of the environment it stands on."""
        del how
        yield None

    def detached(self, how: Literal["veth", "tap"]) -> str:
        del how
        return "it stands on another environment, and has no place of its own on the run's network"

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        made = self.host.run(["mktemp", "-d", f"{self.host.workplace.scratch}/{name}-XXXXXX"], timeout_s=30).check()
        path = made.text.strip()
        try:
            yield Path(path)
        finally:
            self.host.run(["rm", "-rf", path], timeout_s=60)

    @contextmanager
    def undo(self, left: Leftover, remove: Callable[[], None]) -> Iterator[None]:
        """Records nothing: what is started here ends with the environment beneath, which has its own record."""
        del left
        try:
            yield
        finally:
            remove()

    @contextmanager
    def chroot(self, scratch: Path | None) -> Iterator[tuple[str, ...]]:
        """Nothing to enter: the root of the environment it stands on is the image."""
        del scratch
        if self.image is None or self.host.workplace.image != self.image.digest:
            raise StartFailed(
                "the environment beneath does not run from the image, so there is none to change root into"
            )
        yield ()

    def within(self, session: Session) -> Testbed:
        return NestedTestbed(session, self)
