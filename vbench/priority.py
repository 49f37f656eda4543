"""The priority that a run's commands have on the host: the usual one, whatever `nice` or `chrt` vbench was called by.

A container may not raise its own priority again, and a virtual machine's is that of its process on the host.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def usual() -> Iterator[None]:
    """Nice value 0 and the usual scheduling class, which children inherit, where this process may set them."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    _give(os.SCHED_OTHER, os.sched_param(0), 0)
    try:
        yield
    finally:
        _give(policy, parameter, nice)


def _give(policy: int, parameter: os.sched_param, nice: int) -> None:
    """What may not be set stays: an arm that cannot be equal has it among its facts."""
    with suppress(OSError):
        os.sched_setscheduler(0, policy, parameter)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
