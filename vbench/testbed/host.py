"""The testbed of the local host: processors, namespaces with bridge and peer, and scratch space.

Namespaces and mounts belong to holder processes that end with their standard input, so that a killed harness leaves
none behind. Folders name their owner's process, and `vbench clean` removes those of dead owners.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vbench.beneath import Boot, ImageHere
from vbench.contracts import Bridge, Image, L, Link, S, Session, Storage, Testbed, Workplace
from vbench.errors import StartFailed, TrialFailed, VbenchError
from vbench.host import priority
from vbench.host.interrupts import unwinding
from vbench.host.paths import usable
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.folders import emptied, using
from vbench.testbed.namespaces import ROOT_MOUNTS, holder, network_holder
from vbench.testbed.nested import NestedTestbed
from vbench.testbed.network import PEER_ADDRESS, PREFIX_LENGTH, ip_batch, network_missing
from vbench.testbed.undo import Undoing, claim, removal

# A server that waits for its first client does not end with its standard input.
_DYING = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass
class LocalTestbed:
    """The testbed of the local host (see contracts.Testbed)."""

    host: LocalSession
    image: ImageHere | None
    processors: Processors
    memory_b: int
    base: Path  # the run's folder on the scratch file system
    no_network: str = "it was not set up"
    peer_address: str | None = None
    bridge: Bridge | None = None
    _peer: Session | None = None
    undoing: Undoing = field(init=False)
    _lacking: dict[type[Link], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def __post_init__(self) -> None:
        self.undoing = Undoing(self.base)

    @property
    def cpus(self) -> tuple[int, ...]:
        return self.processors.environment

    @property
    def peer_cpus(self) -> tuple[int, ...]:
        return self.processors.peer

    @property
    def peer(self) -> Session:
        if self._peer is None:
            raise TrialFailed(f"no network in this testbed: {self.no_network}")
        return self._peer

    @contextmanager
    def folder(self, name: str) -> Iterator[PurePosixPath]:
        with emptied(name, self.base, self.base.parent, kept=lambda: self.undoing.is_stuck) as path:
            yield PurePosixPath(path)

    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> AbstractContextManager[None]:
        return self.undoing.of(self.host, removal(words, there))

    @contextmanager
    def image_root(self) -> Iterator[PurePosixPath]:
        if self.image is None:
            raise StartFailed("there is no image to start from", hint="run `vbench image build`")
        yield self.image.root

    @contextmanager
    def chroot(self, scratch: PurePosixPath | None) -> Iterator[tuple[str, ...]]:
        if self.image is None:
            raise StartFailed("there is no image to change root into", hint="run `vbench image build`")
        with self.folder("root") as root:
            words = (str(self.image.root), str(root), str(scratch or ""))
            with holder(self.host, ["--mount", "--propagation", "private"], ROOT_MOUNTS, *words) as pid:
                yield ("nsenter", f"--mount=/proc/{pid}/ns/mnt", "--", "chroot", str(root))

    def scratch(self, storage: Storage[S]) -> AbstractContextManager[S]:
        return storage.create(self)

    @contextmanager
    def attach(self, ends: type[L]) -> Iterator[L | None]:
        if self.bridge is None or self.detached(ends):
            yield None
            return
        with ends.plugged(self.bridge, next(self._numbers)) as link:
            yield link

    def detached(self, ends: type[Link]) -> str:
        if self.bridge is None:
            return self.no_network
        if ends not in self._lacking:
            self._lacking[ends] = ends.missing(self.bridge)
        return self._lacking[ends]

    def offline(self, why: str) -> Testbed:
        alone = copy(self)  # it shares the run's folder, its undo journal and all else
        alone.peer_address, alone.bridge, alone.no_network = None, None, why
        return alone

    def within(self, session: Session) -> Testbed:
        return NestedTestbed(session, self, self._numbers)


@contextmanager
def open_testbed(
    *, host: LocalSession, image: Image | None, processors: Processors, memory_b: int, scratch: Path, name: str
) -> Iterator[LocalTestbed]:
    """Opens the testbed of one run, and undoes it at the end. Raises NoSpace, UsageError (scratch), StartFailed."""
    with unwinding() as stack:
        stack.enter_context(priority.usual())
        undoing = stack.enter_context(_owned_folder(usable(scratch, "the scratch folder"), name))
        image_on_host = image_here(image) if image else None
        testbed = LocalTestbed(host, image_on_host, processors, memory_b, undoing.folder)
        testbed.undoing = undoing
        testbed.no_network = network_missing(host) or ("" if image else "there is no image for the peer")
        if image_on_host and not testbed.no_network:
            try:
                _open_network(testbed, image_on_host, stack)
            except VbenchError as error:
                testbed.no_network = error.message
        yield testbed


def image_here(image: Image) -> ImageHere:
    """The image as this machine sees it. Raises UsageError for a path that not every program takes."""

    def usable_path(path: Path) -> PurePosixPath:
        return PurePosixPath(usable(path, "the image's folder"))

    boot = Boot(usable_path(image.disk), usable_path(image.kernel), usable_path(image.initramfs))
    return ImageHere(image.digest, usable_path(image.root), image.kernel_release, boot)


def _open_network(testbed: LocalTestbed, image: ImageHere, stack: ExitStack) -> None:
    pid = stack.enter_context(network_holder(testbed.host))
    bridge = Bridge(testbed.host, PurePosixPath(f"/proc/{pid}/ns/net"))
    ip_batch(
        testbed.host,
        bridge.netns,
        "link set lo up",
        "link add br0 type bridge",
        f"addr add {PEER_ADDRESS}/{PREFIX_LENGTH} dev br0",
        "link set br0 up",
    )
    root = stack.enter_context(testbed.chroot(None))
    cpus = ",".join(map(str, testbed.peer_cpus))
    workplace = Workplace(image=image.digest, scratch=PurePosixPath("/tmp"))
    usual = (workplace.python, "-I", "-S", str(workplace.guest / "surroundings.py"))
    pinned = ("taskset", "-c", cpus, "nsenter", f"--net={bridge.netns}", "--")
    prefix = (*testbed.host.prefix, *_DYING, *pinned, *root, *usual)
    testbed._peer = LocalSession(workplace=workplace, prefix=prefix)
    testbed.bridge = bridge
    testbed.peer_address = PEER_ADDRESS


@contextmanager
def _owned_folder(scratch: Path, name: str) -> Iterator[Undoing]:
    undoing: Undoing | None = None
    with emptied(f"vbench-{name}", scratch, scratch, kept=lambda: bool(undoing and undoing.is_stuck)) as folder:
        undoing = Undoing(folder)
        with using(scratch):
            claim(folder)
        yield undoing
