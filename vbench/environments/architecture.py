"""Everything that depends on the processor architecture, in one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    qemu: str
    package: str
    machine: str
    kernel_words: tuple[str, ...]  # its serial console
    has_tsc: bool


ARCHITECTURES = {
    "x86_64": Architecture("qemu-system-x86_64", "qemu-system-x86", "q35,sata=off", ("console=ttyS0",), has_tsc=True),
    "aarch64": Architecture("qemu-system-aarch64", "qemu-system-arm", "virt", ("console=ttyAMA0",), has_tsc=False),
}
