"""A deterministic environment for tests and examples: it makes up the output of the driver and of fio.

With it a whole run can be tested to the last digit: a `slowdown` of 1.25 must come out as a cost of 1.25.
"""

import io
import itertools
import json
import math
import os
import threading
import zlib
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar, Literal, Self

from vbench.beneath import DESCENDANTS, ServedBy, Unseen, Uplink
from vbench.contracts import Completed, Process, Session, Started, StartTiming, Testbed, Workplace
from vbench.environments.settings import EnvironmentSettings
from vbench.errors import CommandTimeout, SessionLost, StartFailed
from vbench.gates import ClockReading
from vbench.model import Layer
from vbench.text import program

READY_S = 0.010
KERNEL_S = 1e-6  # one operation of any kernel where `slowdown` is 1
READ_NS = 100_000
VALUES = 10
_PROBED: dict[tuple[Hashable, ...], Completed] = {}


class Fake(EnvironmentSettings, frozen=True, kw_only=True):
    """Figures are `slowdown` times a constant, wavering by ±`noise` in a fixed pattern; `fails` names what breaks."""

    kind: ClassVar[str] = "fake"
    is_offered: ClassVar[bool] = False
    confines_root: ClassVar[bool] = False
    slowdown: float = 1.0
    noise: float = 0.0
    fails: Literal["nothing", "start", "trial", "session"] = "nothing"
    served: Literal["descendants", "unseen"] = "descendants"
    drift: float | None = None  # of its clock in s for each s of the host's; null: it has none of its own

    @property
    def needs_image(self) -> bool:
        return False

    @classmethod
    def variants(cls) -> tuple[Self, ...]:
        return ()  # nothing for doctor to prove

    def title(self) -> str:
        return f"fake slowdown={self.slowdown:g}"

    def expected_start_s(self) -> float:
        return READY_S

    @contextmanager
    def start(self, host: Session, testbed: Testbed) -> Iterator[Session]:
        if self.fails == "start":
            raise StartFailed("this fake environment never starts", hint="set fails = 'nothing'")
        with testbed.folder("fake") as scratch:
            yield FakeSession(host, self, scratch)


@dataclass
class FakeSession:
    """Runs commands on the session beneath, but makes up the output of measuring tools."""

    host: Session
    settings: Fake
    scratch: PurePosixPath
    mechanisms: tuple[str, ...] = ("nothing: figures are made up",)
    argv: tuple[tuple[str, ...], ...] = ()
    memory_limit_b: int | None = None
    no_network: str = ""
    lost: bool = False
    loops: int = 0  # of the trial in slices that runs
    calibrated: Iterator[int] = field(default_factory=itertools.count)  # each calibration comes out differently
    _asked: Iterator[int] = field(default_factory=itertools.count)
    _clock: Iterator[int] = field(default_factory=itertools.count)

    @property
    def workplace(self) -> Workplace:
        beneath = self.host.workplace
        return Workplace(beneath.python, beneath.guest, self.scratch, beneath.image)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return (*self.host.layers, Layer("fake", "made up"))

    @property
    def served_by(self) -> ServedBy:
        if isinstance(self.host, Started):
            return self.host.served_by
        return DESCENDANTS if self.settings.served == "descendants" else Unseen("its figures are made up")

    @property
    def timing(self) -> StartTiming:
        return StartTiming(0.0, READY_S * self.factor("start"))

    @property
    def uplink(self) -> Uplink | None:
        return None

    def clock(self) -> ClockReading | None:
        """A reading in which 1 s of the host's time has passed since the last one."""
        if self.settings.drift is None:
            return None
        host_s = float(next(self._clock))
        return ClockReading(host_s, host_s * (1 + self.settings.drift), host_s)

    def evidence(self) -> dict[str, bytes]:
        return {}

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        self._alive()
        output = _made_up(argv, self)
        if output is not None:
            return Completed(tuple(argv), 0, output.encode(), b"")
        if str(self.workplace.guest / "probe.py") in argv:
            return self._described(tuple(argv), timeout_s)
        return self.host.run(argv, timeout_s=timeout_s, stdin=stdin)

    def _described(self, argv: tuple[str, ...], timeout_s: float) -> Completed:
        """The host's evidence, read once a process. A fake has no facts of its own, and a probe starts 30 processes."""
        if not isinstance(self.host, Hashable):  # a started environment, which ends
            return self.host.run(argv, timeout_s=timeout_s)
        key = (self.host, *(word for word in argv if word != str(self.scratch)))  # each start has another scratch space
        if key not in _PROBED:
            _PROBED[key] = self.host.run(argv, timeout_s=timeout_s)
        return _PROBED[key]

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[Process]:
        self._alive()
        if any(word.endswith("driver.py") for word in argv):
            padding = next((len(w) - len("VBENCH_PADDING=") for w in argv if w.startswith("VBENCH_PADDING=")), 0)
            with _driver(self, tuple(argv), padding) as process:
                yield process
            return
        if (output := _made_up(argv, self)) is not None:
            yield FakeProcess(tuple(argv), io.BytesIO(), io.BytesIO(output.encode() + b"\n"), self, status=0)
            return
        with self.host.spawn(argv) as process:
            yield process

    def put(self, source: Path, target: PurePosixPath) -> None:
        self._alive()
        self.host.put(source, target)

    def get(self, source: PurePosixPath, target: Path) -> None:
        self._alive()
        self.host.get(source, target)

    def on_network(self) -> Session:
        return self

    def factor(self, what: str) -> float:
        """Slowdown with its noise: a sine of the number of calls so far, with a phase of the name."""
        phase = zlib.crc32(what.encode()) % 360
        return self.settings.slowdown * (1 + self.settings.noise * math.sin(phase + 1.7 * next(self._asked)))

    def _alive(self) -> None:
        if self.lost:
            raise SessionLost("the fake environment went away")


@dataclass
class FakeProcess:
    """A made-up process: the guest's driver with one line of output a line of input, or a tool that has ended."""

    argv: tuple[str, ...]
    stdin: BinaryIO
    stdout: BinaryIO
    session: FakeSession
    pid: int = 0
    status: int | None = None

    def poll(self) -> int | None:
        return self.status

    def wait(self, *, timeout_s: float) -> int:
        if self.session.lost:
            raise SessionLost("the fake environment went away")
        if self.status is None:
            raise CommandTimeout(f"{self.argv[0]} was still running after {timeout_s:g} s")
        return self.status

    def kill(self) -> None:
        self.status = -9

    def stderr(self) -> bytes:
        return b""


@contextmanager
def _driver(session: FakeSession, argv: tuple[str, ...], padding: int) -> Iterator[FakeProcess]:
    request_r, request_w = os.pipe()
    reply_r, reply_w = os.pipe()
    with os.fdopen(request_w, "wb", 0) as stdin, os.fdopen(reply_r, "rb", 0) as stdout:
        server = threading.Thread(target=_serve, args=(session, request_r, reply_w, padding), daemon=True)
        server.start()
        yield FakeProcess(argv, stdin, stdout, session)
        stdin.close()
        server.join()


def _serve(session: FakeSession, requests: int, replies: int, padding: int) -> None:
    slices: list[float] = []
    with os.fdopen(requests, "rb") as lines, os.fdopen(replies, "wb", 0) as out:
        for line in lines:
            if session.settings.fails == "session":
                session.lost = True
                return
            out.write(json.dumps(_reply(session, json.loads(line), padding, slices)).encode() + b"\n")


def _reply(session: FakeSession, request: dict[str, Any], padding: int, slices: list[float]) -> dict[str, Any]:
    """The driver's answer; `slices` keeps the values of a trial in slices."""
    if session.settings.fails == "trial":
        return {"error": "this fake environment fails every trial", "errno": None}
    if request.get("set_up"):
        return {"ready": True, "clock_read_s": 0.0}
    match request.get("slices"):
        case "begin":
            slices.clear()
            session.loops = request.get("loops") or 1000 + next(session.calibrated)
            return {"loops": session.loops, "spent_s": 0.0}
        case "next":
            slices.append(KERNEL_S * session.factor(request["kernel"]))
            return {"value": slices[-1], "spent_s": 0.0}
        case "end":
            return _whole(request, slices, session.loops, padding)
    values = [KERNEL_S * session.factor(request["kernel"]) for _ in range(VALUES)]
    return _whole(request, values, request.get("loops") or 1000 + next(session.calibrated), padding)


def _whole(request: dict[str, Any], values: list[float], loops: int, padding: int) -> dict[str, Any]:
    return {
        "values": values,
        "warmups": [],
        "loops": loops,
        "clock": "made up",
        "padding": padding,
        "operations": len(values) * loops,
        "spent_s": 0.0,  # no time passes: more would be taken for a clock that runs fast
        "extra": {"round_trips_ns": [round(value * 1e9) for value in values] * 30} if request["kernel"] == "rr" else {},
        "pyperf": {},
    }


def _made_up(argv: Sequence[str], session: FakeSession) -> str | None:
    """Output of a measuring tool or of a check for its files. None for every other command."""
    if argv[0] == "stat":
        return "\n".join(argv)
    if argv[0] == "sh" and tuple(argv[4:]) == ("fio",):
        return ""  # fio counts as installed, whatever the host has
    if argv[0] == "kill":
        return ""  # of a made-up process
    slices = [word.removeprefix("--name=") for word in argv if word.startswith("--name=slice")]
    if Path(program(argv)).name != "fio" and not slices:
        return None
    if "--version" in argv:
        return "fio-3.33"
    said = ["vbench: pid 1", *["vbench: ready"] * len(slices), *["vbench: begun", "vbench: ended"] * len(slices)]
    return "\n".join([*(said if slices else []), json.dumps(_fio(argv, slices, session.factor("fio")))])


def _fio(argv: Sequence[str], slices: Sequence[str], factor: float) -> dict[str, Any]:
    """Finished jobs, read or write as asked, in the shape of fio 3's json+ output: all slices, or the last job."""
    direction = "write" if any(word.startswith("--rw=") and "write" in word for word in argv) else "read"
    latency_ns = round(READ_NS * factor)
    done = 1000
    percentiles = {f"{p:.6f}": latency_ns for p in (50.0, 99.0)}
    side = {
        "io_bytes": done * 4096,
        "bw_bytes": round(4096 * 1e9 / latency_ns),
        "iops": 1e9 / latency_ns,
        "total_ios": done,
        "runtime": round(done * latency_ns / 1e6),
        "clat_ns": {"min": latency_ns, "max": latency_ns, "mean": latency_ns, "stddev": 0, "N": done}
        | {"percentile": percentiles, "bins": {str(latency_ns): done}},
    }
    last = next(word for word in reversed(argv) if word.startswith("--name=")).removeprefix("--name=")
    jobs = [{"jobname": name, "error": 0, direction: side} for name in slices or [last]]
    return {"fio version": "fio-3.33", "jobs": jobs}
