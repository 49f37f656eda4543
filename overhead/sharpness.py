"""Compares the widths of A/A intervals: arms that take turns against arms that are alive one at a time.

`python overhead/sharpness.py [RUNS]`: RUNS runs of each order, alternating, about 5 minutes a pair. The arms are
identical, so that every interval should hold 1, and a narrower one is a sharper answer in the same time.
"""

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from vbench import cost, runner, store, text
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.model import Run
from vbench.runner import conduct
from vbench.suite import plan as plans

BLOCKS = 10
SUITE = """
name = "sharpness"
benchmarks = [
  "cpu.hash", "cpu.branchy", "cpu.matrix", "cpu.sha256", "cpu.aes", "python.json", "python.nbody",
  {{ kind = "memory.triad", size = "32 MiB" }}, {{ kind = "memory.chase", size = "64 MiB" }}, "memory.fault",
  "syscall.getpid", "syscall.open", "syscall.mmap", "syscall.pipe", "syscall.fork", "scheduler.futex",
  "scheduler.thread",
]
[method]
baseline = "bare"
blocks = {blocks}
trial = "300 ms"
warmup = "150 ms"
budget = "60 min"
gates = "record"
interleave = {interleave}
[testbed]
cpus = 1
memory = "512 MiB"
[environments.bare]
kind = "bare"
[environments.second]
kind = "bare"
"""


@dataclass(frozen=True)
class Order:
    """The runs of one order of measuring, and the machine time that each took in s."""

    name: str
    interleave: str
    runs: list[Run]
    took_s: list[float]


def main(count: int) -> int:
    orders = [Order("apart", "false", [], []), Order("turns", "true", [], [])]
    with tempfile.TemporaryDirectory(prefix="vbench-sharpness-") as folder:
        for number in range(count):
            for order in orders if number % 2 == 0 else orders[::-1]:
                begun = time.monotonic()
                order.runs.append(measured(order, Path(folder)))
                order.took_s.append(time.monotonic() - begun)
        print("\n".join(lines(*orders)))
    return 0


def measured(order: Order, results: Path) -> Run:
    suite = suites.parse(SUITE.format(blocks=BLOCKS, interleave=order.interleave), source="sharpness")
    done = conduct.conduct(
        suite,
        plans.make(suite, seed=len(order.runs)),
        image=runner.image_of(suite),
        results=results,
        progress=lambda testbed: lambda event: None,
        command=(),
        tags={},
    )
    return store.load(done.folder)


def lines(apart: Order, turns: Order) -> Iterator[str]:
    """A line for each metric: spread of d and half-width of the interval in both orders, and their ratio."""
    yield f"{'metric':<28}{'spread apart':>14}{'in turns':>10}{'half-width apart':>18}{'in turns':>10}{'ratio':>8}"
    before, after = widths(apart), widths(turns)
    ratios = []
    for name in before:
        spreads, halves = zip(*(side[name] for side in (before, after)), strict=True)
        ratios.append(halves[1] / halves[0])
        shown = [text.percent(value) for value in (*spreads, *halves)]
        yield f"{name:<28}{shown[0]:>14}{shown[1]:>10}{shown[2]:>18}{shown[3]:>10}{ratios[-1]:>8.2f}"
    yield f"median of the ratios {median(ratios):.3f}, largest {max(ratios):.2f}"
    for order in (apart, turns):
        excluded, of = exclusions(order)
        took = f"{fmean(order.took_s):.0f} s a run of {BLOCKS} blocks"
        yield f"{order.name}: {excluded} of {of} intervals exclude 1; {took}"


def widths(order: Order) -> dict[str, tuple[float, float]]:
    """Metric to the spread of d and the half-width: the geometric means over arms and runs, as ratios minus 1."""
    collected: dict[str, list[tuple[float, float]]] = {}
    for finding in findings(order):
        envelope = finding.judged.envelope
        if envelope.spread and envelope.half_width:
            pair = (math.expm1(envelope.spread), math.expm1(envelope.half_width))
            collected.setdefault(finding.comparison.quantity, []).append(pair)
    return {name: (_mean([s for s, _ in pairs]), _mean([h for _, h in pairs])) for name, pairs in collected.items()}


def _mean(values: list[float]) -> float:
    return math.exp(fmean(map(math.log, values)))


def exclusions(order: Order) -> tuple[int, int]:
    intervals = [finding.judged.envelope for finding in findings(order)]
    known = [(low, high) for each in intervals if (low := each.low) is not None and (high := each.high) is not None]
    return sum(low > 0 or high < 0 for low, high in known), len(known)


def findings(order: Order) -> Iterator[cost.Finding]:
    for run in order.runs:
        yield from Analysis.of(run).by_kind[cost.COST]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 2))
