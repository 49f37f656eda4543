"""What one of pytest's workers runs as a whole, and in which order: the tests of all folders run side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.contract.units import unit


class ByUnit(LoadScopeScheduling):
    """One worker runs a whole file, and of the contract tests a whole unit. They begin in the order of the tests."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False  # xdist's own order goes by the number of tests
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return unit(nodeid) if Path(file).parent.name == "contract" else file


def sort_own(items: list[pytest.Item], folder: Path, key: Callable[[pytest.Item], Any]) -> None:
    """Sorts the tests of one folder, in the places that they have among those of others."""
    ours = [number for number, item in enumerate(items) if item.path.parent == folder]
    ordered = sorted((items[number] for number in ours), key=key)
    for number, item in zip(ours, ordered, strict=True):
        items[number] = item
