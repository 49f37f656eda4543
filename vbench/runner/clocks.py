"""The clocks of the host that a run reads; tests replace them."""

import time
from collections.abc import Callable
from dataclasses import dataclass


def _uptime_s() -> float:
    """Seconds since the kernel booted, suspended time included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Clocks:
    """Functions that read the clocks. The duration of a trial is taken where the trial runs."""

    unix_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    uptime_s: Callable[[], float] = _uptime_s
