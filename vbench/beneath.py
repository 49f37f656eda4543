"""What is known of a host, what an environment is told of the one it starts on, and what it tells of itself."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Boot:
    """What boots the image as a machine, as paths on its host."""

    disk: PurePosixPath
    kernel: PurePosixPath  # uncompressed vmlinux (PVH)
    initramfs: PurePosixPath


@dataclass(frozen=True)
class ImageHere:
    """The image as a host sees it."""

    digest: str
    root: PurePosixPath
    kernel_release: str
    boot: Boot | None  # None: the host runs from the image, and has nothing that boots it once more


@dataclass(frozen=True)
class Uplink:
    """An environment's own interface to the run's network, which may become the port of a bridge inside it."""

    interface: str
    address: str  # "198.18.0.2/15"
    mac: str


@dataclass(frozen=True)
class Beneath:
    """What the environments beneath a stacked one give it."""

    image: bool  # the image as root
    machine: bool  # root rights over a kernel of its own


@dataclass(frozen=True)
class Engine:
    """A program that starts environments, and how its version is read."""

    name: str  # of its fact: "qemu" is `tool.qemu`
    argv: tuple[str, ...]  # prints the version
    version: str  # a pattern that matches the begin of the output; its group is the version


@dataclass(frozen=True)
class Descendants:
    """The processes below the harness, those that are pinned to the environment's processors."""


@dataclass(frozen=True)
class Cgroup:
    """Control group `path` of the run's host and the groups below it, as /proc/PID/cgroup names it."""

    path: PurePosixPath


@dataclass(frozen=True)
class Unseen:
    """Nothing that the run's host can count; `why` is for the reader."""

    why: str


ServedBy = Descendants | Cgroup | Unseen
"""Whose processor time is an environment's."""

DESCENDANTS = Descendants()


@dataclass(frozen=True)
class Identity:
    """What a host, this boot of it and its users are known by. Only `marks` of it are ever stored."""

    machine: str = ""  # 32 hexadecimal digits, as `boot`; empty where it has none
    boot: str = ""
    names: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def marks(self, run_id: str) -> tuple[str, str]:
        """Of machine and boot: hashes with the run's own name, so that they tell nobody which machine it is.

        machine-id(5) asks for exactly that.
        """
        return _mark(run_id, self.machine), _mark(run_id, self.boot)


def _mark(run_id: str, own: str) -> str:
    return hashlib.sha256(f"{run_id} {own}".encode()).hexdigest()[:32] if own else ""
