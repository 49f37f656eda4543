"""Processor benchmarks: what emulation, traps and stolen time cost code that stays in user space."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply
from vbench.model import Metric

SHA256_BYTES = 16 * 1024


class Hash(KernelBenchmark, frozen=True, kw_only=True):
    """64-bit multiply, rotate and xor."""

    kind: ClassVar[str] = "cpu.hash"
    about: ClassVar[str] = "integer hash of 4 KiB in four independent lanes"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one hash of 4 KiB"),)


class Matrix(KernelBenchmark, frozen=True, kw_only=True):
    """Double-precision multiply-add."""

    kind: ClassVar[str] = "cpu.matrix"
    about: ClassVar[str] = "product of two 64 × 64 matrices of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one whole product"),)


class Sha256(KernelBenchmark, frozen=True, kw_only=True):
    """32-bit rotate, add and logic, without the processor's SHA instructions."""

    kind: ClassVar[str] = "cpu.sha256"
    about: ClassVar[str] = "SHA-256 of 16 KiB in portable C"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "of hashed data"),)

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return {"bandwidth": tuple(SHA256_BYTES / value for value in reply.values)}
