"""A user's own command as a benchmark: its wall time by the environment's clock, or a number picked from its output."""

import json
import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, cast

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from vbench.benchmarks import carrying
from vbench.benchmarks.command_replies import LONGEST, Reply, cut_notes, operations, parse, survived
from vbench.benchmarks.command_slices import Limits, command_slices
from vbench.benchmarks.kernel_driver import SHORTEST_S, drift_notes, refuse_fast_clock
from vbench.benchmarks.lines import Moments, listen
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.contracts import Missing, Needs, Session, Slices, Start, Testbed
from vbench.errors import TrialFailed, VbenchError
from vbench.model import Better, Measured, Metric, Scale
from vbench.units import Seconds, base_unit

START_S = 30.0  # limit for the start of the interpreter that times the command, under emulation on a busy host
PICK_S = 15.0  # more than the guest's own limit
UNPACK_S = 300.0
WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
WALL = Metric("time", "s", "lower", "wall time of one run")


class _Metrics:
    """`Command.metrics` is the wall time; `metrics` of an entry is the metric that this entry measures."""

    def __get__(self, entry: "Command | None", kind: type) -> tuple[Metric, ...]:
        return (WALL,) if entry is None else (entry.metric_measured(),)


class Command(BenchmarkSettings, frozen=True, kw_only=True):
    """One operation is one run of your own program or script, from the same files in every environment.

    Measured is its time or, with `regex` or `pointer`, a number that it prints. A run lasts from just before the
    command is spawned (`posix_spawn`) to when `wait` has returned, by the environment's own `CLOCK_MONOTONIC_RAW`; the
    way to the environment is in no number. What it prints is read meanwhile on the same processor. After each run,
    outside its clock, all that it left running is killed. It runs for `warmup` without and for `trial` with its clock,
    at least once each, or `runs` times. Where arms take turns a slice of the trial is the runs until its share of that
    time has passed.
    """

    kind: ClassVar[str] = "command"
    short: ClassVar[str] = "command"
    about: ClassVar[str] = "one run of a command of your own, from its start to its end"
    exposes: ClassVar[str] = (
        "whatever your command uses; a short one is mostly the cost of a new process: fork, exec, page faults and exit"
    )
    shortest_s: ClassVar[float | None] = SHORTEST_S
    metrics: ClassVar[tuple[Metric, ...]] = cast("tuple[Metric, ...]", _Metrics())
    argv: Annotated[tuple[str, ...], Meta(min_length=1, max_length=LONGEST)]
    folder: str | None = None
    folder_digest: str | None = None
    timeout: Seconds = Seconds(60)
    expected: Seconds = Seconds(0)
    runs: Annotated[int, Meta(ge=1, le=1000)] | None = None
    regex: Annotated[str, Meta(max_length=LONGEST)] | None = None
    pointer: Annotated[str, Meta(max_length=LONGEST)] | None = None
    metric: str | None = None
    unit: str | None = None
    better: Better | None = None
    scale: Scale | None = None
    margin: Annotated[float, Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        for index, word in enumerate(self.argv):
            if "\0" in word or (index == 0 and not word):
                raise ValueError(f"argv[{index}]: {word[:40]!r} cannot be a word of a command")
        if not 0 < self.timeout <= 86400:
            raise ValueError(f"timeout: must be above 0 and at most a day, got {float(self.timeout):g} s")
        if self.metric is not None and not WORD.fullmatch(self.metric):
            raise ValueError(f"metric: expected a word of small letters, digits and _, got {self.metric[:60]!r}")
        if self.folder_digest is not None and self.folder is None:
            raise ValueError("folder_digest: there is no `folder` whose content it could fix")
        _check_pick(self)

    def metric_measured(self) -> Metric:
        """The only metric of this entry."""
        if self.unit is None or self.better is None:
            return Metric(self.metric or WALL.name, WALL.unit, WALL.better, WALL.about)
        unit, factor = base_unit(self.unit)
        margin = None if self.margin is None else self.margin * factor
        about = "picked from what it prints"
        return Metric(self.metric or "value", unit, self.better, about, self.scale or "ratio", margin)

    def anchored(self, base: Path) -> "Command":
        """The entry with its folder's digest. Raises ValueError if it is unfit or not `folder_digest`."""
        if self.folder is None:
            return self
        try:
            digest = carrying.digest(carrying.inside(base, self.folder))
        except carrying.Unfit as error:
            raise ValueError(f"folder: {error}") from None
        if self.folder_digest not in (None, digest):
            raise ValueError(f"folder: {self.folder} has the digest {digest}, folder_digest wants {self.folder_digest}")
        return replace(self, folder_digest=digest)

    def needs(self) -> Needs:
        """A program of the folder, which a relative path names, must be executable in scratch space."""
        program = self.argv[0]
        return Needs(executes=self.folder is not None and "/" in program and not program.startswith("/"))

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        del session, testbed
        return ()

    def prepare(self, start: Start) -> None:
        self._work(start)

    def measure(self, start: Start) -> Measured:
        begun = time.monotonic()
        moments = Moments(start.begin, start.end, clock=start.clock)
        reply = self._timed(start, moments)
        return self._measured(reply, time.monotonic() - begun, moments.between(operations(reply), reply.span_s))

    def sliced(self, start: Start) -> AbstractContextManager[Slices]:
        request, argv = self._request(start), _timer(start)
        runs = None if self.runs is None else -(-self.runs // start.rounds)
        limits = Limits(self._warm_up_limit_s(start), self._runs_limit_s(start, runs))
        return command_slices(start, argv, request, limits, self._measured)

    def wanted_slices(self, trial_s: float, slice_s: float) -> float:
        """One for each of `runs`, or each at least as long as a run is expected to last."""
        return self.runs or super().wanted_slices(trial_s, max(slice_s, self.expected))

    def _measured(self, reply: Reply, wall_s: float, operations: int | None) -> Measured:
        refuse_fast_clock(reply.spent_s, wall_s, reply.clock)
        return Measured(
            samples={self.metrics[0].name: self._values(reply)},
            clock=reply.clock if reply.picked is None else "the command's own",
            padding_seen_b=reply.padding,
            notes=(*cut_notes(reply), *drift_notes(reply.walls)),
            operations=operations,
        )

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        runs_s = max(trial_s, self.expected) if self.runs is None else self.runs * self.expected
        return 0.2 + runs_s + (max(warmup_s, self.expected) if warmup_s else 0.0)

    def _work(self, start: Start) -> PurePosixPath:
        """Folder of this entry in the start's scratch space, with the user's files."""
        key = f"command-{zlib.crc32(msgspec.json.encode(self, enc_hook=float)):08x}"

        @contextmanager
        def make() -> Iterator[PurePosixPath]:
            work = start.session.workplace.scratch / key
            try:
                self._fill(start, work)
                yield work
            finally:
                with suppress(VbenchError):  # the scratch space ends with the start, and a lost session was reported
                    start.session.run(["rm", "-rf", str(work), f"{work}.tar"], timeout_s=UNPACK_S)

        return start.shared(key, make)

    def _fill(self, start: Start, work: PurePosixPath) -> None:
        if self.folder is None:
            start.session.run(["mkdir", str(work)], timeout_s=START_S).check()
            return
        descriptor = os.memfd_create("folder")  # in memory: a killed harness leaves no archive behind
        try:
            with os.fdopen(os.dup(descriptor), "wb") as archive:
                digest = carrying.pack(carrying.inside(start.suite_folder, self.folder), archive)
            if self.folder_digest not in (None, digest):
                hint = "put it back as it was, or begin another run: results would not compare"
                raise TrialFailed(f"{self.folder} was changed since the run began", hint=hint)
            start.session.put(Path(f"/proc/self/fd/{descriptor}"), work.with_name(f"{work.name}.tar"))
        except carrying.Unfit as error:
            raise TrialFailed(f"folder: {error}") from None
        finally:
            os.close(descriptor)
        workplace = start.session.workplace
        unpack = [workplace.python, "-I", "-S", "-B", str(workplace.guest / "unpack.py"), f"{work}.tar", str(work)]
        start.session.run(unpack, timeout_s=UNPACK_S).check()

    def _timed(self, start: Start, moments: Moments) -> Reply:
        """Makes all runs of one trial. Stores the last run's output as raw files, even if it failed."""
        limit_s = self._warm_up_limit_s(start) + self._runs_limit_s(start, self.runs)
        stdin = json.dumps(self._request(start)).encode()
        done = listen(start.session, _timer(start), moments.hear, timeout_s=limit_s, stdin=stdin)
        return parse(survived(done).stdout, start.raw)

    def _request(self, start: Start) -> dict[str, object]:
        return {
            "argv": self.argv,
            "folder": str(self._work(start)),
            "trial_s": start.trial_s,
            "warmup_s": start.warmup_s,
            "timeout_s": float(self.timeout),
            "runs": self.runs,
            "regex": self.regex,
            "pointer": self.pointer,
        }

    def _warm_up_limit_s(self, start: Start) -> float:
        return START_S + start.warmup_s + self.timeout

    def _runs_limit_s(self, start: Start, runs: int | None) -> float:
        return PICK_S + (start.trial_s + self.timeout if runs is None else runs * (self.timeout + PICK_S))

    def _values(self, reply: Reply) -> tuple[float, ...]:
        """Samples in base units. Raises TrialFailed for a number that cannot enter a ratio."""
        if reply.picked is None:
            return reply.walls
        metric = self.metrics[0]
        for value in reply.picked:
            if metric.scale == "ratio" and value <= 0:
                hint = "set scale = 'difference' for numbers that can be zero or negative"
                raise TrialFailed(f"it printed {value:g}, which has no ratio to another number", hint=hint)
        factor = base_unit(self.unit or metric.unit)[1]
        for value in reply.picked:
            if not isfinite(value * factor):
                raise TrialFailed(f"it printed {value:g} {self.unit}, which no number holds in {metric.unit}")
        return tuple(value * factor for value in reply.picked)


def _timer(start: Start) -> list[str]:
    """The words of what times a command."""
    workplace = start.session.workplace
    return start.padded([workplace.python, "-I", "-S", "-B", str(workplace.guest / "timed.py")])


def _check_pick(command: Command) -> None:
    """Checks the keys that pick a number from the output. Raises ValueError with the wrong key."""
    if command.regex is not None and command.pointer is not None:
        raise ValueError("pointer: a number is picked by `regex` or by `pointer`, not by both")
    if command.regex is None and command.pointer is None:
        extra = [key for key in ("unit", "better", "scale", "margin") if getattr(command, key) is not None]
        if extra:
            raise ValueError(f"{extra[0]}: belongs to a number that `regex` or `pointer` picks; this one is timed")
        return
    if command.regex is not None:
        _check_regex(command.regex)
    if command.pointer is not None and not re.fullmatch(r"(/([^~/]|~[01])*)*", command.pointer):
        raise ValueError(f"pointer: expected a JSON pointer such as '/results/0/rate', got {command.pointer[:60]!r}")
    if command.unit is None or command.better is None:
        lacking = "unit" if command.unit is None else "better"
        raise ValueError(
            f"{lacking}: missing; a picked number has a unit, and a direction: better = 'lower' or 'higher'"
        )
    try:
        base_unit(command.unit)
    except ValueError as error:
        raise ValueError(f"unit: {error}") from None
    if command.margin is not None and command.scale != "difference":
        raise ValueError("margin: belongs to scale = 'difference'; of ratios the smallest of interest is method.delta")


def _check_regex(regex: str) -> None:
    try:
        groups = re.compile(regex, re.MULTILINE).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"regex: cannot be read: {error}") from None
    if groups != 1:
        raise ValueError(f"regex: expected one group, around the number, got {groups}; (?:…) groups without counting")
