"""Unit tests see no image of the machine they run on, whose facts are the same all the time."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbench import facts
from vbench.contracts import Session
from vbench.host.proc import LocalSession
from vbench.image import cache
from vbench.model import Facts


@pytest.fixture(scope="package", autouse=True)
def _this_host_is_probed_once() -> Iterator[None]:
    """Probes of the host took about half the time of the tests that run fakes."""
    real, known = facts._probed, {}

    def probed(session: Session, scratch: str | None, cpu: int | None = None, *, before: tuple[str, ...] = ()) -> Facts:
        if type(session) is not LocalSession:
            return real(session, scratch, cpu, before=before)
        key = (session.workplace, scratch, cpu, before)
        if key not in known:
            known[key] = real(session, scratch, cpu, before=before)
        return dict(known[key])

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(facts, "_probed", probed)
        yield


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
