"""Talks to the kernel driver: a process of a start that runs compiled kernels, one after another."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace as with_changes

from vbench.benchmarks.lines import Lines
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.benchmarks.tools import REBUILD
from vbench.contracts import Missing, Process, Session, Slices, Start, Testbed
from vbench.errors import CommandTimeout, OutputTooLarge, TrialFailed
from vbench.host import foreign
from vbench.host.foreign import LONGEST, Count
from vbench.model import Measured, Metric
from vbench.stats import steady

VALUES = 10
FEWEST_WARMUPS = 5
SHORTEST_S = 0.02  # of a slice: below, what an exchange costs would be most of a run's time
SET_UP_S = 30.0  # limit for the interpreter's start and the largest kernel's set-up, under emulation on a busy host
SLOWEST = 40.0  # limit of a trial in multiples of its length: loops are fixed, an environment can become slower
CLOCK_SLACK = 0.01
CLOCK_SLACK_S = 0.005
LEAST_S, MOST_S = 1e-15, 1e6  # no operation is quicker than a femtosecond, or lasts eleven days
LONGEST_ERROR = 500
APART = frozenset({"memory", "syscall", "network"})
"""Families with a driver of their own: their numbers depend on the process's mappings, or they run elsewhere."""
CLOCK_SHARE = 0.001  # share of a timed interval above which the cost of a clock read has a note


A = TypeVar("A")
Number = Annotated[int, Meta(ge=1, le=LONGEST)]
NotNegative = Annotated[float, Meta(ge=0)]


class Extra(msgspec.Struct, frozen=True):
    """Fields that some kernels add to their reply (guest/workloads.py)."""

    round_trips_ns: tuple[Number, ...] = ()
    last_level_cache_b: Count | None = None
    clock_source: Annotated[str, Meta(max_length=100)] | None = None


class Reply(msgspec.Struct, frozen=True):
    """The driver's answer to a request: `values` in seconds per operation, the rest as guest/driver.py describes it."""

    values: tuple[float, ...]
    warmups: tuple[tuple[Count, float], ...]
    loops: Number
    clock: Annotated[str, Meta(max_length=100)]
    padding: Count
    spent_s: NotNegative
    extra: Extra
    pyperf: dict[str, Any]
    operations: Number | None = None  # all that were executed, with calibration and warm-ups, without the dose
    clock_read_s: NotNegative | None = None  # cost of one read of its clock, measured at set-up
    dose: float | None = None  # share of extra operations that it executed: `validate` proves the intervals with them


class Begun(msgspec.Struct, frozen=True):
    """The driver's answer once a trial in slices is warmed up."""

    loops: Number
    spent_s: NotNegative


class Slice(msgspec.Struct, frozen=True):
    """The driver's answer to a slice: seconds per operation, and all seconds that the kernel counted in it."""

    value: float
    spent_s: NotNegative


class Ready(msgspec.Struct, frozen=True):
    """The driver's answer once a kernel is set up and its clock did not step back."""

    ready: bool
    clock_read_s: NotNegative


class Refusal(msgspec.Struct, frozen=True):
    """The driver's answer when a kernel failed."""

    error: str | None = None
    errno: int | None = None


def parse(line: bytes) -> Reply:
    """Parses the driver's line. Raises TrialFailed for an error and for values that cannot be true."""
    reply = _answer(line, Reply)
    odd = [value for value in reply.values if not LEAST_S <= value <= MOST_S]
    if odd or not reply.values:
        raise TrialFailed(f"the driver answered with values that cannot be: {odd[0] if odd else 'none'}")
    return reply


def _answer(line: bytes, kind: type[A]) -> A:
    try:
        refusal = foreign.decode(line, Refusal)
        if refusal.error is not None:
            raise TrialFailed(refusal.error[:LONGEST_ERROR] or "the driver failed and did not say why")
        return foreign.decode(line, kind)
    except ValueError as error:
        raise TrialFailed(f"the driver's answer cannot be read: {error}: {line[:200]!r}") from None


@dataclass
class KernelDriver:
    """A driver process. The first request starts it, and a request after its end starts it again."""

    session: Session
    argv: Sequence[str]
    set_up_s: float = SET_UP_S
    _running: ExitStack = field(default_factory=ExitStack)
    _process: Process | None = None
    _lines: Lines | None = None

    def request(self, message: dict[str, Any], *, timeout_s: float) -> Reply:
        """Runs one kernel. Raises TrialFailed, SessionLost, and CommandTimeout after killing the driver."""
        line, wall_s = self._exchange(message, timeout_s=timeout_s)
        reply = parse(line)
        refuse_fast_clock(reply.spent_s, wall_s, reply.clock)
        return reply

    def step(self, message: dict[str, Any], kind: type[A], *, timeout_s: float) -> float:
        """One step of a trial in slices, and the time that it took in s. Raises as `request` does."""
        line, wall_s = self._exchange(message, timeout_s=timeout_s)
        _answer(line, kind)
        return wall_s

    def last(self, message: dict[str, Any], steps_s: float, *, timeout_s: float) -> Reply:
        """The reply of a trial in slices, whose steps took `steps_s` together. Raises as `request` does."""
        reply = parse(self._exchange(message, timeout_s=timeout_s)[0])
        refuse_fast_clock(reply.spent_s, steps_s, reply.clock)
        return reply

    def set_up(self, message: dict[str, Any], *, timeout_s: float) -> Ready:
        """Prepares a kernel's memory and connections. Raises as `request` does, and if the clock steps back."""
        line, _ = self._exchange({**message, "set_up": True}, timeout_s=timeout_s)
        return _answer(line, Ready)

    def _exchange(self, message: dict[str, Any], *, timeout_s: float) -> tuple[bytes, float]:
        """The driver's next line, and the time until it came in s."""
        process, lines = self._started()
        begun = time.monotonic()
        try:
            with suppress(OSError, ValueError):  # the driver has ended: `_epitaph` says how
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
            line = lines.next(timeout_s=timeout_s)
        except OutputTooLarge:
            self.close()
            raise
        except CommandTimeout:
            self.close()
            raise CommandTimeout(f"{message['kernel']} did not end within {timeout_s:g} s and was killed") from None
        wall_s = time.monotonic() - begun
        if line is None:
            raise TrialFailed(self._epitaph(process))
        return line, wall_s

    def _started(self) -> tuple[Process, Lines]:
        if self._process is None or self._lines is None:
            try:
                self._process = self._running.enter_context(self.session.spawn(self.argv))
            except FileNotFoundError as error:
                raise TrialFailed(f"the driver could not be started: {error}") from None
            self._lines = Lines(self._process)
        return self._process, self._lines

    def _epitaph(self, process: Process) -> str:
        """How the driver ended, in words. Raises SessionLost when its environment ended too."""
        try:
            status = process.wait(timeout_s=5)
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            stderr = process.stderr().decode(errors="replace").strip()[-300:]
        except CommandTimeout:
            how, stderr = "closed its output", ""
        finally:
            self.close()
        return f"the driver {how}: {stderr}" if stderr else f"the driver {how}"

    def close(self) -> None:
        self._process = self._lines = None
        self._running.close()


def refuse_fast_clock(spent_s: float, wall_s: float, clock: str) -> None:
    """Raises TrialFailed where the environment's clock ran fast (method.md section 7)."""
    if spent_s > wall_s * (1 + CLOCK_SLACK) + CLOCK_SLACK_S:
        raise TrialFailed(
            f"the environment's {clock} counted {spent_s:.4f} s while {wall_s:.4f} s passed on the host",
            hint="its clock runs fast; look at its clock source",
        )


def driver_argv(start: Start, session: Session) -> list[str]:
    # -I -S: import only the guest folder's own packages. -B: write no bytecode into the image.
    workplace = session.workplace
    return start.padded([workplace.python, "-I", "-S", "-B", str(workplace.guest / "driver.py")])


def driver(start: Start, family: str, session: Session) -> KernelDriver:
    """The family's driver of this start. An emulated machine takes about a second to start one."""

    @contextmanager
    def make() -> Iterator[KernelDriver]:
        process = KernelDriver(session, driver_argv(start, session))
        try:
            yield process
        finally:
            process.close()

    return start.shared(f"driver.{family if family in APART else ''}", make)


def run_kernel(start: Start, family: str, kernel: str, params: dict[str, Any], session: Session) -> Reply:
    """Runs one trial of a kernel, and stores pyperf's JSON as a raw file."""
    limits = {"loops": start.loops, "trial_s": start.trial_s, "warmup_s": start.warmup_s}
    message = {"kernel": kernel, "params": params, **limits}
    running = driver(start, family, session)
    timeout_s = running.set_up_s + SLOWEST * (start.trial_s + start.warmup_s)
    ready = running.set_up(message, timeout_s=running.set_up_s)
    start.begin()
    reply = with_changes(running.request(message, timeout_s=timeout_s), clock_read_s=ready.clock_read_s)
    start.raw("pyperf.json", json.dumps(reply.pyperf).encode())
    return reply


@dataclass
class KernelSlices:
    """A trial of a kernel in slices: the driver keeps the kernel set up between them."""

    running: KernelDriver
    message: dict[str, Any]
    timeout_s: float
    clock_read_s: float
    raw: Callable[[str, bytes], None]
    result: Callable[[Reply], Measured]  # what the driver's reply says
    steps_s: float  # time of all steps so far, by the harness

    def take(self) -> None:
        self.steps_s += self.running.step({**self.message, "slices": "next"}, Slice, timeout_s=self.timeout_s)

    def measured(self) -> Measured:
        reply = self.running.last({**self.message, "slices": "end"}, self.steps_s, timeout_s=self.timeout_s)
        self.raw("pyperf.json", json.dumps(reply.pyperf).encode())
        return self.result(with_changes(reply, clock_read_s=self.clock_read_s))


@contextmanager
def kernel_slices(start: Start, benchmark: "KernelBenchmark") -> Iterator[KernelSlices]:
    """A trial of `start.rounds` slices, warmed up."""
    limits = {"loops": start.loops, "slice_s": start.trial_s / start.rounds, "warmup_s": start.warmup_s}
    place = benchmark.place(start)
    message = {"kernel": benchmark.kernel, "params": benchmark.params(start), **limits}
    running = driver(start, benchmark.family, place)
    ready = running.set_up(message, timeout_s=running.set_up_s)
    timeout_s = running.set_up_s + SLOWEST * (start.trial_s + start.warmup_s)
    begun_s = running.step({**message, "slices": "begin"}, Begun, timeout_s=timeout_s)
    yield KernelSlices(running, message, timeout_s, ready.clock_read_s, start.raw, benchmark.measured, begun_s)


def kernel_missing(session: Session) -> tuple[Missing, ...]:
    """Files that a session lacks to run kernels. Runs one command."""
    needed = [str(session.workplace.guest / name) for name in ("driver.py", "kernels.so", "echo")]
    present = session.run(["stat", "-c", "%n", *needed], timeout_s=30).text.splitlines()
    hint = "" if session.workplace.image == "host" else REBUILD
    return tuple(Missing(path, hint) for path in needed if path not in present)


def drift_notes(values: Sequence[float]) -> tuple[str, ...]:
    """A note for a trial without a steady state: first and last third differ by more than 5 % and do not overlap."""
    third = len(values) // 3
    if third < 2:
        return ()
    first, last = values[:third], values[-third:]
    change = median(last) / median(first) - 1
    apart = max(first) < min(last) or max(last) < min(first)
    if not apart or abs(change) <= steady.DRIFT:
        return ()
    return (f"{steady.LABEL}: the last third differs from the first by {change:+.0%}",)


def dose_notes(reply: Reply) -> tuple[str, ...]:
    return () if reply.dose is None else (f"{reply.dose:.1%} of extra work",)


def clock_notes(reply: Reply, timed_s: float) -> tuple[str, ...]:
    """A note where a clock read costs more than a thousandth of the interval it times (method.md section 7)."""
    if reply.clock_read_s is None or reply.clock_read_s <= CLOCK_SHARE * timed_s:
        return ()
    return ("a clock read costs more than a thousandth of what it times",)


class KernelBenchmark(BenchmarkSettings, frozen=True, kw_only=True):
    """A benchmark that is one compiled kernel: its kind names both the family and the kernel."""

    kind: ClassVar[str] = ""
    short: ClassVar[str] = ""
    exposes: ClassVar[str] = ""
    about: ClassVar[str] = ""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    shortest_s: ClassVar[float | None] = SHORTEST_S
    set_up_s: ClassVar[float] = 0.05  # estimate for the plan: a part of the driver's start
    timed_each: ClassVar[bool] = False  # the kernel reads its clock once an operation, not once a value

    @property
    def family(self) -> str:
        return self.kind.partition(".")[0]

    @property
    def kernel(self) -> str:
        return self.kind.partition(".")[2]

    def params(self, start: Start) -> dict[str, Any]:
        """Parameters of the kernel's set-up."""
        del start
        return {}

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        """Samples by metric. The default is the seconds of one operation."""
        return {self.metrics[0].name: reply.values}

    def notes(self, reply: Reply) -> tuple[str, ...]:
        del reply
        return ()

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        del testbed
        return kernel_missing(session)

    def place(self, start: Start) -> Session:
        """Where the kernel runs."""
        return start.session

    def measure(self, start: Start) -> Measured:
        return self.measured(run_kernel(start, self.family, self.kernel, self.params(start), self.place(start)))

    def sliced(self, start: Start) -> AbstractContextManager[Slices]:
        return kernel_slices(start, self)

    def measured(self, reply: Reply) -> Measured:
        timed_s = median(reply.values) * (1 if self.timed_each else reply.loops)
        return Measured(
            samples=self.samples(reply),
            loops=reply.loops,
            clock=reply.clock,
            padding_seen_b=reply.padding,
            notes=(
                *self.notes(reply),
                *dose_notes(reply),
                *drift_notes(reply.values),
                *clock_notes(reply, timed_s),
            ),
            operations=reply.operations,
        )

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return self.set_up_s + trial_s * (1 + 1 / VALUES) + max(warmup_s, FEWEST_WARMUPS * trial_s / VALUES)
