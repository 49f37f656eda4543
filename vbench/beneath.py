"""What an environment is told of the host that it starts on, and what it tells of itself."""

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
class Engine:
    """A program that starts environments, and how its version is read."""

    name: str  # of its fact: "qemu" is `tool.qemu`
    argv: tuple[str, ...]  # prints the version
    version: str  # a pattern that matches the begin of the output; its group is the version
