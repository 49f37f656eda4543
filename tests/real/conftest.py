"""One browser for all the tests of a worker, its tabs closed after each; reports to look at; what containers need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import browser
from tests.real.browser import Browser
from tests.support.giving_up import give_up
from tests.support.side_by_side import sort_own
from tests.unit.large_runs import large_run
from tests.unit.runs import gated, make_run
from vbench import image, report
from vbench.environments.oci import Oci
from vbench.host.proc import LocalSession

# The longest files begin first, so that no worker waits for one at the end. Those that measure real environments are
# apart from each other: all of them are pinned to the same processor, and the other one would idle.
ORDER = (
    *("run", "page_charts", "surroundings", "page", "without_root", "streams", "page_table", "validate"),
    *("resume", "watching", "command", "cli", "signals", "docs_commands"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    order = [here / f"test_{name}.py" for name in ORDER]
    assert all(path.exists() for path in order)
    sort_own(items, here, lambda item: order.index(item.path) if item.path in order else len(order))


@pytest.fixture(scope="session")
def running() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def chromium(running: Browser) -> Iterator[Browser]:
    yield running
    running.close_tabs()


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.html(make_run()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of the whole set, some of its blocks voided."""
    path = tmp_path_factory.mktemp("large") / "report.html"
    path.write_text(report.html(gated(large_run())), encoding="utf-8")
    return path


@pytest.fixture
def runc(request: pytest.FixtureRequest) -> None:
    lacking = [m.what for m in Oci().missing(LocalSession())] + ([] if image.find() else ["an image"])
    if lacking:
        give_up(request.config, "oci-runc", why=f"oci-runc: no {lacking}")
