"""Nothing in a table is left out: every kind of environment and of benchmark is run by the contract tests."""

import re
from pathlib import Path

from tests.contract.stacks import ALONE, DEFAULTS, STACKS
from tests.contract.units import LONGEST
from tests.contract.workloads import FROM_STARTS, INSIDE, ON_HOST
from tests.support.giving_up import ALL
from tests.support.linting import refuse
from vbench import benchmarks, environments

CI = Path(__file__).parents[2] / ".ci" / "run"


def test_every_kind_of_environment_is_run() -> None:
    run = {environment.kind for stack in ALONE.values() for environment in stack}
    inside = {STACKS[name][0].kind for name in DEFAULTS}
    refuse(kind for kind in environments.KINDS if kind not in run)
    refuse(kind for kind, made in environments.KINDS.items() if made.is_offered and kind not in inside)


def test_every_variant_has_a_name_of_its_own() -> None:
    variants = [environment for kind in environments.KINDS.values() for environment in kind.variants() or (kind(),)]
    assert list(ALONE.values()) == [(variant,) for variant in variants]


def test_stacks_that_users_build_are_run() -> None:
    assert {"bare-on-qemu", "bare-on-oci", "fake-on-fake"} <= set(STACKS)


def test_every_kind_of_benchmark_is_run() -> None:
    run = {*ON_HOST, *FROM_STARTS, *(kind for kind, _ in INSIDE)}
    refuse(kind for kind in benchmarks.KINDS if kind not in run)
    assert FROM_STARTS == ["start.ready"]


def test_what_ci_may_skip_are_variants_and_no_kinds_whole() -> None:
    (skipped,) = re.findall(rf'REAL={ALL} BUT="(.*?)"', CI.read_text(encoding="utf-8"))
    refuse(name for name in skipped.split() if name not in STACKS)
    refuse(f"{name} is what users measure" for name in DEFAULTS if name in skipped.split())


def test_units_that_begin_first_are_units() -> None:
    modules = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    refuse(name for name in LONGEST for word in name.split() if word not in {*ALONE, *modules, "inside"})
