"""An environment that dies, panics or falls silent costs its own start alone: the reason is stored, nothing is left."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import psutil
import pytest
from msgspec.structs import replace as with_changes

from tests.contract.stacks import DEFAULTS, STACKS
from tests.contract.traces import adopting, own_traces
from tests.support.giving_up import give_up
from tests.unit.fakes import Told
from tests.unit.small_folders import CLEAN, a_manifest
from vbench import report, store
from vbench import suite as suites
from vbench.benchmarks.cpu import Hash
from vbench.benchmarks.kernel_driver import driver
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.beneath import ImageHere
from vbench.contracts import Start, Testbed
from vbench.cost import Analysis
from vbench.environments import channel
from vbench.environments.channel import AgentSession
from vbench.environments.qemu import Qemu
from vbench.errors import StartFailed
from vbench.host.proc import LocalSession
from vbench.model import Failed, Measured, Plan, Run, Skipped, State, Trial
from vbench.runner import Runner
from vbench.suite import Suite
from vbench.suite import plan as plans
from vbench.text import reason_text

Death = Callable[[AgentSession], None]
SUITE = """
name = "faults"
benchmarks = ["cpu.hash", "cpu.lethal", "cpu.matrix"]
[method]
baseline = "made-up"
blocks = {blocks}
trial = "20 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[environments.made-up]
kind = "fake"
[environments.tried]
{settings}
"""


class Lethal(Hash, frozen=True, kw_only=True):
    """Ends a real environment in the middle of a trial, each time in the next of its ways."""

    shortest_s: ClassVar[float | None] = None
    sliced = BenchmarkSettings.sliced
    deaths: ClassVar[list[Death | None]] = []

    def measure(self, start: Start) -> Measured:
        session = start.session
        death = self.deaths.pop(0) if isinstance(session, AgentSession) else None
        measured = super().measure(start)
        if death is None or not isinstance(session, AgentSession):
            return measured
        if death is carrier_stopped:
            death(session)
            # Limits for what never answers that a test can wait for.
            session.channel.grace_s, session.stop_s = 1.0, 2.0
            driver(start, self.family, session).set_up_s = 1.0
            return super().measure(start)
        # The second trial is far longer than anything that ends it takes.
        killer = threading.Thread(target=death, args=(session,))
        killer.start()
        try:
            return super().measure(replace(start, trial_s=30.0, loops=None))
        finally:
            killer.join()


def carrier_killed(session: AgentSession) -> None:
    """With what it was running: on bare nothing contains the orphans of an agent that could not say farewell."""
    carrier = psutil.Process(session.channel.carrier.pid)
    below = carrier.children(recursive=True)
    carrier.kill()
    for process in below:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def carrier_stopped(session: AgentSession) -> None:
    os.kill(session.channel.carrier.pid, signal.SIGSTOP)


def init_killed(session: AgentSession) -> None:
    pid = session.channel.carrier.pid
    children = [word for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    os.kill(int(children[0]), signal.SIGKILL)


def panicked(session: AgentSession) -> None:
    with suppress(channel.SessionLost):
        session.run(["sh", "-c", "echo c > /proc/sysrq-trigger"], timeout_s=60)


OF_ITS_OWN: dict[str, tuple[Death, ...]] = {
    "oci-runc": (init_killed, carrier_killed),
    "qemu-tcg": (carrier_killed, panicked, carrier_stopped),
}
DEATHS: dict[str, tuple[Death, ...]] = {name: OF_ITS_OWN.get(name, (carrier_killed,)) for name in DEFAULTS}


@pytest.fixture(scope="module", params=list(DEATHS))
def kind(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> str:
    name: str = request.param
    lacking = [f"{m.what} ({m.hint})" for m in STACKS[name][0].missing(host)] + ([] if testbed.image else ["no image"])
    if lacking:
        give_up(request.config, name, why=f"{name}: {', '.join(lacking)}")
    return name


def planned(kind: str) -> tuple[Suite, Plan]:
    """What never answers stops in the last trial of its start: a further one would wait for its whole limit."""
    deaths = DEATHS[kind]
    text = SUITE.format(blocks=len(deaths), settings=f'kind = "{STACKS[kind][0].kind}"')
    suite = suites.parse(text.replace('"cpu.lethal"', '{kind = "cpu.hash", name = "cpu.lethal"}'), source="faults.toml")
    suite = with_changes(suite, benchmarks=suite.benchmarks | {"cpu.lethal": Lethal()})
    for plan in (plans.make(suite, seed=seed) for seed in range(1000)):
        last = [block.benchmarks[-1] == "cpu.lethal" for block in plan.blocks[: len(deaths)]]
        if last == [death is carrier_stopped for death in deaths]:
            return suite, plan
    raise AssertionError("no seed has this order")


def left(testbed: Testbed) -> dict[str, frozenset[str]]:
    return own_traces(testbed.base)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def run(kind: str, host: LocalSession, testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One death a block, the last block without; traces of none of them are left."""
    suite, plan = planned(kind)
    Lethal.deaths[:] = [*DEATHS[kind], None]
    manifest = a_manifest(
        plan=plan,
        baseline=plan.baseline,
        control=plan.control,
        blocks=len(DEATHS[kind]),
        environments=suites.environment_records(suite),
        benchmarks=suites.benchmark_records(suite),
    )
    before = left(testbed)
    with (
        adopting(),
        store.create(tmp_path_factory.mktemp("faults"), manifest, clean=CLEAN) as writer,
    ):
        Runner(suite, plan, testbed, writer, Told()).run()
        writer.finish(State.COMPLETE)
        assert left(testbed) == before
    return store.load(writer.folder)


def started(run: Run, block: int) -> list[Trial]:
    return [trial for trial in run.trials if (trial.block, trial.environment) == (block, "tried")]


def test_the_trial_that_was_hit_has_failed_with_the_reason(run: Run, kind: str) -> None:
    said = {
        (kind, block): reason_text(trial.outcome.reason)
        for block in range(len(DEATHS[kind]))
        for trial in started(run, block)
        if trial.benchmark == "cpu.lethal" and isinstance(trial.outcome, Failed)
    }
    assert len(said) == len(DEATHS[kind]), run.trials
    for (_, block), reason in said.items():
        match DEATHS[kind][block]:
            case death if death is carrier_stopped:
                assert "did not end within" in reason
            case death if death is panicked:
                assert "the environment went away" in reason
                assert "console: Kernel panic - not syncing: sysrq triggered crash" in reason
            case _:
                assert "the environment went away" in reason
                assert "status" in reason


def test_trials_before_it_are_kept_and_what_was_to_come_is_skipped(run: Run, kind: str) -> None:
    for block in range(len(DEATHS[kind])):
        trials = started(run, block)
        at = [trial.benchmark for trial in trials].index("cpu.lethal")
        assert [trial.benchmark for trial in trials] == list(run.manifest.plan.blocks[block].benchmarks)
        assert all(isinstance(trial.outcome, Measured) for trial in trials[:at])
        rest = [trial.outcome for trial in trials[at + 1 :]]
        assert all(isinstance(outcome, Skipped) for outcome in rest)


def test_the_next_block_starts_afresh_and_other_arms_lost_nothing(run: Run, kind: str) -> None:
    assert [type(trial.outcome) for trial in started(run, len(DEATHS[kind]))] == [Measured] * 3
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials if trial.environment != "tried")


def test_such_a_run_is_reported_with_what_it_lost(run: Run, kind: str) -> None:
    document = report.json_document(run)
    assert {cost["benchmark"] for cost in document["costs"]} == {"cpu.hash", "cpu.lethal", "cpu.matrix"}
    (lethal,) = [
        cost for cost in Analysis.of(run).costs if (cost.benchmark, cost.environment) == ("cpu.lethal", "tried")
    ]
    assert lethal.blocks == 1
    assert "cpu.lethal" in report.html(run)
    assert kind != "qemu-tcg" or [path.name for path in (run.path / "raw").glob("001-tried-console*.log")]


@pytest.fixture
def image(host: LocalSession, testbed: Testbed, request: pytest.FixtureRequest) -> ImageHere:
    lacking = Qemu().missing(host)
    if lacking or testbed.image is None:
        give_up(request.config, "qemu-tcg", why=f"{lacking or 'no image'}")
    return testbed.image


def test_a_guest_that_panics_while_it_boots_is_told_with_its_last_words(
    host: LocalSession, testbed: Testbed, image: ImageHere, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert image.boot
    boot = replace(image.boot, initramfs=PurePosixPath(empty))
    without_files = copy(testbed)
    without_files.image = replace(image, boot=boot)  # type: ignore[misc]
    before = left(testbed)
    words = r"ended with status.*console: Kernel panic - not syncing: VFS"
    with pytest.raises(StartFailed, match=words), Qemu().start(host, without_files):
        pass
    assert left(testbed) == before


class Impatient(Qemu, frozen=True, kw_only=True):
    limits_s: ClassVar[Mapping[str, float]] = {"tcg": 0.05}


@pytest.mark.usefixtures("image")
def test_a_guest_that_does_not_answer_in_time_is_given_up_and_killed(host: LocalSession, testbed: Testbed) -> None:
    before = left(testbed)
    with pytest.raises(StartFailed, match=r"no answer from the agent within 0.05 s"), Impatient().start(host, testbed):
        pass
    assert left(testbed) == before
