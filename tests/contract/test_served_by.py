"""The processor time of a container that is no descendant of the harness is its cgroup's, and never foreign."""

import os
from collections.abc import Iterator
from dataclasses import replace as with_changes
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.contract.detached import Detached
from tests.support.giving_up import give_up
from tests.unit.fakes import Told
from vbench import gates, store
from vbench import image as images
from vbench import suite as suites
from vbench.beneath import DESCENDANTS, Cgroup, ServedBy, Unseen
from vbench.contracts import Testbed
from vbench.cost import Analysis
from vbench.environments.channel import AgentSession
from vbench.gates import Counters
from vbench.host import cgroups, processes
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.model import Measured, Reading, Run
from vbench.reasons import Reason, ReasonKind
from vbench.runner import conduct
from vbench.suite import plan
from vbench.suite.shape import Arm

pytestmark = pytest.mark.alone  # it looks at what the whole machine does meanwhile
HOST = LocalHost()
BURN = """
import time
while time.process_time() < 1:
    pass
print(time.process_time())
"""
"""Uses one second of a processor, and says how much it was."""

SUITE = """
name = "served"
benchmarks = ["cpu.hash"]
[method]
baseline = "bare"
blocks = 2
trial = "50 ms"
warmup = "10 ms"
gates = "record"
[environments.bare]
kind = "bare"
[environments.detached]
kind = "bare"
"""


@pytest.fixture(scope="module", autouse=True)
def _can_run(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> None:
    lacking = [f"{m.what} ({m.hint})" for m in Detached().missing(host)] + ([] if testbed.image else ["no image"])
    if lacking:
        give_up(request.config, "oci-runc", why=f"a detached container: {', '.join(lacking)}")


@pytest.fixture(scope="module")
def session(host: LocalSession, testbed: Testbed) -> Iterator[AgentSession]:
    with Detached().start(host, testbed) as session:
        assert isinstance(session, AgentSession)
        yield session


def burned_s(session: AgentSession) -> float:
    words = [session.workplace.python, "-I", "-S", "-c", BURN]
    return float(session.run(words, timeout_s=60).check().text)


def threads(session: AgentSession) -> set[int]:
    assert isinstance(session.served_by, Cgroup)
    known = cgroups.hierarchies(Path("/proc/self/mountinfo").read_text())
    return set(cgroups.threads(session.served_by.path, known))


def test_the_container_is_no_descendant_of_the_harness(session: AgentSession) -> None:
    tasks, _ = processes.snapshot()
    assert threads(session) & set(tasks)
    assert not threads(session) & set(processes.below(tasks, os.getpid()))


def test_the_time_of_the_group_is_what_the_workload_itself_spent(session: AgentSession, testbed: Testbed) -> None:
    first = HOST.spent(testbed.cpus, session.served_by)
    own_s = burned_s(session)
    last = HOST.spent(testbed.cpus, session.served_by)
    assert first.ours_s is not None
    assert last.ours_s is not None
    counted_s = last.ours_s - first.ours_s
    assert own_s - 1 / HOST.ticks_per_s < counted_s < own_s + 0.3  # the agent's own work and the interpreter's end


def judged(first: Counters, last: Counters, own_s: float) -> tuple[Reason, ...]:
    """What a gate says of it where nothing else uses the environment's processors, the kernel's threads included."""
    first, last = (with_changes(counters, kernel_s={}) for counters in (first, last))
    reading = gates.reading(
        block=1,
        attempt=0,
        environment="detached",
        counters=(first, last),
        clocks=(None, None),
        limit_ppm=gates.LIMIT_PPM,
        ticks_per_s=HOST.ticks_per_s,
    )
    return gates.judge(replace(reading, busy_s=own_s), HOST.ticks_per_s)


def test_a_block_is_not_void_by_the_containers_own_time(session: AgentSession, testbed: Testbed) -> None:
    ways: tuple[ServedBy, ...] = (session.served_by, DESCENDANTS, Unseen("nobody looks"))
    firsts = [HOST.counters(testbed.cpus, way) for way in ways]
    own_s = burned_s(session)
    lasts = [HOST.counters(testbed.cpus, way) for way in ways]
    of_group, of_descendants, unseen = (judged(*counters, own_s) for counters in zip(firsts, lasts, strict=True))
    assert of_group == ()
    assert [reason.kind for reason in of_descendants] == [ReasonKind.FOREIGN_LOAD]  # it would void every block
    assert unseen == ()


def test_the_run_delay_of_the_container_is_that_of_its_threads(session: AgentSession, testbed: Testbed) -> None:
    delays_s = HOST.counters(testbed.cpus, session.served_by).delays_s
    assert delays_s is not None
    assert set(delays_s) <= threads(session)
    assert delays_s


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run with the container as an arm."""
    suite = suites.parse(SUITE, source="served.toml")  # which cannot name what is no kind of vbench's
    suite = replace(suite, environments=suite.environments | {"detached": Arm(Detached())})
    done = conduct.conduct(
        suite,
        plan.make(suite),
        image=images.find(),
        results=tmp_path_factory.mktemp("served"),
        progress=lambda testbed: Told(),
        command=("vbench", "run"),
        tags={},
    )
    return store.load(done.folder)


def readings(run: Run) -> list[Reading]:
    return [reading for reading in run.readings if reading.environment == "detached"]


def test_in_a_run_every_start_and_trial_has_the_time_of_the_group(run: Run) -> None:
    assert len(readings(run)) == 3
    trials = [trial for trial in run.trials if trial.environment == "detached"]
    for trial in trials:
        assert isinstance(trial.outcome, Measured)
        assert trial.operations_cpu_s is not None
        assert trial.outcome.operations is not None
        lasts_s = min(trial.outcome.samples["time"])  # the one that waited least for a busy host
        assert lasts_s / 5 < trial.operations_cpu_s / trial.outcome.operations < lasts_s * 5
    for reading, trial in zip(readings(run), trials, strict=True):
        assert trial.host_cpu_s is not None
        assert reading.ours_s is not None
        assert reading.ours_s >= trial.host_cpu_s > 0
    (record,) = [record for record in run.manifest.environments if record.name == "detached"]
    assert "processor time as its cgroup counts it" in record.mechanisms


def test_an_operation_costs_the_host_about_as_much_in_the_container_as_natively(run: Run) -> None:
    (cost,) = [cost for cost in Analysis.of(run).costs if cost.environment == "detached"]
    assert cost.cpu_s_per_operation is not None
    assert cost.baseline_cpu_s_per_operation is not None
    assert cost.baseline_cpu_s_per_operation / 3 < cost.cpu_s_per_operation < cost.baseline_cpu_s_per_operation * 3
