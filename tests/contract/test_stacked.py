"""What stands on another environment has the surroundings of all others, and runs what names files."""

import pytest

from tests.contract.stacks import ALONE, STACKS, Floors, Stack
from tests.contract.surroundings import assert_usual
from tests.contract.workloads import trial_on_files
from vbench.environments.bare import Bare

stacked = pytest.mark.parametrize(
    "stack", [name for name in STACKS if name not in ALONE], indirect=True, scope="package"
)


@stacked
def test_a_command_sees_the_same_as_natively(stack: Stack, floors: Floors) -> None:
    if stack.makes_up:
        assert stack.environments[-1].variants() == ()  # it runs its commands on the host, as the host's own
        return
    native, _ = floors.on((Bare(),))
    assert assert_usual(floors.on(stack.environments)[0]) == assert_usual(native)


@stacked
def test_benchmarks_that_name_files_run_there(stack: Stack, floors: Floors) -> None:
    if stack.makes_up:
        assert stack.environments[-1].variants() == ()  # its files are made up
        return
    trial_on_files(*floors.on(stack.environments), may_lack=False)
