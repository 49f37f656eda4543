"""The trials of one start: each measured, failed or skipped, and each stored the moment it ends."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import msgspec

from vbench import gates
from vbench.contracts import DESCENDANTS, Benchmark, ServedBy, Session, Start, Started, Testbed, hints, named
from vbench.errors import NoSpace, SessionLost, StopFailed, TrialFailed, VbenchError
from vbench.model import Block, Failed, Measured, Outcome, Reason, ReasonKind, Skipped, Step, Trial
from vbench.runner.catching import Keep, caught, failed
from vbench.runner.clocks import Clocks
from vbench.runner.progress import Progress
from vbench.runner.watch import Seen, Watch
from vbench.store import Writer
from vbench.suite import Suite
from vbench.suite import plan as plans


class Owner(Protocol):
    """The run that a start belongs to, as its trials need it."""

    @property
    def suite(self) -> Suite: ...
    @property
    def writer(self) -> Writer: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def clocks(self) -> Clocks: ...
    def loops(self, arm: str, benchmark: str) -> int | None: ...
    def learn(self, arm: str, benchmark: str, outcome: Outcome) -> None: ...
    def spent(self, served_by: ServedBy) -> gates.Spent: ...
    def store(self, trial: Trial) -> None: ...


@dataclass
class StepTrials:
    """The trials of one start, in order; what is not reached is stored as skipped."""

    runner: Owner
    block: Block
    step: Step
    attempt: int = 0
    kept: frozenset[str] = frozenset()  # stored by an earlier start of this step, before the run was resumed
    order: int = 0
    begun_s: float = field(init=False)
    begun: float = field(init=False)
    stored: set[str] = field(default_factory=set)
    served_by: ServedBy = DESCENDANTS  # until it has started

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.begun_s, self.begun = self.runner.clocks.unix_s(), time.monotonic()

    def started(self, session: Session) -> None:
        """The trial of `start.*` is the runner's own; both its ends are defined at contracts.StartTiming."""
        if not isinstance(session, Started):
            return
        timing, self.served_by = session.timing, session.served_by
        samples: dict[str, tuple[float, ...]] = {"time": (timing.ready_s,), "attach": (timing.attach_s,)}
        for name in self._missing(self._starts()):
            # `attach` is no metric: it is stored for the report, and no cost is worked out of it
            self._store(name, Measured(samples, clock="CLOCK_MONOTONIC of the harness"))

    def measure(self, session: Session, testbed: Testbed, stack: ExitStack) -> None:
        method = self.runner.suite.method
        start = Start(
            session, testbed, self.step.padding_b, float(method.trial), float(method.warmup), None, _nothing, stack
        )
        start.suite_folder = self.runner.suite.folder
        for name in self._missing(self.block.benchmarks):
            self.runner.progress.benchmark(name)
            self._trial(name, self.runner.suite.benchmarks[name], start)

    def give_up(self, error: VbenchError) -> None:
        """The start failed, or the environment was lost: a row for everything that was to come."""
        if self.order:  # a start that failed took its time; what is skipped takes none
            self._begin()
        if self.order == 0:
            for name in self._missing(self._starts()):
                self._store(name, Failed(Reason(ReasonKind.START_FAILED, value=error.message), error.hint))
        for name in self._missing(self.block.benchmarks):
            self._store(name, Skipped(Reason(ReasonKind.NOT_STARTED, value=error.message), error.hint))

    def _missing(self, planned: Sequence[str]) -> list[str]:
        """Of these benchmarks the ones without a trial."""
        return [name for name in planned if name not in self.kept | self.stored]

    def _starts(self) -> tuple[str, ...]:
        return tuple(n for n, b in self.runner.suite.benchmarks.items() if plans.is_start(b.kind))

    def _trial(self, name: str, benchmark: Benchmark, start: Start) -> None:
        watch = Watch(start.session, lambda: self.runner.spent(self.served_by))
        self._begin()
        raw: list[str] = []

        def keep(file: str, data: bytes) -> None:
            where = f"{self.block.index:03d}-{self.step.environment}-{name}-{file}"
            raw.append(self.runner.writer.raw(where, data))

        loops = self.runner.loops(self.step.environment, name)
        start = replace(start, loops=loops, raw=keep, begin=watch.begin, end=watch.end)
        lost: SessionLost | None = None
        try:
            outcome = _measured(benchmark, start)
        except SessionLost as error:
            outcome, lost = failed(error), error
        wall_s, seen = time.monotonic() - self.begun, Seen()
        watch.over()
        try:
            seen = watch.seen(is_lost=lost is not None)
        except SessionLost as error:
            lost = error
        outcome = _storable(outcome, keep)
        self.runner.learn(self.step.environment, name, outcome)
        self._store(name, outcome, raw[-1] if raw else None, wall_s=wall_s, seen=seen)
        if lost:
            raise lost

    def _store(
        self,
        benchmark: str,
        outcome: Outcome,
        raw: str | None = None,
        *,
        wall_s: float | None = None,
        seen: Seen | None = None,
    ) -> None:
        trial = Trial(
            block=self.block.index,
            position=self.step.position,
            environment=self.step.environment,
            benchmark=benchmark,
            order=len(self.kept) + self.order,
            outcome=outcome,
            started_s=self.begun_s,
            wall_s=time.monotonic() - self.begun if wall_s is None else wall_s,
            padding_b=self.step.padding_b,
            raw=raw,
            attempt=self.attempt,
            **asdict(seen or Seen()),
        )
        self.order += 1
        self.stored.add(benchmark)
        self.runner.store(trial)


def _nothing(name: str, data: bytes) -> None:
    del name, data


def _measured(benchmark: Benchmark, start: Start) -> Outcome:
    """One trial's outcome. Raises what ends the whole start: SessionLost, StopFailed, NoSpace."""
    try:
        with caught(TrialFailed, start.raw):
            lacking = benchmark.missing(start.session, start.testbed)
            if lacking:
                return Skipped(Reason(ReasonKind.MISSING, value=named(lacking)), hints(lacking))
            benchmark.prepare(start)
            return benchmark.measure(start)
    except (SessionLost, StopFailed, NoSpace):
        raise
    except VbenchError as error:
        return failed(error)


def _storable(outcome: Outcome, keep: Keep) -> Outcome:
    """The outcome, or a failed one where a benchmark returned what no journal can hold."""
    try:
        with caught(TrialFailed, keep):
            msgspec.json.encode(outcome)
            msgspec.convert(msgspec.to_builtins(outcome), Outcome)
    except TrialFailed as error:
        return failed(error)
    return outcome
