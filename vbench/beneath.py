"""Data that a host and an environment pass to each other: image, uplink, engines, processes, identity."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated

from msgspec import Meta, Struct


@dataclass(frozen=True)
class Boot:
    """Files that boot the image as a machine, as paths on its host."""

    disk: PurePosixPath
    kernel: PurePosixPath  # uncompressed vmlinux (PVH)
    initramfs: PurePosixPath


@dataclass(frozen=True)
class Image:
    """A built image in this machine's files: `root` is a folder with the root file system, the rest boots it."""

    digest: str
    root: Path
    disk: Path
    kernel: Path  # uncompressed vmlinux (PVH)
    initramfs: Path
    kernel_release: str
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageHere:
    """The image as a host sees it."""

    digest: str
    root: PurePosixPath
    kernel_release: str
    boot: Boot | None  # None: the host runs from the image, which has no files to boot it again


@dataclass(frozen=True)
class Uplink:
    """An environment's own interface to the run's network, which may become the port of a bridge inside it."""

    interface: str
    address: str  # "198.18.0.2/15"
    mac: str


@dataclass(frozen=True)
class Beneath:
    """Abilities that the environments beneath give to a stacked one."""

    image: bool  # the image as root
    machine: bool  # root rights over a kernel of its own


@dataclass(frozen=True)
class Engine:
    """A program that starts environments, and the command and pattern that read its version."""

    name: str  # of its fact: "qemu" is `tool.qemu`
    argv: tuple[str, ...]  # prints the version
    version: str  # a pattern that matches the begin of the output; its group is the version


@dataclass(frozen=True)
class Descendants:
    """All processes below the harness that are pinned to the environment's processors."""


@dataclass(frozen=True)
class Cgroup:
    """Control group `path` of the run's host and the groups below it, as /proc/PID/cgroup names it."""

    path: PurePosixPath


@dataclass(frozen=True)
class Unseen:
    """The run's host cannot count the environment's processor time; `why` is for the reader."""

    why: str


ServedBy = Descendants | Cgroup | Unseen
"""The processes whose processor time counts as the environment's."""

DESCENDANTS = Descendants()


@dataclass(frozen=True)
class Identity:
    """Identifiers of a host, its present boot and its users. Only their `marks` are ever stored."""

    machine: str = ""  # 32 hexadecimal digits, as `boot`; empty where it has none
    boot: str = ""
    names: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def marks(self, run_id: str) -> tuple[str, str]:
        """Hashes of machine and boot with the run's name, so that nobody can identify the machine by them.

        machine-id(5) asks for such hashes.
        """
        return _mark(run_id, self.machine), _mark(run_id, self.boot)


@dataclass(frozen=True)
class Space:
    """A folder of a host in which files can be made."""

    free_b: int
    executes: bool  # programs can run from it


class Owner(Struct, frozen=True):
    """The process on a host that owns what a run makes there. Pid and start time are unique within a pid namespace."""

    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    started: Annotated[int, Meta(ge=0, le=2**63 - 1)]  # clock ticks since boot
    namespace: Annotated[str, Meta(max_length=64)]
    vbench: Annotated[str, Meta(max_length=64)] = ""


def _mark(run_id: str, own: str) -> str:
    return hashlib.sha256(f"{run_id} {own}".encode()).hexdigest()[:32] if own else ""
