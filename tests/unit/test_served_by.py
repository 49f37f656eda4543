"""Whose processor time an environment's is: what nobody can count is unknown in every figure, and never zero."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from tests.unit.fakes import APART, FEW, a_suite, execute
from vbench import gates, report
from vbench.beneath import DESCENDANTS, Cgroup, Unseen
from vbench.cost import Analysis
from vbench.environments.fake import Fake, FakeSession
from vbench.environments.starting import agent_command, started
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.model import Run
from vbench.runner.watch import counting

GROUP = Cgroup(PurePosixPath("/docker/0123"))
WHY = "processor time unknown: its figures are made up"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The processes of the baseline `a` are the harness's own; those of `b` nobody sees."""
    suite = a_suite(FEW.replace(*APART), 'served = "unseen"')
    return execute(tmp_path_factory.mktemp("unseen"), suite, peer_cpus=(1,))


def figures(run: Run, environment: str) -> Sequence[float | None]:
    """All that is made of the processor time that served an environment."""
    readings = [reading for reading in run.readings if reading.environment == environment]
    trials = [t for t in run.trials if t.environment == environment and t.benchmark != "start.ready"]
    (seen,) = [arm for arm in Analysis.of(run).conditions if arm.environment == environment]
    arms = [cost for cost in Analysis.of(run).costs if cost.environment == environment and cost.benchmark == "cpu.hash"]
    return [
        *(figure for reading in readings for figure in (reading.ours_s, gates.foreign_share(reading))),
        *(figure for trial in trials for figure in (trial.host_cpu_s, trial.operations_cpu_s)),
        *(seen.served_s, seen.foreign),
        *(figure for cost in arms for figure in (cost.processors, cost.cpu_s_per_operation)),
    ]


def test_the_time_of_descendants_is_in_every_figure(run: Run) -> None:
    assert len(figures(run, "control")) > 40
    assert None not in figures(run, "control")
    assert all(
        cost.baseline_cpu_s_per_operation is not None for cost in Analysis.of(run).costs if cost.benchmark == "cpu.hash"
    )


def test_what_is_unseen_is_unknown_in_every_figure(run: Run) -> None:
    assert len(figures(run, "b")) == len(figures(run, "control"))
    assert set(figures(run, "b")) == {None}
    assert {reading.run_delay_s for reading in run.readings if reading.environment == "b"} == {None}


def test_a_block_is_not_void_by_what_is_unseen_however_busy_its_processors_are(run: Run) -> None:
    busy = [replace(reading, busy_s=reading.wall_s) for reading in run.readings if reading.environment == "b"]
    assert {gates.judge(reading, LocalHost().ticks_per_s) for reading in busy} == {()}


def test_the_reader_is_told_why_a_dash_stands(run: Run) -> None:
    said = {record.name: record.mechanisms for record in run.manifest.environments}
    assert said["b"][-1] == WHY
    assert not any("processor time" in word for word in (*said["a"], *said["control"]))
    assert WHY in report.html(run)


def test_where_the_harness_shares_the_processors_nobody_can_tell_whose_time_it_is(tmp_path: Path) -> None:
    run = execute(tmp_path, a_suite(FEW))
    assert set(figures(run, "control")) == {None}
    said = {record.mechanisms[-1] for record in run.manifest.environments}
    assert said == {"processor time unknown: the harness shares these processors"}


def test_what_serves_the_lowest_of_a_stack_serves_all_of_it() -> None:
    """The host runs nothing else: what stands inside a machine is no process of the host's."""
    beneath = FakeSession(LocalSession(), Fake(served="unseen"), PurePosixPath("/tmp"))
    assert FakeSession(beneath, Fake(), PurePosixPath("/tmp")).served_by == Unseen("its figures are made up")
    assert FakeSession(LocalSession(), Fake(), PurePosixPath("/tmp")).served_by == DESCENDANTS
    here = LocalSession().workplace
    common = {"workplace": here, "layers": (), "mechanisms": (), "attach_s": 0.0, "limit_s": 60.0}
    for host, expected in ((beneath, beneath.served_by), (LocalSession(), GROUP)):
        with started(host, agent_command(here), served_by=GROUP, **common) as session:  # type: ignore[arg-type]
            assert session.served_by == expected


def test_each_way_of_counting_but_the_usual_one_has_words() -> None:
    assert counting(DESCENDANTS) == ()
    assert counting(GROUP) == ("processor time as its cgroup counts it",)
    assert counting(Unseen("why")) == ("processor time unknown: why",)
