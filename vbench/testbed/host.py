"""The testbed of a run's host: processors, namespaces with bridge and peer, and scratch space.

Namespaces and mounts belong to holder processes that end with their standard input, so that a killed harness leaves
none behind. Folders name their owner's process, and `vbench clean` removes those of dead owners.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from vbench.beneath import Image, ImageHere
from vbench.contracts import Bridge, Host, L, Link, S, Session, Storage, Testbed, Workplace
from vbench.errors import TrialFailed, VbenchError
from vbench.host import priority
from vbench.host.interrupts import unwinding
from vbench.host.processors import Processors
from vbench.testbed.folders import emptied, using
from vbench.testbed.images import image_of
from vbench.testbed.namespaces import ROOT_MOUNTS, holder, network_holder
from vbench.testbed.nested import NestedTestbed
from vbench.testbed.network import PEER_ADDRESS, PREFIX_LENGTH, ip_batch, mac, network_missing
from vbench.testbed.undo import Undoing, claim, removal

# A server that waits for its first client does not end with its standard input.
_DYING = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass
class HostTestbed:
    """The testbed of a run's host (see contracts.Testbed)."""

    host: Host
    image: ImageHere | None
    processors: Processors
    memory_b: int
    undoing: Undoing
    no_network: str = "it was not set up"
    peer_address: str | None = None
    bridge: Bridge | None = None
    prepared: dict[str, PurePosixPath] = field(default_factory=dict)
    _peer: Session | None = None
    _lacking: dict[type[Link], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def session(self) -> Session:
        return self.host.session

    @property
    def base(self) -> PurePosixPath:
        """The run's folder on the scratch file system."""
        return self.undoing.folder

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
        scratch, kept = self.base.parent, lambda: self.undoing.is_stuck
        with emptied(self.host.files, name, self.base, scratch, kept=kept) as path:
            yield path

    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> AbstractContextManager[None]:
        return self.undoing.of(removal(words, there))

    @contextmanager
    def image_root(self) -> Iterator[PurePosixPath]:
        yield image_of(self).root

    @contextmanager
    def chroot(self, scratch: PurePosixPath | None) -> Iterator[tuple[str, ...]]:
        image = image_of(self)
        with self.folder("root") as root:
            words = (str(image.root), str(root), str(scratch or ""))
            with holder(self.session, ["--mount", "--propagation", "private"], ROOT_MOUNTS, *words) as pid:
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
    *, host: Host, image: Image | None, processors: Processors, memory_b: int, scratch: PurePosixPath, name: str
) -> Iterator[HostTestbed]:
    """Opens the testbed of one run, and undoes it at the end. Raises NoSpace, UsageError (scratch), StartFailed."""
    with unwinding() as stack:
        stack.enter_context(priority.usual())
        scratch = host.files.resolved(scratch, "the scratch folder")
        undoing = stack.enter_context(_owned_folder(host, scratch, name))
        here = host.image(image) if image else None
        testbed = HostTestbed(host, here, processors, memory_b, undoing)
        testbed.no_network = network_missing(host.session) or ("" if image else "there is no image for the peer")
        if here and not testbed.no_network:
            try:
                _open_network(testbed, here, stack)
            except VbenchError as error:
                testbed.no_network = error.message
        yield testbed


def _open_network(testbed: HostTestbed, image: ImageHere, stack: ExitStack) -> None:
    session = testbed.host.session
    pid = stack.enter_context(network_holder(session))
    bridge = Bridge(session, PurePosixPath(f"/proc/{pid}/ns/net"))
    ip_batch(
        session,
        bridge.netns,
        "link set lo up",
        # A MAC address of its own: a bridge without one takes the lowest of its ports', so a port that goes can change
        # it, and who knows the former one does not reach the peer for half a minute.
        f"link add br0 address {mac(1)} type bridge",
        f"addr add {PEER_ADDRESS}/{PREFIX_LENGTH} dev br0",
        "link set br0 up",
    )
    root = stack.enter_context(testbed.chroot(None))
    cpus = ",".join(map(str, testbed.peer_cpus))
    workplace = Workplace(image=image.digest, scratch=PurePosixPath("/tmp"))
    usual = (workplace.python, "-I", "-S", str(workplace.guest / "surroundings.py"))
    pinned = ("taskset", "-c", cpus, "nsenter", f"--net={bridge.netns}", "--")
    testbed._peer = session.prefixed(*_DYING, *pinned, *root, *usual, workplace=workplace)
    testbed.bridge = bridge
    testbed.peer_address = PEER_ADDRESS


@contextmanager
def _owned_folder(host: Host, scratch: PurePosixPath, name: str) -> Iterator[Undoing]:
    undoing: Undoing | None = None

    def kept() -> bool:
        return undoing is not None and undoing.is_stuck

    with emptied(host.files, f"vbench-{name}", scratch, scratch, kept=kept) as folder:
        undoing = Undoing(host, folder)
        with using(scratch):
            claim(host, folder)
        yield undoing
