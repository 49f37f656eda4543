"""Unit tests see no image of the machine they run on."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbench.image import cache


@pytest.fixture(scope="module", autouse=True)  # with the session it would last into the tests of real images
def _no_images() -> Iterator[None]:
    names = ("XDG_CACHE_HOME", cache.SYSTEM)
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="vbench-tests-") as folder:
        os.environ |= {name: str(Path(folder, name)) for name in names}
        yield
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
