"""What systemd-nspawn itself leaves on a host, and vbench removes."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.stacks import Floors, Stack
from vbench.environments.nspawn import CGROUPS, PROPAGATE


def left() -> set[Path]:
    """The cgroups and folders that systemd-nspawn makes, of anybody's containers."""
    groups = [group for name in ("payload", "supervisor") for group in Path(CGROUPS).glob(f"**/{name}")]
    folder = Path(PROPAGATE)
    return {*groups, *(folder.iterdir() if folder.exists() else ())}


@pytest.mark.alone
@pytest.mark.parametrize("stack", ["nspawn"], indirect=True)
def test_neither_a_cgroup_nor_a_folder_of_a_container_stays(stack: Stack, floors: Floors) -> None:
    before = left()
    with ExitStack() as exits:
        stack.start(exits, floors)
        assert left() > before
    assert left() <= before
