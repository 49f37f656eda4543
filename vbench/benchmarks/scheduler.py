"""Scheduler benchmarks: what it costs to put a thread to sleep, to wake it, to make it and to end it."""

from typing import ClassVar

from vbench.benchmarks.kernel_driver import KernelBenchmark
from vbench.model import Metric


class Futex(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is a round trip between two threads that take turns over one word: two wake-ups and two waits.

    Both run under SCHED_BATCH, where who is woken does not preempt who woke it: under the normal policy the kernel
    decides each time, and who was preempted need not wait. The second thread has answered once before the clock starts;
    it stops after the last answer. Where the environment has several processors the two can run at once, and a turn may
    come before its thread slept: then it is no longer two context switches. It is not a change of address space: both
    threads share one; for two processes see syscall.pipe.
    """

    kind: ClassVar[str] = "scheduler.futex"
    short: ClassVar[str] = "futex"
    exposes: ClassVar[str] = (
        "wake-ups: on one processor two context switches; on several an interrupt between processors and an idle one "
        "that halts and wakes, an exit to the hypervisor each; system calls that a kernel in user space intercepts"
    )
    about: ClassVar[str] = "two threads take turns over one futex"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one round trip"),)


class Thread(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is one thread from pthread_create to the return of pthread_join; it adds 1 to a number.

    Starts before the first thread, stops after the last one was joined. It is not the mapping of a fresh stack: the C
    library keeps the last thread's and gives it to the next one.
    """

    kind: ClassVar[str] = "scheduler.thread"
    short: ClassVar[str] = "threads"
    exposes: ClassVar[str] = (
        "clone, exit and the two context switches between them; process limits and control groups that count tasks; "
        "page faults of a fresh thread"
    )
    about: ClassVar[str] = "a thread is created and joined"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one thread from create to join"),)
