"""One browser for all the tests of a module, its tabs closed after each; what tests of containers need."""

from collections.abc import Iterator

import pytest

from tests.real import browser
from tests.real.browser import Browser
from vbench import image
from vbench.environments.oci import Oci
from vbench.host.proc import LocalSession


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
        (pytest.fail if "oci-runc" in request.config.getoption("--real") else pytest.skip)(f"oci-runc: no {lacking}")
