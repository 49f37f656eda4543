"""Latencies of one trial: the median, and a 99th percentile where the number of values supports one."""

from collections.abc import Mapping

from vbench.errors import TrialFailed
from vbench.stats.quantiles import fewest, of_counts


def latencies(counts_ns: Mapping[int, int]) -> tuple[dict[str, tuple[float, ...]], tuple[str, ...]]:
    """Samples `latency` and, where supported, `latency_p99` in s, with a note on what is left out.

    Raises TrialFailed for latencies that are not above 0: they have no ratio.
    """
    if counts_ns and min(counts_ns) <= 0:
        raise TrialFailed(f"a latency of {min(counts_ns)} ns cannot be: the clock it was read from is too coarse")
    median, high = of_counts(counts_ns, 0.5), of_counts(counts_ns, 0.99)
    samples: dict[str, tuple[float, ...]] = {} if median is None else {"latency": (median * 1e-9,)}
    if high is None:
        return samples, (f"no p99: it needs {fewest(0.99)} values, the trial gave {sum(counts_ns.values())}",)
    samples["latency_p99"] = (high * 1e-9,)
    return samples, ()
