"""Everything that depends on the processor architecture, in one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    qemu: str
    package: str
    machine: str
    kernel_words: tuple[str, ...]  # its serial console
    has_tsc: bool
    seccomp: str  # libseccomp's name
    go: str  # the name in conditions of container engines' profiles


ARCHITECTURES = {
    "x86_64": Architecture(
        "qemu-system-x86_64",
        "qemu-system-x86",
        "q35,sata=off",
        ("console=ttyS0",),
        has_tsc=True,
        seccomp="SCMP_ARCH_X86_64",
        go="amd64",
    ),
    "aarch64": Architecture(
        "qemu-system-aarch64",
        "qemu-system-arm",
        "virt",
        ("console=ttyAMA0",),
        has_tsc=False,
        seccomp="SCMP_ARCH_AARCH64",
        go="arm64",
    ),
}
