"""What all environments of a run share on the local host: processors, namespaces with bridge and peer, scratch space.

Namespaces and mounts belong to holder processes that end when their standard input does, so that even a killed
harness leaves none behind. Folders carry their owner's process and are swept by `vbench clean`.
"""

import itertools
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from vbench import priority, rights
from vbench.contracts import Attachment, Image, Leftover, Process, Session, Started, Testbed, Workplace, lacks
from vbench.environments.rights import namespace_hint, rights_missing
from vbench.errors import FULL, NoSpace, StartFailed, StopFailed, TrialFailed, UsageError, VbenchError
from vbench.interrupts import held, unwinding
from vbench.leftovers import Undoing, claim
from vbench.paths import usable
from vbench.proc import LocalSession
from vbench.processors import Processors, parse_list

PEER_ADDRESS = "198.18.0.1"  # RFC 2544: 198.18.0.0/15 is reserved for benchmarking
PREFIX_LENGTH = 15
TUN = "/dev/net/tun"  # the network of a machine; all may open it on an ordinary host
_HOLD = "echo ready; exec cat"
# A server that waits for its first client does not end with its standard input.
_DYING = ("setpriv", "--pdeathsig", "KILL", "--")
# A guest of its own kernel has its own default, so every namespace of the run gets the one that all kernels know.
_CONGESTION = "echo cubic > /proc/sys/net/ipv4/tcp_congestion_control\n"
_MOUNTS = """
set -e
# In a user namespace flags of a mount stay as they are, and /proc is the one that is there.
if ! mount --bind -o ro "$1" "$2" 2>/dev/null; then
    mount --bind "$1" "$2"
    mount -o "remount,bind,$(findmnt -n -o VFS-OPTIONS -T "$2" | sed 's/^rw/ro/')" "$2"
fi
mount -t proc proc "$2/proc" 2>/dev/null || mount --rbind /proc "$2/proc"
mount --rbind /sys "$2/sys"
mount --rbind /dev "$2/dev"
mount -t tmpfs tmpfs "$2/tmp"
mount -t tmpfs tmpfs "$2/run"
if [ -n "$3" ]; then mount --bind "$3" "$2/scratch"; fi
"""


@contextmanager
def holder(host: Session, unshare: Sequence[str], script: str = "", *words: str) -> Iterator[int]:
    """Pid of a process that holds new namespaces until this context, or the harness, ends."""
    argv = ["unshare", *unshare, "--", "sh", "-c", script + _HOLD, "vbench-holder", *words]
    with host.spawn(argv) as process:
        if process.stdout.readline() != b"ready\n":
            said = _said(process)
            raise StartFailed(f"namespaces could not be made: {said}", hint=namespace_hint(said))
        yield process.pid


def _said(process: Process) -> str:
    process.wait(timeout_s=10)
    return process.stderr().decode(errors="replace").strip()[-300:]


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
        with _emptied(name, self.base, self.base.parent, kept=lambda: self.undoing.is_stuck) as path:
            yield path

    def undo(self, left: Leftover, remove: Callable[[], None]) -> AbstractContextManager[None]:
        return self.undoing.of(left, remove)

    @contextmanager
    def chroot(self, scratch: Path | None) -> Iterator[tuple[str, ...]]:
        if self.image is None:
            raise StartFailed("there is no image to change root into", hint="run `vbench image build`")
        with self.folder("root") as root:
            words = (str(self.image.root), str(root), str(scratch or ""))
            with holder(self.host, ["--mount", "--propagation", "private"], _MOUNTS, *words) as pid:
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

    def within(self, session: Session) -> Testbed:
        return NestedTestbed(session, self)


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


def _address(number: int) -> str:
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}/{PREFIX_LENGTH}"


def _mac(number: int) -> str:
    return f"52:54:00:12:{number >> 8 & 255:02x}:{number & 255:02x}"


def ip_batch(host: Session, netns: str, *lines: str) -> None:
    """All lines in one `ip -batch` (3 ms against 68) inside a namespace. Raises CommandFailed."""
    host.run(
        ["nsenter", f"--net={netns}", "ip", "-batch", "-"], timeout_s=30, stdin="\n".join(lines).encode() + b"\n"
    ).check()


def network_missing(host: Session) -> str:
    """Why this host can have no testbed network, or nothing."""
    lacks_rights = rights_missing(host, network=True)
    if lacks_rights:
        return f"network namespaces cannot be made, {lacks(lacks_rights)}"
    tools = ("ip", "nsenter", "setpriv", "unshare")
    lacking = [tool for tool in tools if host.run([tool, "--version"], timeout_s=5).status == 127]
    if lacking:
        return f"{', '.join(lacking)} not found"
    if rights.of(host) == "namespace" and host.run(["test", "-w", TUN], timeout_s=5).status != 0:
        return f"only root may open {TUN} here"
    return ""


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
    with _emptied(f"vbench-{name}", scratch, scratch, kept=lambda: bool(undoing and undoing.is_stuck)) as folder:
        undoing = Undoing(folder)
        with _using(scratch):
            claim(folder)
        yield undoing


@contextmanager
def _emptied(name: str, parent: Path, scratch: Path, *, kept: Callable[[], bool]) -> Iterator[Path]:
    """A new folder that is removed with all it then holds, unless it is to be kept.

    Raises NoSpace, UsageError, StopFailed.
    """
    path: Path | None = None
    try:
        with _using(parent), held():  # a signal between making and naming it would leave it
            path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        yield path
    finally:
        if path is not None and not kept():
            with held():
                _remove(path, scratch)


def _remove(path: Path, scratch: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        hint = f"`vbench clean --scratch {shlex.quote(str(scratch))}` removes it once what uses it has ended"
        raise StopFailed(f"{path} could not be removed: {error.strerror or error}", hint=hint) from error


@contextmanager
def _using(scratch: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "set `scratch` in [testbed], or `--scratch` of doctor, to another folder"
        if error.errno in FULL:
            raise NoSpace(f"no space left in {scratch}", hint=hint) from error
        raise UsageError(f"cannot use {scratch} as scratch space: {error.strerror or error}", hint=hint) from error
