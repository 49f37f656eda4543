"""System call benchmarks: what the way into the kernel, a context switch and a new process cost."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply
from vbench.model import Metric

# Clock sources that no vDSO can read: the kernel leaves them to the system call.
WITHOUT_VDSO = frozenset({"acpi_pm", "hpet", "jiffies", "pit", "refined-jiffies"})


class Getpid(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one getpid through syscall(2), so that no library or vDSO answers.

    Starts before the first call, stops after the last one. It is not the kernel's work: there is next to none.
    """

    kind: ClassVar[str] = "syscall.getpid"
    short: ClassVar[str] = "getpid"
    exposes: ClassVar[str] = (
        "the way into the kernel: mitigations, seccomp filters, kernels in user space that intercept it; with "
        "hardware assistance the hypervisor is not involved, and another kernel in the guest is a difference in "
        "itself"
    )
    about: ClassVar[str] = "getpid through syscall(2), nothing cached"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one call"),)


class Getppid(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one getppid through syscall(2).

    Starts before the first call, stops after the last one. Unlike in syscall.getpid, the kernel looks up the parent
    process.
    """

    kind: ClassVar[str] = "syscall.getppid"
    short: ClassVar[str] = "getppid"
    exposes: ClassVar[str] = (
        "the way into the kernel, as syscall.getpid; kernels in user space, which keep processes in tables of their own"
    )
    about: ClassVar[str] = "getppid through syscall(2)"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one call"),)


class ClockCall(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one clock_gettime of CLOCK_MONOTONIC through syscall(2).

    Starts before the first call, stops after the last one; no reading may be earlier than the one before it. It is not
    how programs read the time: that is syscall.vdso.
    """

    kind: ClassVar[str] = "syscall.clock"
    short: ClassVar[str] = "clock by system call"
    exposes: ClassVar[str] = (
        "the way into the kernel, as syscall.getpid, and the clock source behind it: a register, a paravirtual page, "
        "or a device whose every read is an exit to the hypervisor"
    )
    about: ClassVar[str] = "clock_gettime by a system call"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one call"),)

    @property
    def kernel(self) -> str:
        return "clock_call"  # vb_clock is the look at the clock before each kernel


class Vdso(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one clock_gettime of CLOCK_MONOTONIC as the C library offers it: by the vDSO, in user space.

    Starts before the first reading, stops after the last one; none may be earlier than the one before it. It is not the
    vDSO's cost where the kernel's clock source has no reader there (hpet, acpi_pm): the call then enters the kernel,
    and the trial says so.
    """

    kind: ClassVar[str] = "syscall.vdso"
    short: ClassVar[str] = "clock by vDSO"
    exposes: ClassVar[str] = (
        "the clock source that the environment's kernel chose: the processor's counter, natively or scaled, a "
        "paravirtual page beside it, or none that user space can read"
    )
    about: ClassVar[str] = "clock_gettime as programs call it, without entering the kernel"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one reading"),)

    def notes(self, reply: Reply) -> tuple[str, ...]:
        source = reply.extra.clock_source
        if source not in WITHOUT_VDSO:
            return ()
        return (f"the clock source {source} has no reader in the vDSO: each reading entered the kernel",)


class Mmap(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is an mmap of 64 KiB of anonymous memory and its munmap; no page is touched.

    Starts before the first mmap, stops after the last munmap. It is not the cost of memory: pages come with
    memory.fault.
    """

    kind: ClassVar[str] = "syscall.mmap"
    short: ClassVar[str] = "mmap"
    exposes: ClassVar[str] = (
        "two system calls with work on the kernel's own tables; kernels in user space, which keep such tables twice"
    )
    about: ClassVar[str] = "mmap and munmap of 64 KiB that nobody touches"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one pair"),)


class Open(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is an open and a close of a file of the image, three names deep, that is in the caches.

    Starts before the first open, stops after the last close. It is not the disk: nothing is read.
    """

    kind: ClassVar[str] = "syscall.open"
    short: ClassVar[str] = "open"
    exposes: ClassVar[str] = (
        "the walk through mounts and names: overlay and shared file systems, security modules; kernels in user space "
        "that ask a helper outside for each file"
    )
    about: ClassVar[str] = "open and close of a file that is cached"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one pair"),)


class ReadZero(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is a read of 4 KiB from /dev/zero.

    The device is opened before the clock starts, which stops after the last read; what arrived is checked. It is not a
    copy from another place in memory: the kernel writes zeros.
    """

    kind: ClassVar[str] = "syscall.read_zero"
    short: ClassVar[str] = "read"
    exposes: ClassVar[str] = (
        "a system call that writes into user memory: mitigations around it, and under emulation each store's "
        "translation"
    )
    about: ClassVar[str] = "read of 4 KiB from /dev/zero"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one read"),)


class WriteNull(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is a write of 4 KiB to /dev/null, which the kernel drops without looking at it.

    The device is opened before the clock starts, which stops after the last write. It is not a copy: its length does
    not matter.
    """

    kind: ClassVar[str] = "syscall.write_null"
    short: ClassVar[str] = "write"
    exposes: ClassVar[str] = "the way into the kernel and through its files, as syscall.getpid with a descriptor"
    about: ClassVar[str] = "write of 4 KiB to /dev/null"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one write"),)


class Pipe(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one byte through a pipe to another process and back through a second one: four system calls.

    Two context switches come with it where both share a processor, a wait of each: both run under SCHED_BATCH, where
    who is woken does not preempt who woke it. The second process is forked and has answered once before the clock
    starts; it stops after the last answer.
    """

    kind: ClassVar[str] = "syscall.pipe"
    short: ClassVar[str] = "pipe"
    exposes: ClassVar[str] = (
        "context switches with their change of page tables; on several processors idle wake-ups, an exit to the "
        "hypervisor each, and interrupts between processors"
    )
    about: ClassVar[str] = "one byte through two pipes to another process and back"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one round trip"),)


class Fork(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is fork, exec of a static program that does nothing, and wait.

    The parent is the driver, a Python interpreter, the same in every environment; its page tables are what fork copies.
    Starts before the first fork, stops when wait has returned for the last time.
    """

    kind: ClassVar[str] = "syscall.fork"
    short: ClassVar[str] = "fork"
    exposes: ClassVar[str] = (
        "building and tearing down page tables, and page faults: the dearest case for shadow paging and for emulation"
    )
    about: ClassVar[str] = "fork, exec of a static program that does nothing, wait"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one process from fork to wait"),)
