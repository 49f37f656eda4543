"""One browser for all the tests of a module, its tabs closed after each; what tests of containers need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import browser
from tests.real.browser import Browser
from tests.support.giving_up import give_up
from vbench import image
from vbench.environments.oci import Oci
from vbench.host.proc import LocalSession

# Files of more than a minute, the longest first. A worker takes a whole file, so a long one that begins late leaves the
# other worker idle.
LONGEST = ("run", "surroundings", "without_root", "docs_commands", "resume", "validate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the longest files, in both workers alike; xdist's own order goes by the number of tests."""
    order = [f"test_{name}" for name in LONGEST]
    assert all(Path(__file__).with_name(f"{name}.py").exists() for name in order)
    items.sort(key=lambda item: order.index(item.path.stem) if item.path.stem in order else len(order))


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def chromium(running: Browser) -> Iterator[Browser]:
    yield running
    running.close_tabs()


@pytest.fixture
def runc(request: pytest.FixtureRequest) -> None:
    lacking = [m.what for m in Oci().missing(LocalSession())] + ([] if image.find() else ["an image"])
    if lacking:
        give_up(request.config, "oci-runc", why=f"oci-runc: no {lacking}")
