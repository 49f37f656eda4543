"""Reads facts of the clock: source, resolution, cost of a read, and the processor's TSC features."""

import math

from vbench.facts.evidence import Evidence, fact_from, line_value, word
from vbench.model import Facts

SOURCES = "/sys/devices/system/clocksource/clocksource0"
TSC = ("tsc", "constant_tsc", "nonstop_tsc", "tsc_known_freq", "tsc_reliable", "rdtscp", "tsc_scale", "tsc_adjust")


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    calls = evidence.calls
    return {
        "clock.source": evidence.file(f"{SOURCES}/current_clocksource", word),
        "clock.available": evidence.file(f"{SOURCES}/available_clocksource", _available),
        "clock.tsc_flags": evidence.file("/proc/cpuinfo", _tsc),
        "clock.resolution": fact_from("clock_getres(CLOCK_MONOTONIC_RAW)", calls.resolution_s, _positive),
        "clock.read_cost": fact_from(
            "200 reads from Python, least of 5", calls.read_ns, lambda cost_ns: _positive(cost_ns) * 1e-9
        ),
    }


def _available(text: str) -> tuple[str, ...]:
    return tuple(word(name) for name in text.split())


def _tsc(text: str) -> tuple[str, ...]:
    return tuple(name for name in line_value("flags")(text).split() if name in TSC)


def _positive(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("a clock's figure is above zero")
    return value
