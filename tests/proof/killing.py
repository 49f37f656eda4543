"""What kills need: the program, and a way to wait for the end of all that it had started."""

import os
import select
import sys
from pathlib import Path

import psutil

VBENCH = str(Path(sys.executable).with_name("vbench"))
LIMIT_S = 600.0


def children(pid: int) -> list[int]:
    """Descriptors of all processes below one, by which their end can be waited for."""
    descriptors = []
    for child in below(pid):
        try:
            descriptors.append(os.pidfd_open(child.pid))
        except ProcessLookupError:
            continue
    return descriptors


def below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def runs_machine(pid: int) -> bool:
    """Whether an emulated machine is among the processes below one."""
    has_guest = False
    for child in below(pid):
        try:
            has_guest |= child.name().startswith("qemu-system")
        except psutil.NoSuchProcess:
            continue
    return has_guest


def gone(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        assert select.select([descriptor], [], [], LIMIT_S)[0], "a process of what was killed outlived it"
        os.close(descriptor)
