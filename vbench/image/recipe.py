"""Lists the packages, tools and kernel modules of the image, and computes the key that tells a stale image."""

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

# Packages in the image. psutil is the distribution's because it is compiled; pyperf is not in the distribution.
# systemd (9 MB) is there for systemd-detect-virt alone: no other tool knows as many hypervisors.
# nginx-light would be the same server with a module that no benchmark loads.
# runc and the engines' system call filter are for containers in a machine. The filter's package needs a network stack:
# netavark is the smallest (4 MB), and nothing uses it.
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

# Packages that build the image and are not in it: every host compiles with this gcc and formats with this mke2fs.
TOOLS = (
    "busybox-static",
    "e2fsprogs",
    "gcc",
    "kmod",
    "libc6-dev",
    "linux-image-amd64",  # the cloud flavour lacks e1000, e1000e, 8139, AHCI and 9p
    "python3",  # runs the guest folder's build.py
)

# In the initramfs: drivers for every root disk, NIC and channel. Its init loads those that the machine has.
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

# On the disk in addition, for modprobe in the running guest: they serve shared folders and containers in the guest.
GUEST_MODULES = ("9p", "9pnet_virtio", "bridge", "loop", "overlay", "squashfs", "tun", "veth", "virtio_balloon")


def mirrors(suite: str) -> tuple[str, ...]:
    """Lines of sources.list. They are the same on every host, so that the image does not depend on the builder."""
    debian, security = "http://deb.debian.org/debian", "http://deb.debian.org/debian-security"
    signed = f"deb [signed-by={KEYRING}]"
    return (
        f"{signed} {debian} {suite} main",
        f"{signed} {debian} {suite}-updates main",
        f"{signed} {security} {suite}-security main",
    )


def checked_suite(suite: str) -> str:
    """Returns a Debian suite's name, or raises UsageError: the name becomes part of paths and of a command."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", suite):
        raise UsageError(f"{suite!r} is not the name of a Debian release", hint=f"the proved one is {SUITE!r}")
    return suite


def pyperf_version() -> str:
    """Version of the harness's pyperf, which the image has too. Raises VbenchError without pyperf."""
    try:
        return version("pyperf")
    except PackageNotFoundError:
        raise VbenchError("pyperf is not installed beside vbench", hint="pip install 'pyperf>=2.10'") from None


def guest_files(guest: Path = GUEST) -> Iterator[Path]:
    """Source files of the guest folder, sorted."""
    return (path for path in sorted(guest.iterdir()) if path.is_file() and path.suffix not in {".pyc", ".so"})


def layer_key(suite: str, packages: tuple[str, ...], *more: str) -> str:
    """Name of a cached layer: a hash over the packages in it and their mirrors."""
    words = [str(REVISION), *mirrors(suite), *packages, *more]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def input_key(suite: str, init: str, guest: Path = GUEST) -> str:
    """A hash over all inputs of a build: lists, guest folder, boot script, version of pyperf."""
    digest = hashlib.sha256()
    lists = (*PACKAGES, "/", *TOOLS, "/", *BOOT_MODULES, "/", *GUEST_MODULES, pyperf_version(), init)
    digest.update(layer_key(suite, lists).encode())
    for path in guest_files(guest):
        digest.update(f"\n{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()
