"""What unit tests share: no image of their machine, its facts read once, the console script, a page, a start."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.documents import Document
from tests.unit.guest_folder import guest_folder
from tests.unit.program import Ended, Vbench
from tests.unit.runs import make_run
from vbench import contracts, report
from vbench.benchmarks.lines import Lines
from vbench.cli import main
from vbench.contracts import Completed, Session, Start, Workplace
from vbench.environments.fake import Fake, FakeSession
from vbench.environments.starting import agent_command, started
from vbench.host import proc
from vbench.host.proc import LocalSession
from vbench.image import cache


@pytest.fixture(scope="package", autouse=True)
def _this_host_is_probed_once() -> Iterator[None]:
    """Probes of the host, which fakes describe as theirs, took about half the time of the tests that run fakes."""
    run, known = LocalSession.run, {}

    def run_once(self: LocalSession, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        probe = str(self.workplace.guest / "probe.py")
        if probe not in argv or "--network" in argv:
            return run(self, argv, timeout_s=timeout_s, stdin=stdin)
        scratch = argv.index(probe) + 1  # another one for each start
        key = (self, *argv[:scratch], *argv[scratch + 1 :])
        if key not in known:
            known[key] = run(self, argv, timeout_s=timeout_s, stdin=stdin)
        return known[key]

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(LocalSession, "run", run_once)
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


@pytest.fixture
def vbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vbench]:
    """The console script, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["vbench", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, *capsys.readouterr())

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="package")
def page() -> str:
    """The page of the synthetic run."""
    return report.html(make_run())


@pytest.fixture(scope="package")
def document(page: str) -> Document:
    return Document(page)


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """A start behind an agent, or of a fake; raw files are in `raw`, its scratch space is empty again when it ends."""
    for name in ("scratch", "raw"):
        (tmp_path / name).mkdir()
    workplace = Workplace(sys.executable, PurePosixPath(proc.GUEST), PurePosixPath(tmp_path / "scratch"))
    testbed = cast(contracts.Testbed, SimpleNamespace())

    def raw(name: str, data: bytes) -> None:
        (tmp_path / "raw" / name).write_bytes(data)

    with ExitStack() as around, ExitStack() as stack:
        session: Session = FakeSession(LocalSession(workplace), Fake(), workplace.scratch)
        if getattr(request, "param", "agent") == "agent":
            common: dict[str, Any] = {"layers": (), "mechanisms": (), "attach_s": 0.0, "limit_s": 60.0}
            session = around.enter_context(
                started(LocalSession(), agent_command(workplace), workplace=workplace, **common)
            )
        yield Start(session, testbed, 321, 0.03, 0.001, None, raw, stack, suite_folder=tmp_path)
        stack.close()
        assert list((tmp_path / "scratch").iterdir()) == []


@pytest.fixture
def echo() -> Iterator[int]:
    """Port of an echo server on loopback that listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with proc.spawn([str(guest_folder() / "echo"), "serve", "127.0.0.1", str(port)]) as server:
        assert Lines(server).next(timeout_s=10) == b"ready"
        yield port
        server.stdin.close()
        assert server.wait(timeout_s=10) == 0  # the end of its stdin ends it
