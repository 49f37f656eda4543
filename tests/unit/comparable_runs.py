"""Small runs for the tests of compare: one benchmark whose true cost in each run is given."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vbench.model import (
    SCHEMA,
    BenchmarkRecord,
    EnvironmentRecord,
    Fact,
    Facts,
    Manifest,
    Measured,
    Metric,
    Plan,
    Run,
    State,
    Trial,
)

ARMS = ("bare", "control", "runc")
METRICS = (Metric("time", "s", "lower"), Metric("bandwidth", "B/s", "higher"))
SUITE = 'name = "small"\n[method]\ntrial = "{trial}"\n[testbed]\ncpus = 1\n'


def small_run(
    run_id: str,
    *,
    cost: float = 1.2,
    base: float = 1.0,
    noise: float = 0.01,
    blocks: int = 10,
    benchmark: str = "cpu.hash",
    size: int | None = None,
    runtime: str = "runc",
    root: str = "image",
    suite: str = "small",
    image: str = "sha256:aa",
    tool: str = "0.1.0",
    trial: str = "1 s",
    host: Mapping[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    seed: int | None = None,
) -> Run:
    """`runc` takes `cost` times as long as `bare`, which takes `base` seconds; the bandwidth is the time's inverse."""
    rng = random.Random(seed if seed is not None else run_id)
    truth = {"bare": base, "control": base, "runc": base * cost}
    trials = []
    for block in range(1, blocks + 1):
        for place, arm in enumerate(ARMS):
            time = truth[arm] * rng.lognormvariate(0, noise)
            outcome = Measured({"time": (time,), "bandwidth": (1 / time,)})
            trials.append(Trial(block, place, arm, benchmark, 0, outcome, 0.0, 0.0))
    facts = _facts(host or {})
    environments = (
        EnvironmentRecord("bare", "bare", {"root": root}),
        EnvironmentRecord("control", "bare", {"root": root}),
        EnvironmentRecord("runc", "oci", {"runtime": runtime}),
    )
    manifest = Manifest(
        schema=SCHEMA,
        run_id=run_id,
        state=State.COMPLETE,
        tool=tool,
        suite=suite,
        suite_text=SUITE.format(trial=trial),
        seed=0,
        baseline="bare",
        control="control",
        blocks=blocks,
        started="2026-01-02T03:04:05+00:00",
        image=image,
        environments=environments,
        benchmarks=(BenchmarkRecord(benchmark, benchmark, {"size": size} if size else {}, METRICS),),
        plan=Plan("small", 0, "bare", "control", ARMS, (benchmark,), (), 0.0, 0.0),
        tags=tags or {},
    )
    return Run(Path(run_id), manifest, tuple(trials), facts, dict.fromkeys(ARMS, facts))


def typed(value: str, count: int, *, cost: float = 1.2, **more: Any) -> list[Run]:
    """Runs of one type, each on an instance of its own: their costs differ a little."""
    each = [cost * (1 + 0.01 * place) for place in range(count)]
    return [small_run(f"{value[0]}{n}", cost=c, tags={"instance": value}, **more) for n, c in enumerate(each)]


def _facts(changed: Mapping[str, Any]) -> Facts:
    values = {"cpu.model": "Acme 9000", "kernel.release": "6.1.0", "kernel.loadavg": 0.5, **changed}
    return {key: Fact(value, "test") for key, value in values.items()}


def with_arms(run: Run, count: int) -> Run:
    """The same run with more arms, all of which measured what `runc` did."""
    record = next(found for found in run.manifest.environments if found.name == "runc")
    more = tuple(replace(record, name=f"runc-{place}") for place in range(count - 2))
    trials = tuple(
        replace(trial, environment=other.name) for other in more for trial in run.trials if trial.environment == "runc"
    )
    manifest = replace(run.manifest, environments=(*run.manifest.environments, *more))
    return replace(run, manifest=manifest, trials=(*run.trials, *trials))
