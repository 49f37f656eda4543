"""Computes the median latency of a trial, and the 99th percentile where there are enough values for it."""

from collections.abc import Mapping

from vbench.errors import TrialFailed
from vbench.stats.quantiles import fewest, of_counts


def latencies(counts_ns: Mapping[int, int]) -> tuple[dict[str, tuple[float, ...]], tuple[str, ...]]:
    """Samples `latency` and, with enough values, `latency_p99` in s, and a note where the latter is left out.

    Raises TrialFailed for latencies of 0 or less, which have no ratio.
    """
    if counts_ns and min(counts_ns) <= 0:
        raise TrialFailed(f"a latency of {min(counts_ns)} ns cannot be: the clock it was read from is too coarse")
    median, high = of_counts(counts_ns, 0.5), of_counts(counts_ns, 0.99)
    samples: dict[str, tuple[float, ...]] = {} if median is None else {"latency": (median * 1e-9,)}
    if high is None:
        return samples, (f"no p99: it needs {fewest(0.99)} values, the trial gave {sum(counts_ns.values())}",)
    samples["latency_p99"] = (high * 1e-9,)
    return samples, ()
