"""Small manifests, trials and run folders, as the store writes them."""

import json
from pathlib import Path

from msgspec.structs import replace

from vbench import store
from vbench.model import (
    SCHEMA,
    BenchmarkRecord,
    Block,
    EnvironmentRecord,
    Fact,
    Manifest,
    Measured,
    Metric,
    Plan,
    State,
    Status,
    Step,
    Trial,
)
from vbench.store import privacy

ARMS = ("bare", "control", "runc")
METRICS = (Metric("time", "s", "lower"),)


CLEAN = privacy.cleaner({"secret-box.example.org"}, {"/home/ada"})


def a_manifest(run_id: str = "small-20260102T030405Z-9f3c", **changes: object) -> Manifest:
    steps = tuple(Step(arm, at, 7) for at, arm in enumerate(ARMS))
    plan = Plan("small", 1, "bare", "control", ARMS, ("cpu.hash",), (Block(0, steps, ("cpu.hash",)),), 1.0, 2.0)
    manifest = Manifest(
        schema=SCHEMA,
        run_id=run_id,
        state=State.RUNNING,
        tool="0.1.0",
        suite="small",
        suite_text="name = 'small'",
        seed=1,
        baseline="bare",
        control="control",
        blocks=2,
        started="2026-01-02T03:04:05+00:00",
        image="sha256:0",
        environments=tuple(EnvironmentRecord(arm, "fake", {"size": 3}) for arm in ARMS),
        benchmarks=(BenchmarkRecord("cpu.hash", "cpu.hash", {}, METRICS),),
        plan=plan,
    )
    return replace(manifest, **changes)


def a_trial(block: int = 1, arm: str = "bare", **changes: object) -> Trial:
    outcome = Measured({"time": (1.5e-9, 0.1 + 0.2)}, loops=1000, clock="raw", notes=('µ\n"quoted"',))
    return replace(Trial(block, 0, arm, "cpu.hash", 0, outcome, 1.0, 0.5, 12), **changes)


def written(results: Path, *, trials: int = 3, state: State | None = State.COMPLETE) -> Path:
    with store.create(results, a_manifest(), clean=CLEAN) as writer:
        for arm in ("host", *ARMS):
            writer.facts(arm, {"cpu.model": Fact("a processor", "/proc/cpuinfo"), "x.y": Fact(None, "", Status.DENIED)})
        writer.raw("tool.json", b'{"a": 1}')
        for block in range(1, trials + 1):
            writer.append(a_trial(block))
        if state:
            writer.finish(state)
        return writer.folder


def edited(folder: Path, **changes: object) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder
