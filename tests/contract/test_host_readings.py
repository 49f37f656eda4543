"""What the host reads around a trial of a real environment: its clock, and the processor time of an operation."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.contract.stacks import DEFAULTS, STACKS
from tests.support.giving_up import give_up
from vbench import gates
from vbench.benchmarks.cpu import Hash
from vbench.benchmarks.disk import RandRead
from vbench.benchmarks.memory import Triad
from vbench.benchmarks.network import Stream
from vbench.contracts import Benchmark, Session, Start, Testbed
from vbench.environments import qemu
from vbench.gates import Spent
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.model import Measured, Trial
from vbench.reasons import ReasonKind
from vbench.runner.watch import Watch
from vbench.units import Bytes

pytestmark = pytest.mark.alone  # it looks at what the whole machine does meanwhile


@pytest.fixture(scope="module", params=DEFAULTS)
def start(request: pytest.FixtureRequest, host: LocalSession, testbed: Testbed) -> Iterator[Start]:
    """One start of the environment that all tests share, as its benchmarks see it."""
    (environment,) = STACKS[request.param]
    lacking = [f"{m.what} ({m.hint})" for m in environment.missing(host)] + ([] if testbed.image else ["no image"])
    if lacking:
        give_up(request.config, request.param, why=f"{request.param}: {', '.join(lacking)}")
    with ExitStack() as stack:
        session: Session = stack.enter_context(environment.start(host, testbed))
        yield Start(session, testbed.within(session), 100, 0.05, 0.01, None, lambda name, data: None, stack)


def watched(start: Start, testbed: Testbed, benchmark: Benchmark) -> tuple[Trial, Measured]:
    """A trial, without the time of kernel threads: which of them come and go depends on the host's other work."""
    host = LocalHost()

    def spent() -> Spent:
        return replace(host.spent(testbed.cpus, start.session.served_by), kernel_s={})

    watch = Watch(start.session, spent, host.ticks_per_s)
    begun = time.monotonic()
    measured = benchmark.measure(replace(start, begin=watch.begin, end=watch.end))
    wall_s = time.monotonic() - begun
    watch.over()
    seen = watch.counts(is_lost=False)
    trial = Trial(
        1,
        0,
        "tried",
        benchmark.kind,
        0,
        measured,
        started_s=0.0,
        wall_s=wall_s,
        **asdict(seen),
    )
    return trial, measured


def test_processor_time_of_an_operation_is_about_what_it_lasts_and_without_the_set_up(
    start: Start, testbed: Testbed
) -> None:
    trial, measured = watched(start, testbed, Hash())
    assert trial.host_cpu_s is not None
    assert trial.operations_cpu_s is not None
    assert measured.operations is not None
    assert 0 < trial.operations_cpu_s < trial.host_cpu_s  # the driver's own start was the first of this family
    lasts_s = min(measured.samples["time"])  # the one that waited least for a busy host
    assert lasts_s / 5 < trial.operations_cpu_s / measured.operations < lasts_s * 5


@pytest.mark.parametrize("benchmark", [RandRead(size=Bytes(2**20)), Stream()], ids=["fio", "iperf3"])
def test_a_tools_own_start_and_end_are_not_in_the_processor_time_of_its_operations(
    start: Start, testbed: Testbed, benchmark: Benchmark
) -> None:
    benchmark.prepare(start)
    # A trial whose lines arrive late on a busy host counts no operations.
    trials = (watched(replace(start, trial_s=0.5), testbed, benchmark) for _ in range(20))
    trial, measured = next((trial, measured) for trial, measured in trials if measured.operations is not None)
    assert trial.host_cpu_s is not None
    assert trial.operations_cpu_s is not None
    assert measured.operations is not None
    assert trial.operations_cpu_s < trial.host_cpu_s
    rate = next(iter(measured.samples.values()))[0]
    busy = trial.operations_cpu_s / measured.operations * rate  # processors, while operations ran
    assert 0 < busy < 5


def test_memory_is_filled_before_the_operations_begin(start: Start, testbed: Testbed) -> None:
    trial, _ = watched(start, testbed, Triad(size=Bytes(2**24)))
    assert trial.host_cpu_s is not None
    assert trial.operations_cpu_s is not None
    assert trial.operations_cpu_s < trial.host_cpu_s


def test_the_clock_of_a_trial_that_nothing_disturbed_is_believed(start: Start, testbed: Testbed) -> None:
    trial, _ = watched(start, testbed, Hash())
    assert trial.clock_error_s is not None
    assert gates.judge_trial(trial) == ()


class Stopped(Hash, frozen=True, kw_only=True):
    """Stops its machine, and any other of these tests, after the trial for as long as it takes to ask for going on."""

    folder: str

    def measure(self, start: Start) -> Measured:
        measured = super().measure(start)
        monitors = list(Path(self.folder).glob("machine-*/qmp"))
        for word in ("stop", "cont"):
            for monitor in monitors:
                qemu.ask(start.testbed.session, monitor, word).check()
        return measured


@pytest.mark.parametrize("start", ["qemu-tcg"], indirect=True)
def test_a_guest_that_is_stopped_within_a_trial_voids_the_block_by_that_trial(start: Start, testbed: Testbed) -> None:
    stopped = Stopped(folder=str(testbed.base))  # type: ignore[attr-defined]
    trial, _ = watched(replace(start, testbed=testbed), testbed, stopped)
    (reason,) = gates.judge_trial(trial)
    assert (reason.kind, reason.arm, reason.benchmark) == (ReasonKind.CLOCK_BEHIND, "tried", "cpu.hash")
