"""One browser for all the tests of a module, its tabs closed after each."""

from collections.abc import Iterator

import pytest

from tests.real import browser
from tests.real.browser import Browser


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def chromium(running: Browser) -> Iterator[Browser]:
    yield running
    running.close_tabs()
