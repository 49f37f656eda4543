"""Lists what goes into the image: packages, tools and kernel modules, and the key that says when to build again."""

import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vbench.errors import UsageError, VbenchError
from vbench.host.proc import GUEST

REVISION = 4  # raise it when the building code changes what it makes
SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
EPOCH = "1735689600"  # dates that packages write into files, such as the last change of a password

# What runs inside; psutil is the distribution's because it is compiled, pyperf is not in the distribution.
# systemd is there for systemd-detect-virt alone (9 MB): no other witness knows as many hypervisors.
# nginx and not nginx-light: the same server without a module that nothing here loads.
# runc and the engines' system call filter are for containers in a machine; of the network stacks that the filter's
# package asks for, netavark is the smallest (4 MB), and nothing uses it.
PACKAGES = (
    "fio",
    "golang-github-containers-common",
    "iperf3",
    "iproute2",
    "kmod",
    "netavark",
    "nginx",
    "procps",
    "python3",
    "python3-psutil",
    "runc",
    "systemd",
    "util-linux",
    "virt-what",
    "wrk",
)

# What builds the image and stays out of it: both hosts compile with this gcc and format with this mke2fs.
TOOLS = (
    "busybox-static",
    "e2fsprogs",
    "gcc",
    "kmod",
    "libc6-dev",
    "linux-image-amd64",  # the cloud flavour lacks e1000, e1000e, 8139, AHCI and 9p
    "python3",  # runs the guest folder's build.py
)

# In the initramfs: whatever the machine's root disk, NIC and channel may be. Its init loads those the machine has.
BOOT_MODULES = (
    "8139cp",
    "ahci",
    "ata_piix",
    "crc32c_generic",
    "crc32c_intel",
    "e1000",
    "e1000e",
    "ext4",
    "nvme",
    "sd_mod",
    "virtio_blk",
    "virtio_console",
    "virtio_mmio",
    "virtio_net",
    "virtio_pci",
    "virtio_rng",
    "virtio_scsi",
    "vmw_pvscsi",
    "vmxnet3",
)

# On the disk beside those above, for modprobe in the running guest: folders of the host, and containers in the guest.
GUEST_MODULES = ("9p", "9pnet_virtio", "bridge", "loop", "overlay", "squashfs", "tun", "veth", "virtio_balloon")


def mirrors(suite: str) -> tuple[str, ...]:
    """Lines of sources.list, the same on every host, so that the image does not tell where it was built."""
    debian, security = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
    signed = f"deb [signed-by={KEYRING}]"
    return (
        f"{signed} {debian} {suite} main",
        f"{signed} {debian} {suite}-updates main",
        f"{signed} {security} {suite}-security main",
    )


def checked_suite(suite: str) -> str:
    """The suite's name, since it becomes part of paths and of a command. Raises UsageError."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", suite):
        raise UsageError(f"{suite!r} is not the name of a Debian release", hint=f"the proved one is {SUITE!r}")
    return suite


def pyperf_version() -> str:
    """The harness's own pyperf: the image carries the same one."""
    try:
        return version("pyperf")
    except PackageNotFoundError:
        raise VbenchError("pyperf is not installed beside vbench", hint="pip install 'pyperf>=2.10'") from None


def guest_files(guest: Path = GUEST) -> Iterator[Path]:
    """Source files of the guest folder, sorted."""
    return (path for path in sorted(guest.iterdir()) if path.is_file() and path.suffix not in {".pyc", ".so"})


def layer_key(suite: str, packages: tuple[str, ...], *more: str) -> str:
    """Names a cached layer by what it was asked to hold."""
    words = [str(REVISION), *mirrors(suite), *packages, *more]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def input_key(suite: str, init: str, guest: Path = GUEST) -> str:
    """Changes whenever a build would make something else: lists, guest folder, boot script, pyperf."""
    digest = hashlib.sha256()
    lists = (*PACKAGES, "/", *TOOLS, "/", *BOOT_MODULES, "/", *GUEST_MODULES, pyperf_version(), init)
    digest.update(layer_key(suite, lists).encode())
    for path in guest_files(guest):
        digest.update(f"\n{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()
