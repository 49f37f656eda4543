"""What other tools would have said of the same series: their own code where it can be imported, else their rule."""

import math

import numpy as np
import pyperf
import scipy
from pyperf._compare import CompareData, CompareResult

from tests.proof.figures import Array

PHORONIX_RUNS = 3
PHORONIX_DEVIATION = 3.0  # percent, default of StandardDeviationThreshold in pts_test_run_manager.php
PHORONIX_TIMES = 4  # a test of at most two minutes is repeated up to so many times as planned


def pyperf_significant(one: Array, other: Array) -> bool:
    """The code behind `pyperf compare_to`, called as it calls it; each array is (processes, values), in seconds."""
    first, second = (CompareData(name, _benchmark(values)) for name, values in (("one", one), ("other", other)))
    return bool(CompareResult(first, second).significant)


def _benchmark(values: Array) -> pyperf.Benchmark:
    metadata = {"name": "same"}
    return pyperf.Benchmark([pyperf.Run(tuple(row), metadata=metadata, collect_metadata=False) for row in values])


def hyperfine_different(one: Array, other: Array) -> Array:
    """hyperfine's scripts/welch_ttest.py: scipy's ttest_ind(X, Y, equal_var=False), p < 0.05, on every row."""
    return np.asarray(scipy.stats.ttest_ind(one, other, axis=1, equal_var=False).pvalue < 0.05)


def phoronix_mean(series: Array) -> tuple[float, int]:
    """The Phoronix Test Suite's result and how many runs it took from the series.

    Three runs; one more while the deviation is at least 3 % of the mean or a value lies beyond three (population)
    standard deviations, up to four times the planned number. The result is their mean; there is no test.
    """
    taken = PHORONIX_RUNS
    while taken < min(PHORONIX_TIMES * PHORONIX_RUNS, len(series)) and _deviates(series[:taken]):
        taken += 1
    return float(series[:taken].mean()), taken


def _deviates(values: Array) -> bool:
    mean = values.mean()
    outside = np.abs(values - mean) > 3 * values.std()
    return bool(100 * values.std(ddof=1) / mean >= PHORONIX_DEVIATION or outside.any())


def phoronix_difference(series: Array) -> float:
    """Second result over first, as a logarithm: the second test begins where the first one ended."""
    one, taken = phoronix_mean(series)
    other, _ = phoronix_mean(series[taken:])
    return math.log(other / one)
