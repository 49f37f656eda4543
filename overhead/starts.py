"""What vbench adds to a start: a guest and a container until their agents answer, against the plain commands."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath
from statistics import median

import places
from pairs import Row, Target, interleaved

from vbench.contracts import Environment, Session, Started, Workplace
from vbench.environments import container as container_config
from vbench.environments.architecture import ARCHITECTURES
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.environments.starting import agent_command, pinned
from vbench.errors import VbenchError
from vbench.image import INIT
from vbench.image.initramfs import Entry, archive
from vbench.testbed.host import HostTestbed
from vbench.testbed.scratch_folder import FolderStorage
from vbench.testbed.veth import Veth
from vbench.units import show

GUESTS, CONTAINERS = 8, 100
MARKER = "first user command"
HAND_OVER = "exec switch_root /root /opt/vbench/python -I -S /opt/vbench/agent.py --port vbench.agent\n"
LIMIT_S = 120.0
DEVICES = (
    *("-drive", "id=scratch,if=none,file.driver=null-co,file.size=1G,format=raw"),
    *("-device", "virtio-blk-pci,drive=scratch"),
    *("-netdev", "hubport,id=net,hubid=0"),
    *("-device", "virtio-net-pci,netdev=net"),
    *("-device", "virtio-serial-pci"),
    *("-device", "virtio-rng-pci"),
)


class Starts:
    """Ready times of fresh starts; what attaching them to the testbed took is kept apart."""

    def __init__(self, environment: Environment, host: Session, testbed: HostTestbed) -> None:
        self.environment, self.host, self.testbed = environment, host, testbed
        self.attached_s: list[float] = []
        self.whole_s: list[float] = []

    def ready_s(self) -> float:
        begun = time.monotonic()
        with self.environment.start(self.host, self.testbed) as session:
            self.whole_s.append(time.monotonic() - begun)
            assert isinstance(session, Started)
            self.attached_s.append(session.timing.attach_s)
            return session.timing.ready_s

    def note(self, against: str) -> str:
        return f"against {against}; attaching to the testbed took {show(median(self.attached_s), 's')} before it"


def guest() -> list[Row]:
    """Against what a user types who has this kernel and disk, and against vbench's own machine with all its devices."""
    bare_q35 = ("-machine", "q35")
    same = ("-machine", ARCHITECTURES["x86_64"].machine, *DEVICES)
    return [
        _guest(bare_q35, Target(0, 1.15), "`-machine q35` with the same kernel, initramfs and disk"),
        _guest(same, None, "vbench's own machine with all its devices, the same kernel, initramfs and disk"),
    ]


def _guest(machine: tuple[str, ...], target: Target | None, what: str) -> Row:
    with places.testbed() as (host, testbed), testbed.folder("plain") as folder:
        starts = Starts(Qemu(), host, testbed)
        argv = [*pinned(testbed.cpus), *plain_qemu(Path(folder)), *machine]
        pairs = interleaved(starts.ready_s, lambda: until_marker_s(host, argv), GUESTS)
    return Row("guest ready", "s", pairs, target, starts.note(f"{what}, up to a first `echo` from the disk"))


def plain_qemu(folder: Path) -> list[str]:
    """A machine with one disk and a console, whose first process on that disk is a shell that prints the marker."""
    image, initramfs = places.image(), folder / "initramfs"
    # In concatenated archives the later file of a name stands (kernel: driver-api/early-userspace/buffer-format).
    hand_over = f"exec switch_root /root /bin/sh -c 'echo {MARKER}; exec sleep 1000'\n"
    init = Entry("init", 0o100755, _replaced(INIT, HAND_OVER, hand_over).encode())
    initramfs.write_bytes(image.initramfs.read_bytes() + archive(iter([init])))
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot"),
        *("-display", "none"),
        *("-accel", "tcg"),
        *("-cpu", "max"),
        *("-smp", "1"),
        *("-m", "1024M"),
        *("-kernel", str(image.kernel)),
        *("-initrd", str(initramfs)),
        *("-append", "console=ttyS0 vbench.root=/dev/vda tsc=reliable quiet panic=-1"),
        *("-drive", f"id=root,if=none,file={image.disk},format=raw,cache=none,aio=native,snapshot=on"),
        *("-device", "virtio-blk-pci,drive=root"),
        *("-serial", "stdio"),
    ]


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise VbenchError(f"the initramfs no longer ends in {old.strip()!r}", hint="adapt overhead/starts.py")
    return text.replace(old, new)


def until_marker_s(host: Session, argv: list[str]) -> float:
    begun = time.monotonic()
    with host.spawn(argv) as process:
        said = b""
        while MARKER.encode() not in said:
            data = process.stdout.read(4096)
            if not data or time.monotonic() - begun > LIMIT_S:
                raise VbenchError(f"the plain guest printed no marker: {said[-300:]!r} {process.stderr()[-300:]!r}")
            said += data
        return time.monotonic() - begun


def container() -> list[Row]:
    """Against the same container without vbench around it, and against one that has no filter and starts no agent.

    Ready is the agent's first message. The same container is `runc run` of the configuration that vbench writes. Its
    Python prints a line where the agent would greet, so the agent and the harness make the difference. The bare one is
    what `runc spec` writes: the system call filter, the limits and the start of Python are in the difference too.
    """
    with places.testbed() as (host, testbed):
        with same_bundle(host, testbed) as bundle:
            pairs, _ = _container(host, testbed, bundle)
        with plain_bundle(host, testbed) as bundle:
            bare_pairs, starts = _container(host, testbed, bundle)
    whole_s = starts.whole_s[-CONTAINERS:]  # without the one that warmed the caches
    whole = tuple((ours, plain) for ours, (_, plain) in zip(whole_s, bare_pairs, strict=True))
    same = "`runc run` of the same configuration with the same Python, which prints a line in the agent's place"
    bare = "`runc run` of what `runc spec` writes, with `true` on the same root: no filter, no limits, no Python"
    return [
        Row("container ready", "s", pairs, Target(0, 1.3), f"against {same}, until that line"),
        Row("container ready, bare peer", "s", bare_pairs, None, starts.note(f"{bare}, from its start to its end")),
        Row("container started", "s", whole, None, "against that bare peer, with all that the harness does around it"),
    ]


def _container(host: Session, testbed: HostTestbed, bundle: Path) -> tuple[tuple[tuple[float, float], ...], Starts]:
    """Pairs of vbench's container and the one in `bundle`, until its marker or its end; vbench's starts."""
    starts = Starts(Oci(), host, testbed)
    argv = [*pinned(testbed.cpus), "runc", "--root", str(bundle / "state"), "run", "--bundle", str(bundle)]
    numbers = count()

    def plain_s() -> float:
        return plain_container_s(host, [*argv, f"vbench-plain-{next(numbers)}"])

    return interleaved(starts.ready_s, plain_s, CONTAINERS), starts


def plain_container_s(host: Session, argv: list[str]) -> float:
    """Until it printed its line, or ended without one; it has ended when this returns."""
    begun = time.monotonic()
    with host.spawn(argv) as process:
        process.stdout.read(len(MARKER))
        ready_s = time.monotonic() - begun
        if process.wait(timeout_s=LIMIT_S) != 0:
            raise VbenchError(f"the plain container did not run: {process.stderr()[-300:]!r}")
        return ready_s


@contextmanager
def same_bundle(host: Session, testbed: HostTestbed) -> Iterator[Path]:
    """The configuration of vbench's own container, with a program in the agent's place that prints the marker."""
    oci, workplace = Oci(), Workplace()
    interpreter = agent_command(workplace)[:-1]
    with (
        testbed.folder("plain") as folder,
        testbed.scratch(FolderStorage()) as scratch,
        testbed.attach(Veth) as link,
    ):
        config = container_config.config(
            name="vbench-plain",
            args=[*interpreter, "-c", f"print({MARKER!r}, flush=True)"],
            root=PurePosixPath(places.image().root),
            scratch=scratch.path,
            limits=oci.limits(host, testbed),
            seccomp=oci.filter(host),
            netns=link.netns if link else None,
        )
        bundle = Path(folder)
        (bundle / "config.json").write_text(json.dumps(config))
        yield bundle


@contextmanager
def plain_bundle(host: Session, testbed: HostTestbed) -> Iterator[Path]:
    """What `runc spec` writes, with the image as root and `true` as command."""
    with testbed.folder("plain") as folder:
        bundle = Path(folder)
        host.run(["runc", "spec", "--bundle", str(bundle)], timeout_s=10).check()
        file = bundle / "config.json"
        config = json.loads(file.read_text())
        config["process"] |= {"terminal": False, "args": ["true"]}
        config["root"] = {"path": str(places.image().root), "readonly": True}
        file.write_text(json.dumps(config))
        yield bundle
