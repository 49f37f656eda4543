"""How the kernel treats a run's commands on the host: as usual, whatever `nice`, `chrt` or a service gave vbench.

A container may not raise its own priority again, and a virtual machine has that of its process on the host. What only
a command itself can have, such as its variables, the agent gives (guest/surroundings.py).
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SET_SLACK, _GET_SLACK, _USUAL_SLACK_NS = 29, 30, 50_000  # linux/prctl.h
_SET_NO_HUGE_PAGES, _GET_NO_HUGE_PAGES = 41, 42


@contextmanager
def usual() -> Iterator[None]:
    """The usual priority, class, timer slack and huge pages, which children inherit, where they may be set."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    slack, no_huge_pages = _prctl(_GET_SLACK), _prctl(_GET_NO_HUGE_PAGES)
    _schedule(os.SCHED_OTHER, os.sched_param(0), 0)
    _prctl(_SET_SLACK, _USUAL_SLACK_NS)
    _prctl(_SET_NO_HUGE_PAGES, 0)
    try:
        yield
    finally:
        _schedule(policy, parameter, nice)
        _prctl(_SET_SLACK, max(0, slack))  # 0 is what the process began with
        _prctl(_SET_NO_HUGE_PAGES, max(0, no_huge_pages))


def _schedule(policy: int, parameter: os.sched_param, nice: int) -> None:
    """Ignores refused settings: an arm that then differs has them among its facts."""
    with suppress(OSError):
        os.sched_setscheduler(0, policy, parameter)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)


def _prctl(option: int, value: int = 0) -> int:
    """Result of prctl(2). Below 0 where the kernel does not have the option."""
    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3))
