"""The machine that vbench itself runs on, as the host of a run."""

import math
import os
import pwd
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self, assert_never

from vbench.beneath import Boot, Cgroup, Descendants, Identity, Image, ImageHere, Owner, ServedBy, Unseen
from vbench.contracts import HostSession
from vbench.gates import Counters, Spent
from vbench.host import cgroups, counters, owners, processes, untrusted
from vbench.host.files import LocalFiles
from vbench.host.home import home
from vbench.host.paths import usable
from vbench.host.proc import LocalSession


@dataclass(frozen=True)
class LocalHost:
    """This machine (see contracts.Host). Tests set other folders for the kernel's files."""

    session: HostSession = field(default_factory=LocalSession)
    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    etc: Path = Path("/etc")
    files: LocalFiles = field(default_factory=LocalFiles)

    def through(self, session: HostSession) -> Self:
        return replace(self, session=session)

    def image(self, image: Image) -> ImageHere:
        """Raises UsageError for a path that not every program takes."""

        def here(path: Path) -> PurePosixPath:
            return PurePosixPath(usable(path, "the image's folder"))

        boot = Boot(here(image.disk), here(image.kernel), here(image.initramfs))
        return ImageHere(image.digest, here(image.root), image.kernel_release, boot)

    def run_owner(self) -> Owner:
        return owners.this_process()

    def has_ended(self, owner: Owner) -> bool:
        return owners.has_ended(owner)

    def counters(self, cpus: Sequence[int], served_by: ServedBy) -> Counters:
        stat = counters.text(self.procfs / "stat")
        times = counters.processor_times(stat, {*cpus, *os.sched_getaffinity(0)}, self.ticks_per_s)
        mine = None if times is None else [times[cpu] for cpu in cpus]
        now = self.spent(cpus, served_by)
        return Counters(
            at_s=time.clock_gettime(time.CLOCK_MONOTONIC_RAW),
            busy_s=None if mine is None else sum(t.busy_s for t in mine),
            steal_s=None if mine is None else sum(t.steal_s for t in mine),
            ours_s=now.ours_s,
            kernel_s=now.kernel_s,
            throttled=counters.throttled(self.sysfs),
            idle_s=None if mine is None else sum(t.idle_s for t in mine),
            processors=len(cpus),
            delays_s=self._delays_s(cpus, served_by),
            queued_s=counters.queued_s(counters.text(self.procfs / "schedstat"), cpus),
        )

    def spent(self, cpus: Sequence[int], served_by: ServedBy) -> Spent:
        match served_by:
            case Descendants():  # guest, VMM, engine and workload
                children_s, tasks = processes.pinned_below(os.getpid(), cpus)
                return Spent(math.fsum(children_s.values()), processes.kernel_s(tasks, cpus), children_s)
            case Cgroup(path):
                group_s = cgroups.spent_s(path, self._hierarchies)
                return Spent(group_s, processes.kernel_s(processes.snapshot()[0], cpus))
            case Unseen():
                return Spent(None, {})
        assert_never(served_by)

    def _delays_s(self, cpus: Sequence[int], served_by: ServedBy) -> dict[int, float] | None:
        """Waiting time so far by thread. None where the threads cannot be seen."""
        match served_by:
            case Descendants():
                threads = processes.threads_below(os.getpid(), cpus)
            case Cgroup(path):
                threads = processes.pinned(cgroups.threads(path, self._hierarchies), cpus)
            case Unseen():
                return None
            case _:
                assert_never(served_by)
        return counters.waits_s(threads, self.procfs)

    @cached_property
    def _hierarchies(self) -> tuple[cgroups.Hierarchy, ...]:
        return cgroups.hierarchies(counters.text(self.procfs / "self/mountinfo"))

    def identity(self) -> Identity:
        caller = os.environ.get("SUDO_USER", "")
        return Identity(
            machine=_hexadecimal(self.etc / "machine-id"),
            boot=_hexadecimal(self.procfs / "sys/kernel/random/boot_id"),
            names=frozenset({socket.gethostname(), os.uname().nodename}),
            homes=frozenset({str(home() or ""), os.environ.get("HOME", ""), *_homes_of_others(caller)}),
            users=frozenset({caller}),
        )

    @property
    def ticks_per_s(self) -> int:
        return processes.TICKS

    def uptime_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @contextmanager
    def harness_on(self, cpus: Sequence[int]) -> Iterator[None]:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cpus)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def _hexadecimal(path: Path) -> str:
    """128 bits in hexadecimal digits from a file, with or without dashes. Empty for anything else."""
    with suppress(FileNotFoundError, untrusted.Untrusted, OSError, RuntimeError):
        text = untrusted.read(path.resolve(), most_b=100).strip().replace(b"-", b"")
        if re.fullmatch(rb"[0-9a-f]{32}", text):
            return text.decode()
    return ""


def _homes_of_others(caller: str) -> Iterator[str]:
    """Homes below /home, and the home of the user who called sudo: with sudo, vbench's own home is root's.

    Homes of services, such as /var/lib/x, name nobody: replacing them would only damage the text.
    """
    yield from (entry.pw_dir for entry in pwd.getpwall() if entry.pw_dir.startswith("/home/"))
    if caller:
        with suppress(KeyError):
            yield pwd.getpwnam(caller).pw_dir
