"""A small real suite through the program: on bare, in a container, in a machine and bare in the container, to the page.

A benchmark for each way to drive a workload: the driver in the environment, a tool, the peer, and the start itself.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.stacks import STACKS
from tests.real.browser import Browser
from tests.support.giving_up import give_up
from vbench import image, store
from vbench.contracts import Environment
from vbench.host import proc
from vbench.host.proc import LocalSession
from vbench.model import Measured, Run, State, Trial

VBENCH = str(Path(sys.executable).with_name("vbench"))
LIMIT_S = 600.0
KINDS = ("bare", "oci-runc", "qemu-tcg", "bare-on-oci")
SUITE = """
name = "each-way"
benchmarks = ["cpu.hash", {{kind = "disk.randread", size = "4 MiB"}}, "network.rr", "start.ready"]
[method]
baseline = "bare"
blocks = 1
trial = "50 ms"
warmup = "10 ms"
budget = "10 min"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.bare]
kind = "bare"
[environments.runc]
kind = "oci"
[environments.tcg]
kind = "qemu"
[environments.inner]
kind = "bare"
on = "runc"
"""
ARMS = {"bare", "control", "runc", "tcg", "inner"}
DRIVEN = ("cpu.hash", "network.rr")  # by the driver in the environment


def _lacking(environment: Environment, host: LocalSession) -> list[str]:
    return [f"{m.what} ({m.hint})" for m in environment.missing(host)]


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    host = LocalSession()
    lacking = [what for kind in KINDS for what in _lacking(STACKS[kind][0], host)]
    lacking += [] if image.find() else ["an image: run `vbench image build`"]
    if lacking:
        give_up(request.config, *KINDS, why=", ".join(lacking))
    folder = tmp_path_factory.mktemp("run")
    suite = folder / "each-way.toml"
    (folder / "scratch").mkdir()
    suite.write_text(SUITE.format(scratch=folder / "scratch"))
    done = proc.run([VBENCH, "run", str(suite), "--results", str(folder / "results")], timeout_s=LIMIT_S)
    assert done.status == 0, done.stderr.decode()
    assert list((folder / "scratch").iterdir()) == []
    return store.load(Path(done.text.strip()))


@pytest.fixture(scope="module")
def document(run: Run) -> dict[str, Any]:
    done = proc.run([VBENCH, "report", str(run.path), "--format", "json"], timeout_s=LIMIT_S).check()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_trial_of_every_arm_was_measured(run: Run) -> None:
    assert run.manifest.state is State.COMPLETE
    assert run.warnings == ()
    assert [trial for trial in run.trials if not isinstance(trial.outcome, Measured)] == []
    assert {(t.block, t.environment, t.benchmark) for t in run.trials} == {
        (block, arm, benchmark.name) for block in (0, 1) for arm in ARMS for benchmark in run.manifest.benchmarks
    }


def test_the_padding_reached_the_driver_in_every_arm(run: Run) -> None:
    driven = [t for t in run.trials if t.benchmark in DRIVEN]
    seen = [t.outcome.padding_seen_b for t in driven if isinstance(t.outcome, Measured)]
    assert seen == [t.padding_b for t in driven]
    assert {t.environment for t in driven} == ARMS


def test_each_arm_is_described_by_its_layers_and_exact_commands(run: Run) -> None:
    found = {record.name: record for record in run.manifest.environments}
    names = {arm: [layer.name for layer in record.layers] for arm, record in found.items()}
    assert names["bare"][-1] == names["control"][-1] == "chroot"
    assert names["runc"][-1] == "runc"
    assert names["tcg"][-2:] == ["tcg", "guest"]
    assert names["inner"] == names["runc"]  # bare adds nothing to the container that it stands on
    assert all(record.argv and record.mechanisms for record in found.values())
    assert {record.image for record in found.values()} == {run.manifest.image}
    assert set(run.facts) == ARMS
    assert all(run.facts.values())


KNOWN_IN_A_RUN = (
    (r"/proc/\d+/ns/", "/proc/PID/ns/"),
    (r"/vbench-each-way-[^/ ]+/", "/vbench-RUN/"),  # the run's folder
    (r"(/vbench-RUN/|/scratch/)([a-z]+)-[A-Za-z0-9_]{6,8}\b", r"\1\2"),  # a start's folder in it
    (r"\bvbench-[0-9a-f]{12}\b", "vbench-NAME"),
    (r"\btap\d+", "tapN"),
    (r"\b198\.18\.\d+\.\d+/", "198.18.0.N/"),
    (r"52:54:00:12:[0-9a-f]{2}:[0-9a-f]{2}", "52:54:00:12:00:N"),
)


def planned(words: Sequence[str]) -> list[str]:
    """The words of a run with a plan's word for each thing that only a run knows."""
    found = list(words)
    for pattern, placeholder in KNOWN_IN_A_RUN:
        found = [re.sub(pattern, placeholder, word) for word in found]
    return found


def test_a_plan_prints_the_commands_that_the_run_executed_for_every_layer(run: Run, tmp_path: Path) -> None:
    suite = tmp_path / "each-way.toml"
    suite.write_text(run.manifest.suite_text)
    done = proc.run([VBENCH, "plan", str(suite), "--json"], timeout_s=LIMIT_S).check()
    plan = {arm: found["commands"] for arm, found in json.loads(done.stdout)["settings"].items()}
    ran = {r.name: [planned(words) for one in r.stack for words in one.argv] for r in run.manifest.environments}
    assert plan == ran
    assert len(ran["inner"]) == 2


def test_the_json_report_keeps_its_contract_and_has_a_number_for_each_metric(
    document: dict[str, Any], run: Run
) -> None:
    keys = {"schema", "run_id", "suite", "seed", "baseline", "control", "blocks", "environments", "costs"}
    assert keys | {"confounds", "trials"} <= set(document)
    assert document["run_id"] == run.manifest.run_id
    assert document["trials"]["failed"] == document["trials"]["skipped"] == 0
    assert {cost["benchmark"] for cost in document["costs"]} == {record.name for record in run.manifest.benchmarks}
    unknown = [cost for cost in document["costs"] if not cost["cost"] and cost["metric"] != "latency_p99"]
    assert unknown == []  # a p99 needs more operations than a short trial has on a slow machine
    assert {cost["environment"] for cost in document["costs"]} == ARMS - {"bare"}
    spent = {(t.block, t.environment, t.benchmark): _has_processor_time(t) for t in run.trials}
    for cost in (cost for cost in document["costs"] if cost["cost"]):
        assert (cost["cpu_s_per_operation"] is not None) == spent[1, cost["environment"], cost["benchmark"]]
    # The driver counts its operations itself. The lines of a tool can arrive too late, on a busy host in every trial.
    assert {benchmark for (_, _, benchmark), is_known in spent.items() if is_known} >= set(DRIVEN)
    assert all(cost["median"] > 0 and cost["baseline_median"] > 0 for cost in document["costs"] if cost["cost"])


def _has_processor_time(trial: Trial) -> bool:
    """Whether the trial tells the processor time of its operations and how many operations it was spent on."""
    measured = trial.outcome
    return trial.operations_cpu_s is not None and isinstance(measured, Measured) and bool(measured.operations)


def test_the_kernel_of_the_machine_is_a_confound_and_that_of_the_container_is_none(document: dict[str, Any]) -> None:
    kernels = {found["environment"] for found in document["confounds"] if found["key"] == "kernel.release"}
    assert "runc" not in kernels
    assert "control" not in kernels


def test_the_page_shows_the_run_in_a_browser(run: Run, chromium: Browser) -> None:
    page = run.path.parent / "page.html"
    done = proc.run([VBENCH, "report", str(run.path), "-o", str(page)], timeout_s=LIMIT_S).check()
    assert done.text == f"{page}\n"
    opened = chromium.open(page)
    opened.ask("document.querySelector('[data-figure]').scrollIntoView()")
    opened.until("document.querySelector('[data-figure] .main-svg')")
    shown = opened.ask("document.documentElement.outerHTML")
    for word in (*ARMS, *(benchmark.name for benchmark in run.manifest.benchmarks), run.manifest.run_id):
        assert word in shown
