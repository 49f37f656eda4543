"""Virtual machines by QEMU: hardware-assisted (KVM) or full emulation (TCG), never one instead of the other."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar, Literal, Self

from msgspec import Struct

from vbench.beneath import Beneath, Boot, Engine, Uplink
from vbench.contracts import (
    Completed,
    Missing,
    Needs,
    Probe,
    Session,
    Testbed,
    Workplace,
)
from vbench.environments.architecture import ARCHITECTURES, Architecture
from vbench.environments.settings import EnvironmentSettings
from vbench.environments.starting import pinned, started
from vbench.environments.tools import tool_missing
from vbench.errors import StartFailed
from vbench.host import foreign
from vbench.host.paths import qemu_value
from vbench.model import Layer
from vbench.testbed.images import image_of
from vbench.testbed.scratch_disk import Disk, DiskStorage
from vbench.testbed.tap import Tap
from vbench.units import Bytes

LEAST_MEMORY_B = 192 * 2**20  # measured: the agent starts with 96 MiB, fio beside it with 192
PORT = "vbench.agent"
SOCKET, CONSOLE, SERIAL = "qmp", "console.log", "serial"  # in the machine's folder
CONSOLE_B = 2**20  # kept of its beginning; a boot with all its messages prints a tenth of this
_OPENS = """
test -e "$1" || { echo absent; exit; }
if why=$( (: <>"$1") 2>&1 ); then echo opens; else echo "$(stat -Lc '%a %G' "$1") $why"; fi
"""
_UNMAPPED = ("nogroup", "nobody", "UNKNOWN")


@dataclass(frozen=True)
class Parts:
    """What one start got from the testbed."""

    boot: Boot
    folder: PurePosixPath
    scratch: Disk
    link: Tap | None


class Accelerator(Struct, frozen=True):
    """QEMU's answer to query-kvm."""

    enabled: bool
    present: bool | None = None


class Qemu(EnvironmentSettings, frozen=True, kw_only=True):
    """One machine a start, from a disk whose writes are thrown away, with virtio devices and the image's own kernel."""

    kind: ClassVar[str] = "qemu"
    has_own_kernel: ClassVar[bool] = True
    known_as: ClassVar[Mapping[str, str]] = {
        name: f'kind = "qemu" with accel = "{name}"' for name in ("kvm", "tcg")
    } | dict.fromkeys(
        ("vm", "machine", "libvirt", "virtualbox", "vmware", "xen", "hyperv", "hyper-v", "firecracker"),
        'kind = "qemu" is the one virtual machine that vbench starts; accel = "kvm" or "tcg"',
    )
    # TCG boots here in 3 to 8 s, KVM elsewhere in under 2; both with room for load.
    limits_s: ClassVar[Mapping[str, float]] = {"tcg": 120.0, "kvm": 30.0}
    accel: Literal["tcg", "kvm"] = "tcg"
    cpu: str = "max"
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe"] = "none"
    aio: Literal["native", "threads", "io_uring"] = "native"
    scratch: Bytes = Bytes(2**30)
    options: tuple[str, ...] = ()  # more words for QEMU

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        return (cls(), cls(accel="kvm"))

    def engines(self) -> tuple[Engine, ...]:
        ask = ("sh", "-c", 'exec "qemu-system-$(uname -m)" --version')
        return (Engine("qemu", ask, r"QEMU emulator version (.+)"),)

    def title(self) -> str:
        return f"qemu accel={self.accel}"

    def expected_start_s(self) -> float:
        return 6.0 if self.accel == "tcg" else 2.0

    def expected_factor(self) -> float:
        return 1.7 if self.accel == "tcg" else 1.2

    @property
    def scratch_b(self) -> int | None:
        """Usable size of the scratch disk in bytes. Inode tables and journal take 3 to 4 %, more on a small disk."""
        return max(0, int(self.scratch) * 24 // 25 - 16 * 2**20)

    def needs(self) -> Needs:
        return Needs(memory_b=LEAST_MEMORY_B)

    def misfit(self, beneath: Beneath) -> str:
        return "it needs QEMU, and the image beneath has none" if beneath.image else ""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        machine = _architecture(host)
        if machine is None:
            return (Missing("a known architecture", "x86_64 and aarch64 hosts are known"),)
        tools = (([machine.qemu, "--version"], machine.package), (["mke2fs", "-V"], "e2fsprogs"))
        lacking = [tool_missing(host, argv, f"apt-get install {package}") for argv, package in tools]
        return (*lacking[0], *lacking[1], *(kvm_missing(host) if self.accel == "kvm" else ()))

    def probe(self, host: Session, testbed: Testbed) -> Probe:
        result = super().probe(host, testbed)
        if result.problem and self.accel == "kvm" and "no answer" in result.problem:
            problem = f"/dev/kvm opens, but a guest did not reach user space within {self.limits_s['kvm']:.0f} s"
            return Probe(
                None, problem, "this host's KVM cannot run stock guests; set accel = 'tcg' to measure emulation"
            )
        return result

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        image, machine = image_of(testbed), _architecture(host)
        if machine is None:
            raise StartFailed("this architecture is not known", hint="x86_64 and aarch64 hosts are known")
        if image.boot is None:
            raise StartFailed("the environment beneath has the image as its root, and nothing that boots it")
        begun = time.monotonic()
        with (
            _explained(),
            testbed.folder("machine") as folder,
            testbed.scratch(DiskStorage(int(self.scratch))) as scratch,
            testbed.attach(Tap) as link,
            _console(host, folder),
        ):
            console = folder / CONSOLE
            argv = self.words(machine, testbed, Parts(image.boot, folder, scratch, link))
            with started(
                host,
                argv,
                workplace=Workplace(image=image.digest),
                layers=[Layer(self.accel, f"{machine.qemu} -accel {self.accel}"), Layer("guest", image.kernel_release)],
                mechanisms=self.mechanisms(testbed, link),
                attach_s=time.monotonic() - begun,
                limit_s=self.limits_s[self.accel],
                memory_limit_b=testbed.memory_b,
                no_network="" if link else testbed.detached(Tap),
                uplink=Uplink("eth0", link.address, link.mac) if link else None,
                log=lambda: _tail(host, console),
                logs=lambda: {
                    "console.log": host.run(["head", "-c", str(CONSOLE_B), str(console)], timeout_s=10).stdout
                },
            ) as session:
                _check_accelerator(host, folder / SOCKET, self.accel)
                _refuse_counted_time(host, folder / SOCKET, self.accel, self.options)
                refuse_threads(session.channel.carrier.stderr(), self.aio)
                yield session

    def commands(self, host: Session, testbed: Testbed) -> tuple[tuple[str, ...], ...]:
        image, machine = testbed.image, _architecture(host)
        if image is None or image.boot is None or machine is None:
            return ()
        disk = DiskStorage(int(self.scratch))
        with testbed.folder("machine") as folder, testbed.scratch(disk) as scratch, testbed.attach(Tap) as link:
            return (tuple(self.words(machine, testbed, Parts(image.boot, folder, scratch, link))),)

    def words(self, machine: Architecture, testbed: Testbed, parts: Parts) -> list[str]:
        """How QEMU is called: in the bridge's namespace, all its threads on the environment's processors."""
        return [
            *("setpriv", "--pdeathsig", "KILL", "--"),  # a killed harness takes its machines with it
            *(("nsenter", f"--net={parts.link.bridge_netns}", "--") if parts.link else ()),
            *pinned(testbed.cpus),
            # There its own files need no path: a socket's may have 107 bytes, and QEMU reads others in its own way. The
            # writes that it throws away go there too, on the file system that is the same for all arms.
            *("env", "-C", str(parts.folder), f"TMPDIR={parts.folder}"),
            *self.command(machine, testbed, parts),
        ]

    def command(self, machine: Architecture, testbed: Testbed, parts: Parts) -> list[str]:
        """QEMU's words: each option beside its argument."""
        kernel_words = [
            *machine.kernel_words,
            "vbench.root=/dev/vda",
            "vbench.scratch=/dev/vdb",
            *([f"vbench.ip={parts.link.address}"] if parts.link else []),
            # tsc=reliable: without it a loaded TCG guest falls back to hpet, and a clock read costs microseconds.
            *(["tsc=reliable"] if self.accel == "tcg" and machine.has_tsc else []),
            "quiet",
            "panic=-1",
        ]
        drive = f"if=none,format=raw,cache={self.cache},aio={self.aio}"
        return [
            machine.qemu,
            *("-nodefaults", "-no-user-config", "-no-reboot"),
            *("-display", "none"),
            *("-machine", machine.machine),
            *("-accel", self.accel),
            *("-cpu", self.cpu),
            *("-smp", str(len(testbed.cpus))),
            *("-m", f"{testbed.memory_b // 2**20}M"),
            *("-kernel", str(parts.boot.kernel)),
            *("-initrd", str(parts.boot.initramfs)),
            *("-append", " ".join(kernel_words)),
            *("-drive", f"id=root,file={qemu_value(parts.boot.disk)},{drive},snapshot=on"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-drive", f"id=scratch,file={qemu_value(parts.scratch.path)},{drive}"),
            *("-device", "virtio-blk-pci,drive=scratch"),
            *("-chardev", "stdio,id=agent,signal=off"),
            *("-device", "virtio-serial-pci"),
            *("-device", f"virtserialport,chardev=agent,name={PORT}"),
            *("-serial", f"file:{SERIAL}"),
            *("-qmp", f"unix:{SOCKET},server=on,wait=off"),
            *("-device", "virtio-rng-pci"),
            *_nic(parts.link),
            *self.options,
        ]

    def mechanisms(self, testbed: Testbed, link: Tap | None) -> tuple[str, ...]:
        cpus = ",".join(map(str, testbed.cpus))
        return (
            f"affinity {cpus} of all threads of the VMM",
            f"{len(testbed.cpus)} virtual processor(s), model {self.cpu}",
            f"{testbed.memory_b // 2**20} MiB of guest memory",
            f"virtio-blk on raw files, cache={self.cache}, aio={self.aio}",
            *(["virtio-net on a tap"] if link else []),
            "a kernel of its own",
        )


def _nic(link: Tap | None) -> tuple[str, ...]:
    if link is None:
        return ()
    tap = f"tap,id=net,ifname={link.interface},script=no,downscript=no"
    return ("-netdev", tap, "-device", f"virtio-net-pci,netdev=net,mac={link.mac}")


def _architecture(host: Session) -> Architecture | None:
    return ARCHITECTURES.get(host.run(["uname", "-m"], timeout_s=10).text.strip())


def kvm_missing(host: Session, device: str = "/dev/kvm") -> tuple[Missing, ...]:
    """What the session lacks to open the device. Many hosts have it and refuse it to a user or a container."""
    state = host.run(["sh", "-c", _OPENS, "sh", device], timeout_s=10).text.strip()
    if state == "opens":
        return ()
    if state == "absent":
        hint = "`modprobe kvm_intel` or `kvm_amd`; if that fails, enable virtualization in the firmware, or nesting"
        return (Missing(device, f"{hint} on the outer host"),)
    mode, group, why = [*state.split(maxsplit=2), "", "", ""][:3]
    if "not permitted" in why:
        return (Missing(f"permission for {device}", f"a container needs it given: --device {device}"),)
    if "denied" in why:
        is_groups = mode[-2:-1] in ("6", "7") and group != "root"
        named = f"the group {group}"
        if group in _UNMAPPED:  # seen from a user namespace
            named, group = "its group", f"$(stat -c %G {device})"
        join = f"add yourself to {named}: `sudo usermod -aG {group} $USER`, then log in again"
        return (Missing(f"permission for {device}", join if is_groups else f"it has mode {mode} and group {group}"),)
    return (Missing(f"a {device} that opens ({why.rpartition(': ')[2]})", "look into `dmesg | grep kvm`"),)


def _check_accelerator(host: Session, qmp: PurePosixPath, wanted: str) -> None:
    """Raises StartFailed unless QMP reports the wanted accelerator. The guest could only guess it."""
    answer = ask(host, qmp, "query-kvm").check().stdout
    try:
        accelerator = foreign.decode(answer, Accelerator)
    except ValueError as error:
        raise StartFailed(f"QEMU's answer to query-kvm cannot be read: {error}") from None
    if accelerator.enabled is not (wanted == "kvm"):
        raise StartFailed(f"accel = {wanted!r} was asked for, and QEMU reports {accelerator}")


@contextmanager
def _explained() -> Iterator[None]:
    """Adds a hint to the error of a QEMU that ended for want of asynchronous I/O."""
    try:
        yield
    except StartFailed as error:
        raise StartFailed(error.message, hint=error.hint or aio_hint(error.message)) from error


def aio_hint(message: str) -> str:
    """Hint for QEMU's message that the kernel set up no queue. Empty for another message."""
    if "Unable to use native AIO" not in message:
        return ""
    limit = "raise the host's limit with `sysctl fs.aio-max-nr=1048576`, or " if "unavailable" in message else ""
    return f"{limit}set aio = 'threads'"


def refuse_threads(stderr: bytes, aio: str) -> None:
    """Raises StartFailed if QEMU reports that it uses threads, since the kernel refused the requested way of I/O."""
    if b"falling back to thread pool" not in stderr:
        return
    why = stderr.decode(errors="replace").strip().rpartition(": ")[2][-200:]
    used_up = "raise the host's limit with `sysctl fs.aio-max-nr=1048576`, or " if aio == "native" else ""
    raise StartFailed(
        f"aio = {aio!r} was asked for, and QEMU would use threads: {why}", hint=f"{used_up}set aio = 'threads'"
    )


def _refuse_counted_time(host: Session, qmp: PurePosixPath, accel: str, options: Sequence[str]) -> None:
    """Raises StartFailed under -icount, where the guest's clock counts instructions instead of time.

    QEMU has no query for -icount, but its translator reports a drift between two clocks only with it. For a QEMU
    without that report its command line decides.
    """
    answer = ask(host, qmp, "x-query-jit") if accel == "tcg" else None
    drifts = answer is not None and answer.status == 0 and "Host - Guest clock" in answer.text
    if drifts or "-icount" in options:
        raise StartFailed(
            "QEMU runs with -icount: the guest's clock counts instructions, not time",
            hint="leave -icount out of `options`; nothing that is measured under it is a duration",
        )


def ask(host: Session, qmp: PurePosixPath, command: str) -> Completed:
    """Sends one command to QEMU's monitor, by a small client that runs on the socket's host."""
    script = str(host.workplace.guest / "qmp.py")
    return host.run([host.workplace.python, "-I", "-S", script, str(qmp), command], timeout_s=20)


@contextmanager
def _console(host: Session, folder: PurePosixPath) -> Iterator[None]:
    """Keeps the first CONSOLE_B bytes of the guest's console. Without this limit QEMU would fill the disk."""
    host.run(["mkfifo", str(folder / SERIAL)], timeout_s=10).check()
    # stdbuf: the guest's last lines must be in the file when the console is read.
    keep = 'exec < "$1"; stdbuf -o0 head -c "$2" > "$3"; exec cat > /dev/null'
    words = ["sh", "-c", keep, "sh", str(folder / SERIAL), str(CONSOLE_B), str(folder / CONSOLE)]
    with host.spawn(["setpriv", "--pdeathsig", "KILL", "--", *words]):
        yield


def _tail(host: Session, console: PurePosixPath) -> str:
    end = host.run(["tail", "-c", "16384", str(console)], timeout_s=5)
    words = last_words(end.text) if end.status == 0 else ""
    return f"console: {words}" if words else ""


def last_words(console: str) -> str:
    """The first line of a kernel panic, or else the end of the console."""
    panic = console.rfind("Kernel panic")
    if panic >= 0:
        return console[panic:].splitlines()[0].strip()
    return console.replace("\r", "").strip()[-400:]
