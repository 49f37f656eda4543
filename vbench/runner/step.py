"""Makes one start of an arm in a block: yields each trial as it ends, and stores none."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace

import msgspec

from vbench import gates
from vbench.beneath import DESCENDANTS, ServedBy
from vbench.contracts import Benchmark, Session, Start, Started, Testbed, hints, named
from vbench.errors import NoSpace, SessionLost, StartFailed, StopFailed, TrialFailed, VbenchError
from vbench.host import interrupts
from vbench.model import (
    Block,
    EnvironmentRecord,
    Facts,
    Failed,
    Measured,
    Outcome,
    Reading,
    Reason,
    ReasonKind,
    Skipped,
    Step,
    Trial,
)
from vbench.runner.catching import Keep, caught, failed, guarded
from vbench.runner.events import BenchmarkBegan
from vbench.runner.rig import Rig
from vbench.runner.stack import Stack
from vbench.runner.watch import TrialCounts, Watch
from vbench.suite import plan as plans


@dataclass(frozen=True)
class Described:
    """The record of an arm with its exact commands, and its facts, as a start gave them."""

    record: EnvironmentRecord
    facts: Facts


@dataclass
class StepTrials:
    """The trials of one start, in order. A trial that is not reached is stored as skipped."""

    rig: Rig
    block: Block
    step: Step
    attempt: int = 0
    kept: frozenset[str] = frozenset()  # stored by an earlier start of this step, before the run was resumed
    loops: Mapping[str, int] = field(default_factory=dict)  # benchmark to what block 0 fixed
    describes: bool = False
    has_described: bool = False  # or has tried to
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)  # layer to the paths of its stored files
    _order: int = 0
    _begun_s: float = 0.0
    _begun: float = 0.0
    _ended: set[str] = field(default_factory=set)
    _served_by: ServedBy = DESCENDANTS  # until it has started

    def run(self) -> Generator[BenchmarkBegan | Trial | Reading | Described, None, None]:
        """Starts the arm at the first item, and stops it after the last one or when the iterator is closed.

        A signal that comes while a trial is taken from here and stored is raised after that.
        Raises StopFailed, NoSpace.
        """
        self._begin()
        try:
            with interrupts.unwinding() as exits:
                stack = self.rig.start(self.step.environment, exits, self._keep)
                yield from self._started(stack.session)
                if self.describes:
                    yield self._description(stack)
                shared = exits.enter_context(guarded(ExitStack(), self._keep, stops_as=TrialFailed))
                yield from self._watched(stack, shared)
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            yield from self._given_up(error)

    def _begin(self) -> None:
        self._begun_s, self._begun = self.rig.clocks.unix_s(), time.monotonic()

    def _keep(self, name: str, data: bytes) -> str:
        """Stores a file of this start under a name with its block and arm."""
        return self.rig.raw(f"{self.block.index:03d}-{self.step.environment}-{name}", data)

    def _started(self, session: Session) -> Iterator[Trial]:
        """The trial of `start.*` is the runner's own; both its ends are defined at contracts.StartTiming."""
        if not isinstance(session, Started):
            return
        timing, self._served_by = session.timing, session.served_by
        samples: dict[str, tuple[float, ...]] = {"time": (timing.ready_s,), "attach": (timing.attach_s,)}
        for name in self._missing(self._starts()):
            # `attach` is no metric: the report shows it, and no cost is worked out of it
            yield from self._ending(name, Measured(samples, clock="CLOCK_MONOTONIC of the harness"))

    def _description(self, stack: Stack) -> Described:
        """The record and facts of the arm, read outside every trial, as a rule in the calibration."""
        self.has_described = True
        with caught(StartFailed, self._keep):
            return Described(self.rig.record(self.step.environment, stack), self.rig.facts(stack))

    def _watched(self, stack: Stack, exits: ExitStack) -> Iterator[BenchmarkBegan | Trial | Reading]:
        """The trials, with the host's counters and both clocks read just before the first and after the last."""
        session = stack.session
        clock = session.clock if isinstance(session, Started) else (lambda: None)
        first, first_clock = self.rig.counters(self._served_by), clock()
        yield from self._measured(stack, exits)
        last_clock, last = clock(), self.rig.counters(self._served_by)
        yield gates.reading(
            block=self.block.index,
            attempt=self.attempt,
            environment=self.step.environment,
            counters=(first, last),
            clocks=(first_clock, last_clock),
            limit_ppm=gates.clock_limit_ppm(session.layers),
            ticks_per_s=self.rig.testbed.host.ticks_per_s,
        )

    def _measured(self, stack: Stack, exits: ExitStack) -> Iterator[BenchmarkBegan | Trial]:
        """All trials of a start. Evidence, such as a guest's console, is stored in block 0 and for a lost session."""
        keep = self.block.index == 0
        try:
            yield from self._trials(stack.session, stack.testbed, exits)
        except SessionLost:
            keep = True
            raise
        finally:
            if keep:
                for layer, name, data in stack.evidence():
                    self.evidence[layer] = (*self.evidence.get(layer, ()), self._keep(name, data))

    def _trials(self, session: Session, testbed: Testbed, exits: ExitStack) -> Iterator[BenchmarkBegan | Trial]:
        suite, padding_b = self.rig.suite, self.step.padding_b
        trial_s, warmup_s = float(suite.method.trial), float(suite.method.warmup)
        start = Start(session, testbed, padding_b, trial_s, warmup_s, None, _nothing, exits, suite_folder=suite.folder)
        for name in self._missing(self.block.benchmarks):
            yield BenchmarkBegan(name)
            yield from self._trial(name, suite.benchmarks[name], start)

    def _trial(self, name: str, benchmark: Benchmark, start: Start) -> Iterator[Trial]:
        watch = Watch(start.session, lambda: self.rig.spent(self._served_by), self.rig.testbed.host.ticks_per_s)
        self._begin()
        raw: list[str] = []

        def keep(file: str, data: bytes) -> None:
            raw.append(self._keep(f"{name}-{file}", data))

        start = replace(start, loops=self.loops.get(name), raw=keep, begin=watch.begin, end=watch.end)
        lost: SessionLost | None = None
        try:
            outcome = _measured(benchmark, start)
        except SessionLost as error:
            outcome, lost = failed(error), error
        wall_s, counts = time.monotonic() - self._begun, TrialCounts()
        watch.over()
        try:
            counts = watch.counts(is_lost=lost is not None)
        except SessionLost as error:
            lost = error
        outcome = _storable(outcome, keep)
        yield from self._ending(name, outcome, raw[-1] if raw else None, wall_s=wall_s, counts=counts)
        if lost:
            raise lost

    def _given_up(self, error: VbenchError) -> Iterator[Trial]:
        """A trial for each benchmark that was left when the start failed or the session was lost."""
        if self._order:  # a start that failed took its time; what is skipped takes none
            self._begin()
        else:
            for name in self._missing(self._starts()):
                yield from self._ending(name, Failed(_told(ReasonKind.START_FAILED, error), error.hint))
        for name in self._missing(self.block.benchmarks):
            yield from self._ending(name, Skipped(_told(ReasonKind.NOT_STARTED, error), error.hint))

    def _missing(self, planned: Sequence[str]) -> list[str]:
        """The benchmarks among `planned` that have no trial."""
        return [name for name in planned if name not in self.kept | self._ended]

    def _starts(self) -> tuple[str, ...]:
        return tuple(name for name, item in self.rig.suite.benchmarks.items() if plans.is_start(item.kind))

    def _ending(
        self,
        benchmark: str,
        outcome: Outcome,
        raw: str | None = None,
        *,
        wall_s: float | None = None,
        counts: TrialCounts | None = None,
    ) -> Iterator[Trial]:
        """Yields one trial. A signal waits until the next item is asked for, so that the trial is stored."""
        with interrupts.held():
            trial = Trial(
                block=self.block.index,
                position=self.step.position,
                environment=self.step.environment,
                benchmark=benchmark,
                order=len(self.kept) + self._order,
                outcome=outcome,
                started_s=self._begun_s,
                wall_s=time.monotonic() - self._begun if wall_s is None else wall_s,
                padding_b=self.step.padding_b,
                raw=raw,
                attempt=self.attempt,
                **asdict(counts or TrialCounts()),
            )
            self._order += 1
            self._ended.add(benchmark)
            yield trial


def _told(kind: ReasonKind, error: VbenchError) -> Reason:
    return Reason(kind, value=error.message)


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
