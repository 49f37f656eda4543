"""The suites that come with vbench: each plans within its budget, and an area's has all of the area."""

from pathlib import Path

import pytest

from vbench import suite as suites
from vbench.benchmarks import KINDS
from vbench.suite import plan as plans

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.stem for path in (ROOT / "suites").glob("*.toml"))
AREAS = {
    "cpu": {"cpu", "python"},
    "memory": {"memory"},
    "syscall": {"syscall", "scheduler"},
    "disk": {"disk"},
    "network": {"network", "http"},
}


def load(name: str) -> suites.Suite:
    return suites.load(str(ROOT / "suites" / f"{name}.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_each_says_what_it_is_for_and_fits_its_budget(name: str) -> None:
    suite = load(name)
    assert suite.name == name
    assert suite.about.endswith(".")
    assert suite.method.baseline == "bare"
    assert 0 < plans.expected_s(suite, suite.method.least) <= suite.method.budget
    assert plans.make(suite).most_s <= suite.method.budget


@pytest.mark.parametrize("name", SHIPPED)
def test_each_can_be_narrowed_to_a_container(name: str) -> None:
    narrowed = suites.restrict(load(name), environments=["runc"])
    assert plans.make(narrowed).environments == ("bare", "runc", "control")


@pytest.mark.parametrize("name", AREAS)
def test_an_area_has_all_of_its_benchmarks_and_no_other(name: str) -> None:
    measured = {benchmark.kind for benchmark in load(name).benchmarks.values()}
    assert measured == {kind for kind in KINDS if kind.partition(".")[0] in AREAS[name]}


def test_every_family_that_is_run_inside_has_an_area() -> None:
    families = {kind.partition(".")[0] for kind in KINDS} - {"start", "command"}
    assert families == set().union(*AREAS.values())


@pytest.mark.parametrize("name", [*AREAS, "standard"])
def test_a_virtual_machine_to_publish_is_never_an_emulated_one(name: str) -> None:
    accelerated = [getattr(arm.environment, "accel", "kvm") for arm in load(name).environments.values()]
    assert set(accelerated) == {"kvm"}


@pytest.mark.parametrize("name", AREAS)
def test_an_area_declares_what_it_confirms(name: str) -> None:
    suite = load(name)
    assert 1 <= len(suite.method.confirmatory) <= 5
    assert {text.split()[0] for text in suite.method.confirmatory} == {"runc", "kvm"}


def test_the_page_of_suites_lists_each() -> None:
    listed = (ROOT / "docs" / "use" / "suites.md").read_text().partition("## Suites that come with vbench")[2]
    rows = [line for line in listed.splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == SHIPPED
