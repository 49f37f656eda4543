"""Percentiles within one trial, and none beyond what its number of values supports."""

import math
from collections.abc import Mapping

CONFIDENCE = 0.95


def fewest(fraction: float) -> int:
    """Values needed so that with 95 % confidence at least one lies beyond the percentile: 299 for p99."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(fraction))


def percentile(counts: Mapping[int, int], fraction: float) -> int | None:
    """The smallest value that `fraction` of all values do not exceed (nearest rank); None where there are too few."""
    total = sum(counts.values())
    if total == 0 or (fraction > 0.5 and total < fewest(fraction)):
        return None
    rank, seen = math.ceil(fraction * total), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    raise AssertionError("unreachable: the ranks add up to the total")


def latencies(counts_ns: Mapping[int, int]) -> tuple[dict[str, tuple[float, ...]], tuple[str, ...]]:
    """Samples `latency` and, where supported, `latency_p99` in s, with a note on what is left out."""
    median, high = percentile(counts_ns, 0.5), percentile(counts_ns, 0.99)
    samples: dict[str, tuple[float, ...]] = {} if median is None else {"latency": (median * 1e-9,)}
    if high is None:
        return samples, (f"no p99: it needs {fewest(0.99)} values, the trial gave {sum(counts_ns.values())}",)
    samples["latency_p99"] = (high * 1e-9,)
    return samples, ()
