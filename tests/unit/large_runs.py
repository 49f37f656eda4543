"""Synthetic runs of the whole set of benchmarks: many metrics, histograms of latencies, timed starts, drift."""

import math
import random
from collections import Counter
from functools import cache

from msgspec.structs import replace

from tests.unit.runs import make_run
from vbench.model import BenchmarkRecord, Measured, Metric, Run, Trial

SPREAD = {"cpu": 0.006, "memory": 0.02, "disk": 0.05, "network": 0.04, "start": 0.06}
LATENCY = ("latency", "s", "lower")
P99 = ("latency_p99", "s", "lower")
RATE = ("rate", "1/s", "higher")
TIME = ("time", "s", "lower")
WIDE = ("bandwidth", "B/s", "higher")
BENCHMARKS: dict[str, tuple[tuple[str, str, str], ...]] = {
    **dict.fromkeys(("cpu.hash", "cpu.matrix", "cpu.branchy", "cpu.aes"), (TIME,)),
    **dict.fromkeys(("memory.copy", "memory.scale", "memory.add", "memory.triad"), (WIDE,)),
    **dict.fromkeys(("memory.chase-32k", "memory.chase-1m", "memory.chase-32m", "memory.fault"), (LATENCY,)),
    **dict.fromkeys(("syscall.getpid", "syscall.pipe", "syscall.fork", "syscall.open", "syscall.mmap"), (LATENCY,)),
    **dict.fromkeys(
        ("syscall.read-zero", "syscall.write-null", "syscall.clock-vdso", "syscall.clock-call"), (LATENCY,)
    ),
    **dict.fromkeys(("scheduler.futex", "scheduler.thread"), (LATENCY,)),
    **dict.fromkeys(("python.json", "python.regex", "python.nbody"), (TIME,)),
    **dict.fromkeys(("disk.randread", "disk.randread-16", "disk.randwrite-16", "disk.fsync"), (RATE, LATENCY, P99)),
    "disk.seqwrite": (WIDE,),
    **dict.fromkeys(("network.stream", "network.reverse", "network.udp"), (WIDE,)),
    "network.rr": (LATENCY, P99),
    "network.connect": (RATE,),
    "http.request": (RATE, LATENCY, P99),
    "start.ready": (TIME,),
}
BASE = {"latency": 8e-5, "latency_p99": 3e-4, "rate": 9000.0, "time": 0.02, "bandwidth": 2e9}


@cache
def large_run(*, blocks: int = 10, seed: int = 11, hostile: bool = False) -> Run:
    """As many benchmarks as a run of the whole set has, in the four environments of `make_run`."""
    small = make_run(blocks=blocks, seed=seed, hostile=hostile)
    arms = tuple(record.name for record in small.manifest.environments)
    rng = random.Random(seed)
    trials = tuple(
        _trial((block, place, arm), name, order, len(BENCHMARKS), rng)
        for block in range(blocks + 1)
        for place, arm in enumerate(arms)
        for order, name in enumerate(BENCHMARKS)
    )
    records = tuple(
        BenchmarkRecord(name, name, {}, tuple(Metric(*metric) for metric in metrics), f"what {name} does")  # type: ignore[arg-type]
        for name, metrics in BENCHMARKS.items()
    )
    plan = replace(small.manifest.plan, benchmarks=tuple(BENCHMARKS))
    return replace(small, trials=trials, manifest=replace(small.manifest, benchmarks=records, plan=plan))


def _trial(where: tuple[int, int, str], name: str, order: int, each: int, rng: random.Random) -> Trial:
    """A minute's step of the host's speed in the middle of the run slows everything alike."""
    block, place, arm = where
    family = name.partition(".")[0]
    started = 1_790_000_000.0 + ((block * 4 + place) * each + order) * 1.9
    slow = (1.0, 1.0, 1.04 + order % 7 / 25, 1.3 + order % 11)[place] * (1.08 if block > 5 else 1.0)
    slow *= rng.lognormvariate(0, SPREAD.get(family, 0.015))
    samples = {}
    for metric, _, better in BENCHMARKS[name]:
        value = BASE[metric] * (slow if better == "lower" else 1 / slow)
        samples[metric] = tuple(value * rng.lognormvariate(0, 0.003) for _ in range(3))
    counts = {"latency": histogram(rng, 8e-5 * slow)} if P99 in BENCHMARKS[name] else {}
    outcome = Measured(samples, clock="CLOCK_MONOTONIC", counts=counts)
    took = samples["time"][0] + 0.011 if family == "start" else 1.6
    return Trial(block, place, arm, name, order, outcome, started, took)


def histogram(rng: random.Random, middle_s: float, *, operations: int = 700, weight: int = 20) -> dict[int, int]:
    """Bins as fio's: 64 to each doubling; one operation in a hundred waits for something else."""
    bins: Counter[int] = Counter()
    for _ in range(operations):
        wait = rng.expovariate(1 / (6 * middle_s)) if rng.random() < 0.01 else 0.0
        ns = (middle_s * rng.lognormvariate(-0.02, 0.2) + wait) * 1e9
        width = 2.0 ** max(0, math.floor(math.log2(ns)) - 6)
        bins[int(ns // width * width)] += weight
    return dict(bins)
