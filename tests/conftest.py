"""What all tests share: the options that name what this machine can run, and a lock of their own."""

import gc
import os

# One thread a process: pytest's workers share the processors, and sums do not depend on how many threads there are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.support.giving_up import add_options
from tests.support.side_by_side import ByUnit
from vbench.host import lock

# How long an example takes, which ones an earlier run found and what chance gives are no inputs of a test.
settings.register_profile("vbench", deadline=None, database=None, derandomize=True)
settings.load_profile("vbench")


gc.disable()  # until all tests are collected: collecting leaves no garbage worth a search


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnit:
    return ByUnit(config, log)


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: looking for garbage among them took 7 % of the unit tests' time."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def _a_lock_of_our_own() -> Iterator[None]:
    """Figures do not matter here, so tests measure beside whatever else this host is doing."""
    with tempfile.TemporaryDirectory(prefix="vbench-tests-") as folder:
        own = Path(folder, "lock")
        own.touch()
        own.chmod(0o666)
        Path(folder).chmod(0o755)  # tests that give up their rights lock it too
        os.environ[lock.VARIABLE] = str(own)
        yield
        del os.environ[lock.VARIABLE]
