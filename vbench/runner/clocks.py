"""The clocks of the host that a run asks; a test gives its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def _uptime_s() -> float:
    """Since the kernel began, suspended time included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Clocks:
    """Functions that read the clocks. Durations of trials are not read here, but where they are taken."""

    unix_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    uptime_s: Callable[[], float] = _uptime_s
