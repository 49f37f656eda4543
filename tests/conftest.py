"""`--real KIND`: this machine can run KIND, so a skip of it is a failure."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbench import lock


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real", action="append", default=[], metavar="KIND", help="a skip of this kind of environment fails"
    )


@pytest.fixture(scope="session", autouse=True)
def _a_lock_of_our_own() -> Iterator[None]:
    """Figures do not matter here, so tests measure beside whatever else this host is doing."""
    with tempfile.TemporaryDirectory(prefix="vbench-tests-") as folder:
        os.environ[lock.VARIABLE] = str(Path(folder, "lock"))
        yield
        del os.environ[lock.VARIABLE]
