"""Processor benchmarks: what emulation, traps and stolen time cost code that stays in user space."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply
from vbench.contracts import Missing, Session, Testbed
from vbench.model import Metric

SHA256_BYTES = 16 * 1024
AES_BYTES = 16 * 1024


class Hash(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is a hash of 4 KiB by 64-bit multiply, add, rotate and xor in four independent lanes.

    Four lanes, because a loop that only waits for its own last result hides what emulation costs. Starts before the
    first hash, stops after the last one. It is not memory: the 4 KiB stay in the first cache.
    """

    kind: ClassVar[str] = "cpu.hash"
    short: ClassVar[str] = "integer hash"
    exposes: ClassVar[str] = (
        "translation of instructions under emulation; with hardware assistance user code runs natively, and the cost "
        "should be that of timer interrupts and of what shares the processor"
    )
    about: ClassVar[str] = "integer hash of 4 KiB in four independent lanes"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one hash of 4 KiB"),)


class Matrix(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is the whole product of two 64 × 64 matrices: 524,288 floating-point operations over 96 KiB.

    Starts before the first product, stops after the last one. It is not what a tuned library reaches: no vector
    instruction beyond the architecture's baseline is used, so that each environment executes the same ones.
    """

    kind: ClassVar[str] = "cpu.matrix"
    short: ClassVar[str] = "matrix product"
    exposes: ClassVar[str] = "emulated floating point, which a translator does in software"
    about: ClassVar[str] = "product of two 64 × 64 matrices of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one whole product"),)


class Sha256(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is SHA-256 of 16 KiB in portable C, each over the last one's result; 16,384 B are counted.

    Starts before the first hash, stops after the last one. It is not what a library reaches: the processor's own SHA
    instructions are left out, so that 32-bit rotate and logic with a dependence from round to round are measured.
    """

    kind: ClassVar[str] = "cpu.sha256"
    short: ClassVar[str] = "SHA-256"
    exposes: ClassVar[str] = "translation of instructions, as cpu.hash, for code whose steps wait for each other"
    about: ClassVar[str] = "SHA-256 of 16 KiB in portable C"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "of hashed data"),)

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return {"bandwidth": tuple(SHA256_BYTES / value for value in reply.values)}


class Branchy(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is 4,096 instructions of a small bytecode, each reached by a jump through its address.

    A quarter of the instructions draw from a pseudo-random sequence and skip the next one or jump anywhere by it, so
    that the processor predicts them badly; the sequence goes on from operation to operation and no predictor learns it.
    The result is compared with a second implementation. Starts before the first operation, stops after the last one. It
    is not memory: program and state are half a kilobyte.
    """

    kind: ClassVar[str] = "cpu.branchy"
    short: ClassVar[str] = "bytecode"
    exposes: ClassVar[str] = (
        "indirect jumps: a translator looks each target up in a table of translated code, and mitigations of "
        "speculation that an environment turns on act on the predictor; with hardware assistance the hypervisor is "
        "not involved"
    )
    about: ClassVar[str] = "bytecode interpreter: 4,096 instructions behind unpredictable jumps"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of 4,096 instructions of bytecode"),)


_NO_AES = "a virtual processor has those of the real one with cpu = 'max'; without them leave the benchmark out"


class Aes(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is 16 KiB of AES-128 in counter mode by the processor's own instructions; 16,384 B are counted.

    Set-up checks the standard's example (FIPS 197, appendix C.1) and the instructions against plain C; the last block
    of each value is checked again. Starts before the first 16 KiB, stops after the last. It is never a replacement in
    software: where the processor that is shown has no such instructions the benchmark is missing there.
    """

    kind: ClassVar[str] = "cpu.aes"
    short: ClassVar[str] = "AES"
    exposes: ClassVar[str] = (
        "whether the virtual processor shows special instructions and what they cost: natively executed with "
        "hardware assistance, calls of a helper under emulation"
    )
    about: ClassVar[str] = "AES-128 of 16 KiB by the processor's own instructions"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "of encrypted data"),)

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        lacking = super().missing(session, testbed)
        # The same word in x86's `flags` and in arm64's `Features`.
        if session.run(["grep", "-qw", "aes", "/proc/cpuinfo"], timeout_s=30).status == 0:
            return lacking
        return (*lacking, Missing("the processor's AES instructions", _NO_AES))

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return {"bandwidth": tuple(AES_BYTES / value for value in reply.values)}
