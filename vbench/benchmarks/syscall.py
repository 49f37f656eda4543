"""System call benchmarks: what the way into the kernel, a context switch and a new process cost."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark
from vbench.model import Metric


class Getpid(KernelBenchmark, frozen=True, kw_only=True):
    """The shortest way into the kernel and back."""

    kind: ClassVar[str] = "syscall.getpid"
    about: ClassVar[str] = "getpid through syscall(2), nothing cached"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one call"),)


class Pipe(KernelBenchmark, frozen=True, kw_only=True):
    """Two context switches and four system calls, on one processor where the environment has one."""

    kind: ClassVar[str] = "syscall.pipe"
    about: ClassVar[str] = "one byte through two pipes to another process and back"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one round trip"),)


class Fork(KernelBenchmark, frozen=True, kw_only=True):
    """Page tables copied, thrown away, built again and torn down."""

    kind: ClassVar[str] = "syscall.fork"
    about: ClassVar[str] = "fork, exec of a static program that does nothing, wait"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one process from fork to wait"),)
