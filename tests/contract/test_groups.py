"""Arms that are alive in groups, with the real engines: each takes turns with the baseline of its group."""

import pytest

from tests.support.giving_up import give_up
from tests.unit.fakes import Told
from vbench import image as images
from vbench import report, store
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.host.proc import LocalSession
from vbench.model import Measured, Run
from vbench.runner import conduct
from vbench.suite import plan

pytestmark = pytest.mark.alone
SUITE = """
name = "groups"
benchmarks = ["cpu.hash", "start.ready"]
[method]
baseline = "bare"
blocks = 2
trial = "50 ms"
warmup = "10 ms"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.bare]
kind = "bare"
[environments.runc]
kind = "oci"
[environments.again]
kind = "bare"
"""


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest, host: LocalSession, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """On a host of which the plan believes that it has the memory for two arms."""
    folder = tmp_path_factory.mktemp("groups")
    (folder / "scratch").mkdir()
    suite = suites.parse(SUITE.format(scratch=folder / "scratch"), source="groups.toml")
    image = images.find()
    lacking = [missing.what for missing in suite.environment("runc").missing(host)] + ([] if image else ["the image"])
    if lacking:
        give_up(request.config, "oci-runc", why=f"a container: {', '.join(lacking)}")
    done = conduct.conduct(
        suite,
        plan.make(suite, alive=2),
        image=image,
        results=folder / "results",
        progress=lambda testbed: Told(),
        command=("vbench", "run"),
        tags={},
    )
    assert list((folder / "scratch").iterdir()) == []
    return store.load(done.folder)


def test_each_arm_takes_turns_with_the_baseline_of_its_group(run: Run) -> None:
    assert run.manifest.plan.groups == (("bare", "runc"), ("bare", "again"), ("bare", "control"))
    assert all(isinstance(trial.outcome, Measured) for trial in run.trials)
    assert {(t.environment, t.group) for t in run.trials} == set(run.manifest.plan.starts)
    assert {trial.turn for trial in run.trials if trial.benchmark == "cpu.hash"} == {0, 1}


def test_its_costs_are_near_one_and_the_report_names_the_groups(run: Run) -> None:
    costs = [cost for cost in Analysis.of(run).costs if cost.benchmark == "cpu.hash"]
    assert {cost.environment: cost.group for cost in costs} == {"runc": 0, "again": 1, "control": 2}
    assert all(cost.cost is not None and 0.5 < cost.cost < 2 for cost in costs)
    assert "alive in 3 groups" in report.markdown(run)
