"""The testbed on a started environment."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from vbench.beneath import ImageHere, Uplink
from vbench.contracts import Bridge, Host, L, Link, S, Session, Started, Storage, Testbed
from vbench.errors import SessionLost, StartFailed
from vbench.host.interrupts import held
from vbench.host.processors import parse_list
from vbench.testbed.images import image_of
from vbench.testbed.undo import Removal, removal, remove
from vbench.testbed.uplink import OWN, bridged


@dataclass(frozen=True)
class NestedTestbed:
    """The testbed on a started environment, which already has its processors, its root and its network."""

    session: Session
    outer: Testbed
    numbers: Iterator[int]  # of addresses, unique in the run
    prepared: dict[str, PurePosixPath] = field(default_factory=dict)
    _bridges: list[Bridge] = field(default_factory=list)

    @property
    def host(self) -> Host:
        return self.outer.host

    @property
    def image(self) -> ImageHere | None:
        """The image. In an environment that runs from the image, its root is `/`."""
        image = self.outer.image
        if image is None or self.session.workplace.image != image.digest:
            return image
        return replace(image, root=PurePosixPath("/"), boot=None)

    @cached_property
    def cpus(self) -> tuple[int, ...]:
        """Processors by the environment's numbers: a machine counts from 0, a container uses its host's numbers."""
        status = self.session.run(["cat", "/proc/self/status"], timeout_s=60).check().text
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
        own = self.session.no_network if isinstance(self.session, Started) else ""
        return self.outer.no_network or own

    @property
    def peer(self) -> Session:
        return self.outer.peer

    @contextmanager
    def attach(self, ends: type[L]) -> Iterator[L | None]:
        """The first link turns the environment's own interface into a port of a bridge, which ends with that link."""
        uplink = self._uplink
        if uplink is None or self.detached(ends):
            yield None
            return
        with ExitStack() as stack:
            if not self._bridges:
                self._bridges.append(stack.enter_context(bridged(self, uplink)))
                stack.callback(self._bridges.clear)
            with ends.plugged(self._bridges[0], next(self.numbers)) as link:
                yield link

    def detached(self, ends: type[Link]) -> str:
        if self.no_network:
            return self.no_network
        if self._uplink is None:
            return "it stands on another environment, and has no place of its own on the run's network"
        return ends.missing(Bridge(self.session, OWN))

    @property
    def _uplink(self) -> Uplink | None:
        return self.session.uplink if isinstance(self.session, Started) else None

    def scratch(self, storage: Storage[S]) -> AbstractContextManager[S]:
        return storage.create(self)

    @contextmanager
    def folder(self, name: str) -> Iterator[PurePosixPath]:
        template = f"{self.session.workplace.scratch}/{name}-XXXXXX"
        path = self.session.run(["mktemp", "-d", template], timeout_s=30).check().text.strip()
        with self._undone(removal(["rm", "-rf", "--one-file-system", path])):
            yield PurePosixPath(path)

    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Records the removal in the host's journal if the environment runs on the host's files.

        A thing in an image's root needs no record: it ends with the environment beneath, which has one.
        """
        if self.session.workplace.image == "host":
            return self.outer.undo(words, there=there)
        return self._undone(removal(words, there))

    @contextmanager
    def _undone(self, thing: Removal) -> Iterator[None]:
        try:
            yield
        finally:
            with held(), suppress(SessionLost):  # the thing ended with the environment beneath
                remove(self.session, thing)

    @contextmanager
    def image_root(self) -> Iterator[PurePosixPath]:
        """Yields a bind mount of the environment's root, without its mounts. No runtime accepts `/` as a root."""
        image = image_of(self)
        if image.root != PurePosixPath("/"):
            yield image.root
            return
        root = self.session.run(["mktemp", "-d", "/run/vbench-root-XXXXXX"], timeout_s=30).check().text.strip()
        # Never `rm -r`, which would delete the content of a mount that stayed.
        with self.undo(["rmdir", root]), self.undo(["umount", root], there=["findmnt", "-n", root]):
            self.session.run(["mount", "--bind", "/", root], timeout_s=30).check()
            yield PurePosixPath(root)

    @contextmanager
    def chroot(self, scratch: PurePosixPath | None) -> Iterator[tuple[str, ...]]:
        """Yields an empty prefix, since the environment's root is the image."""
        del scratch
        if self.image is None or self.session.workplace.image != self.image.digest:
            raise StartFailed(
                "the environment beneath does not run from the image, so there is none to change root into"
            )
        yield ()

    def offline(self, why: str) -> Testbed:
        return replace(self, outer=self.outer.offline(why))

    def within(self, session: Session) -> Testbed:
        return NestedTestbed(session, self, self.numbers)
