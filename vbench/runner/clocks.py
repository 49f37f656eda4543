"""The clocks of the harness that a run reads; tests replace them."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clocks:
    """Functions that read the clocks. The duration of a trial is taken where the trial runs."""

    unix_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
