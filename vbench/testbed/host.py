"""What all environments of a run share on the local host: processors, namespaces with bridge and peer, scratch space.

Namespaces and mounts belong to holder processes that end when their standard input does, so that even a killed
harness leaves none behind. Folders carry their owner's process and are swept by `vbench clean`.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from vbench.contracts import Attachment, Image, Session, Testbed, Workplace
from vbench.errors import StartFailed, StopFailed, TrialFailed, VbenchError
from vbench.host import priority
from vbench.host.interrupts import held, unwinding
from vbench.host.paths import usable
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.folders import emptied, using
from vbench.testbed.namespaces import ROOT_MOUNTS, holder
from vbench.testbed.nested import NestedTestbed
from vbench.testbed.network import ip_batch, network_missing
from vbench.testbed.undo import Undoing, claim, removal

PEER_ADDRESS = "198.18.0.1"  # RFC 2544: 198.18.0.0/15 is reserved for benchmarking
PREFIX_LENGTH = 15
# A server that waits for its first client does not end with its standard input.
_DYING = ("setpriv", "--pdeathsig", "KILL", "--")
# A guest of its own kernel has its own default, so every namespace of the run gets the one that all kernels know.
_CONGESTION = "echo cubic > /proc/sys/net/ipv4/tcp_congestion_control\n"


@dataclass
class LocalTestbed:
    """The testbed of the local host; see contracts.Testbed."""

    host: LocalSession
    image: Image | None
    processors: Processors
    memory_b: int
    base: Path  # the run's folder on the scratch file system
    no_network: str = "it was not set up"
    no_taps: str = ""  # why virtual machines have no network here, even where containers have one
    peer_address: str | None = None
    bridge_netns: str = ""
    _peer: Session | None = None
    undoing: Undoing = field(init=False)
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
    def folder(self, name: str) -> Iterator[Path]:
        with emptied(name, self.base, self.base.parent, kept=lambda: self.undoing.is_stuck) as path:
            yield path

    def undo(self, words: Sequence[str], *, there: Sequence[str] = ()) -> AbstractContextManager[None]:
        return self.undoing.of(self.host, removal(words, there))

    @contextmanager
    def chroot(self, scratch: Path | None) -> Iterator[tuple[str, ...]]:
        if self.image is None:
            raise StartFailed("there is no image to change root into", hint="run `vbench image build`")
        with self.folder("root") as root:
            words = (str(self.image.root), str(root), str(scratch or ""))
            with holder(self.host, ["--mount", "--propagation", "private"], ROOT_MOUNTS, *words) as pid:
                yield ("nsenter", f"--mount=/proc/{pid}/ns/mnt", "--", "chroot", str(root))

    @contextmanager
    def attach(self, how: Literal["veth", "tap"]) -> Iterator[Attachment | None]:
        if self.detached(how):
            yield None
            return
        number = next(self._numbers)
        with self._veth(number) if how == "veth" else self._tap(number) as attachment:
            yield attachment

    def detached(self, how: Literal["veth", "tap"]) -> str:
        if self.peer_address is None:
            return self.no_network
        return self.no_taps if how == "tap" else ""

    @contextmanager
    def _veth(self, number: int) -> Iterator[Attachment]:
        address = _address(number)
        with holder(self.host, ["--net"], _CONGESTION) as pid:
            netns = f"/proc/{pid}/ns/net"
            ip_batch(
                self.host,
                self.bridge_netns,
                f"link add port{number} type veth peer name eth0 address {_mac(number)} netns {pid}",
                f"link set port{number} master br0 up",
            )
            ip_batch(self.host, netns, f"addr add {address} dev eth0", "link set lo up", "link set eth0 up")
            yield Attachment(address, netns, None, self.bridge_netns, _mac(number))

    @contextmanager
    def _tap(self, number: int) -> Iterator[Attachment]:
        name = f"tap{number}"
        ip_batch(self.host, self.bridge_netns, f"tuntap add {name} mode tap", f"link set {name} master br0 up")
        try:
            yield Attachment(_address(number), None, name, self.bridge_netns, _mac(number))
        finally:
            with held():
                self._remove_tap(name)

    def _remove_tap(self, name: str) -> None:
        try:
            ip_batch(self.host, self.bridge_netns, f"link del {name}")
        except VbenchError as error:
            raise StopFailed(f"{name} could not be removed: {error.message}") from None

    def offline(self, why: str) -> Testbed:
        alone = copy(self)  # it shares the run's folder, its undo journal and all else
        alone.peer_address, alone.no_network = None, why
        return alone

    def within(self, session: Session) -> Testbed:
        return NestedTestbed(session, self)


def _address(number: int) -> str:
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/{PREFIX_LENGTH}"


def _mac(number: int) -> str:
    return f"52:54:00:12:{number >> 8 & 255:02x}:{number & 255:02x}"


@contextmanager
def open_testbed(
    *, host: LocalSession, image: Image | None, processors: Processors, memory_b: int, scratch: Path, name: str
) -> Iterator[LocalTestbed]:
    """The testbed of one run, undone on every way out. Raises NoSpace, UsageError (scratch), StartFailed."""
    with unwinding() as stack:
        stack.enter_context(priority.usual())
        undoing = stack.enter_context(_owned_folder(usable(scratch, "the scratch folder"), name))
        testbed = LocalTestbed(host, _resolved(image) if image else None, processors, memory_b, undoing.folder)
        testbed.undoing = undoing
        testbed.no_network = network_missing(host) or ("" if image else "there is no image for the peer")
        if not testbed.no_network:
            try:
                _open_network(testbed, stack)
            except VbenchError as error:
                testbed.no_network = error.message
        yield testbed


def _resolved(image: Image) -> Image:
    what = "the image's folder"
    return replace(
        image,
        root=usable(image.root, what),
        disk=usable(image.disk, what),
        kernel=usable(image.kernel, what),
        initramfs=usable(image.initramfs, what),
    )


def _open_network(testbed: LocalTestbed, stack: ExitStack) -> None:
    assert testbed.image is not None
    pid = stack.enter_context(holder(testbed.host, ["--net"], _CONGESTION))
    testbed.bridge_netns = f"/proc/{pid}/ns/net"
    ip_batch(
        testbed.host,
        testbed.bridge_netns,
        "link set lo up",
        "link add br0 type bridge",
        f"addr add {PEER_ADDRESS}/{PREFIX_LENGTH} dev br0",
        "link set br0 up",
    )
    root = stack.enter_context(testbed.chroot(None))
    cpus = ",".join(map(str, testbed.peer_cpus))
    workplace = Workplace(image=testbed.image.digest, scratch=PurePosixPath("/tmp"))
    usual = (workplace.python, "-I", "-S", str(workplace.guest / "surroundings.py"))
    testbed._peer = LocalSession(
        workplace=workplace,
        prefix=(
            *testbed.host.prefix,
            *_DYING,
            "taskset",
            "-c",
            cpus,
            "nsenter",
            f"--net={testbed.bridge_netns}",
            "--",
            *root,
            *usual,
        ),
    )
    testbed.peer_address = PEER_ADDRESS
    testbed.no_taps = _taps_missing(testbed)


def _taps_missing(testbed: LocalTestbed) -> str:
    """Why no machine can be attached, found by making a tap: the kernel's module or its device may not be there."""
    try:
        ip_batch(testbed.host, testbed.bridge_netns, "tuntap add tap1 mode tap", "link del tap1")
    except VbenchError as error:
        said = error.message.partition(": ")[2].partition("\n")[0]
        return f"no tap can be made ({said}): `modprobe tun`; a container needs --device /dev/net/tun"
    return ""


@contextmanager
def _owned_folder(scratch: Path, name: str) -> Iterator[Undoing]:
    undoing: Undoing | None = None
    with emptied(f"vbench-{name}", scratch, scratch, kept=lambda: bool(undoing and undoing.is_stuck)) as folder:
        undoing = Undoing(folder)
        with using(scratch):
            claim(folder)
        yield undoing
