"""Whole runs of fakes, on a testbed without image and network."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.small_folders import a_manifest
from vbench import store
from vbench import suite as suites
from vbench.contracts import Testbed
from vbench.host.local import LocalHost
from vbench.host.processors import Processors
from vbench.model import Block, Manifest, Run, State, Trial
from vbench.runner import Runner, Tell
from vbench.runner.events import BlockBegan, Ended, Event, TrialEnded
from vbench.store import privacy
from vbench.suite import Suite
from vbench.suite import plan as plans
from vbench.testbed.host import open_testbed

SUITE = """
name = "made-up"
benchmarks = [
  "cpu.hash", "cpu.matrix", "cpu.sha256", "memory.triad", "memory.chase", "syscall.getpid", "syscall.pipe",
  "syscall.fork", {kind = "disk.randread", size = "1 MiB"}, {kind = "disk.seqwrite", size = "1 MiB"}, "start.ready",
]
[method]
baseline = "a"
blocks = 6
trial = "1 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[environments.a]
kind = "fake"
[environments.b]
kind = "fake"
slowdown = 1.25
"""


APART = ("[method]", "[method]\ninterleave = false")
"""Replaces text of a suite so that no arm is alive while another one is measured."""


FEW = """
name = "few"
benchmarks = ["cpu.hash", "syscall.getpid", "start.ready"]
""" + SUITE[SUITE.index("[method]") :]


@dataclass
class Told:
    """What a run told, kept; a test may act upon each trial."""

    events: list[Event] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    ended: bool = False
    analysed: int | None = None
    at_trial: Callable[[Trial], None] = lambda trial: None

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case BlockBegan(block):
                self.blocks.append(block)
            case TrialEnded(trial):
                self.trials.append(trial)
                self.at_trial(trial)
            case Ended(analysed):
                self.ended, self.analysed = True, analysed


def a_testbed(host: LocalHost, tmp_path: Path, peer_cpus: tuple[int, ...] = (0,)) -> AbstractContextManager[Testbed]:
    """Without image and network."""
    (tmp_path / "scratch").mkdir(exist_ok=True)
    return open_testbed(
        host=host,
        image=None,
        processors=Processors((0,), peer_cpus),
        memory_b=2**20,
        scratch=tmp_path / "scratch",
        name="unit",
    )


def manifest_of(suite: Suite, *, alive: int | None = None) -> Manifest:
    """The manifest of a run of a suite of fakes that begins."""
    plan = plans.make(suite, alive=alive)
    return a_manifest(
        suite=suite.name,
        plan=plan,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(plan.blocks) - 1,
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
        ladders=suite.ladders,
        delta=float(suite.method.delta),
        confirmatory=suites.confirmatory(suite),
    )


def execute(
    tmp_path: Path,
    suite: Suite,
    tell: Tell | None = None,
    *,
    peer_cpus: tuple[int, ...] = (0,),
    apart: str = "",
    alive: int | None = None,
) -> Run:
    """The run of a suite of fakes on a testbed without image and network, as it reads back from its folder."""
    manifest, host = manifest_of(suite, alive=alive), LocalHost()
    with (
        a_testbed(host, tmp_path, peer_cpus) as testbed,
        store.create(tmp_path / "results", manifest, clean=privacy.of_hosts([host.identity()])) as writer,
    ):
        state = State.PARTIAL
        try:
            with suppress(KeyboardInterrupt):
                Runner(suite, manifest.plan, testbed, writer, tell or Told(), apart=apart).run()
                state = State.COMPLETE
        finally:
            writer.finish(state)
    assert list((tmp_path / "scratch").iterdir()) == []
    return store.load(writer.folder)


def a_suite(text: str = SUITE, *more: str) -> Suite:
    return suites.parse("\n".join([text, *more]), source="test.toml")


def of(run: Run, benchmark: str) -> list[Trial]:
    return [trial for trial in run.trials if trial.benchmark == benchmark]
