"""What the page of a large run takes, against a plain table of its blocks' ratios made by pandas."""

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from pairs import Row, interleaved, table

from vbench import report
from vbench.model import SCHEMA, BenchmarkRecord, EnvironmentRecord, Manifest, Measured, Metric, Plan, Run, State, Trial
from vbench.units import show

BENCHMARKS, BLOCKS, SAMPLES = 40, 30, 3
FAMILIES = ("cpu", "memory", "syscall", "disk", "network")
TARGETS = ((12, 2.5, 2_500_000), (40, 6.0, 6_000_000))  # arms, processor seconds, bytes
PAIRS = 3


def lines() -> Iterator[str]:
    rows = []
    for arms, limit_s, limit_b in TARGETS:
        run = made(arms)
        pairs = interleaved(lambda run=run: page_s(run), lambda run=run: plain_s(run), PAIRS)  # type: ignore[misc]
        rows.append(Row(f"page of {arms} arms", "s", pairs, None, "processor time; plain: pandas groupby, to_html"))
        least_s, size_b = min(ours for ours, _ in pairs), len(report.html(run).encode())
        yield f"{arms} arms × {BENCHMARKS} benchmarks × {BLOCKS} blocks"
        yield f"  shortest {show(least_s, 's')} of a processor: target ≤ {limit_s:g} s, {_judged(least_s, limit_s)}"
        yield f"  {size_b / 1e6:.2f} MB: target ≤ {limit_b / 1e6:g} MB, {_judged(size_b, limit_b)}"
    yield ""
    yield from table(rows)


def _judged(value: float, limit: float) -> str:
    return "within" if value <= limit else "outside"


def page_s(run: Run) -> float:
    begun = time.process_time()
    report.html(run)
    return time.process_time() - begun


def plain_s(run: Run) -> float:
    """Each block's ratio to the baseline, of each benchmark in each environment."""
    begun = time.process_time()
    keys = ["benchmark", "block", "environment"]
    rows = [(t.benchmark, t.block, t.environment, value) for t in run.trials for value in t.outcome.samples["time"]]  # type: ignore[union-attr]
    medians = pd.DataFrame(rows, columns=[*keys, "value"]).groupby(keys)["value"].median().unstack()
    medians.div(medians[run.manifest.baseline], axis=0).to_html()
    return time.process_time() - begun


@cache
def made(arms: int) -> Run:
    """A complete run of so many arms, whose costs differ by up to a factor of two."""
    names = ("bare", "control", *(f"arm-{number:02}" for number in range(arms - 2)))
    benchmarks = tuple(f"{FAMILIES[number % len(FAMILIES)]}.part{number:02}" for number in range(BENCHMARKS))
    manifest = Manifest(
        schema=SCHEMA,
        run_id=f"overhead-{arms}",
        state=State.COMPLETE,
        tool="",
        suite="overhead",
        suite_text="",
        seed=1,
        baseline=names[0],
        control=names[1],
        blocks=BLOCKS,
        started="2026-01-02T03:04:05+00:00",
        image="",
        environments=tuple(EnvironmentRecord(name, "fake", {}) for name in names),
        benchmarks=tuple(BenchmarkRecord(name, name, {}, (Metric("time", "s", "lower"),)) for name in benchmarks),
        plan=Plan("overhead", 1, names[0], names[1], names, benchmarks, (), 1.0, 1.0),
    )
    return Run(Path("overhead"), manifest, tuple(_trials(names, benchmarks)), {}, {name: {} for name in names})


def _trials(names: tuple[str, ...], benchmarks: tuple[str, ...]) -> Iterator[Trial]:
    rng = np.random.default_rng(1)
    started_s = 1.8e9
    for block in range(BLOCKS + 1):
        for position, name in enumerate(names):
            for order, benchmark in enumerate(benchmarks):
                cost = 1 if position < 2 else 1 + 0.05 * ((position * 7 + order) % 23)
                value = 1e-6 * cost * rng.lognormal(0, 0.02)
                outcome = Measured({"time": tuple((value * rng.lognormal(0, 0.003, SAMPLES)).tolist())})
                started_s += 1.9
                yield Trial(block, position, name, benchmark, order, outcome, started_s, 1.5)
