"""Runs of two arms by their numbers, and the cost that comes out."""

from collections.abc import Sequence
from pathlib import Path

from vbench.cost import Analysis
from vbench.model import (
    SCHEMA,
    BenchmarkRecord,
    Cost,
    EnvironmentRecord,
    Manifest,
    Measured,
    Metric,
    Outcome,
    Plan,
    Run,
    State,
    Trial,
)

METRICS = (Metric("time", "s", "lower"), Metric("bandwidth", "B/s", "higher"))


def trials(arm: str, times: Sequence[float], *, start: int = 1) -> list[Trial]:
    """One trial a block; the bandwidth is the time's inverse, so that both metrics tell the same cost."""
    outcomes = [Measured({"time": (time,), "bandwidth": (1 / time,)} if time else {"time": (time,)}) for time in times]
    return [trial(arm, block, outcome) for block, outcome in enumerate(outcomes, start=start)]


def trial(arm: str, block: int, outcome: Outcome) -> Trial:
    return Trial(block, 0, arm, "cpu.hash", 0, outcome, 0.0, 0.0)


def run_of(*found: Sequence[Trial], benchmark: str = "cpu.hash") -> Run:
    arms = ("bare", "control", "runc")
    manifest = Manifest(
        schema=SCHEMA,
        run_id="r",
        state=State.COMPLETE,
        tool="0",
        suite="s",
        suite_text="",
        seed=0,
        baseline="bare",
        control="control",
        blocks=5,
        started="",
        image="",
        environments=tuple(EnvironmentRecord(arm, "fake", {}) for arm in arms),
        benchmarks=(BenchmarkRecord(benchmark, benchmark, {}, METRICS),),
        plan=Plan("s", 0, "bare", "control", arms, (benchmark,), (), 0.0, 0.0),
    )
    return Run(Path(), manifest, tuple(t for some in found for t in some), {}, {})


def cost_of(run: Run, arm: str = "runc", metric: str = "time") -> Cost:
    (found,) = [cost for cost in Analysis.of(run).costs if (cost.environment, cost.metric) == (arm, metric)]
    return found
