"""Holds one start of an arm in a block: makes a stored trial of each thing that was, or should have been, measured."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from vbench.beneath import DESCENDANTS, ServedBy
from vbench.contracts import Benchmark, Session, Start, Started, Testbed, hints, named
from vbench.errors import NoSpace, SessionLost, StartFailed, StopFailed, TrialFailed, VbenchError
from vbench.host import interrupts
from vbench.model import Block, EnvironmentRecord, Facts, Failed, Measured, Outcome, Reading, Skipped, Step, Trial
from vbench.reasons import Reason, ReasonKind
from vbench.runner.catching import Keep, caught, failed
from vbench.runner.events import BenchmarkBegan, StepBegan
from vbench.runner.rig import Rig
from vbench.runner.stack import Stack
from vbench.runner.watch import TrialCounts
from vbench.suite import plan as plans


@dataclass(frozen=True)
class Described:
    """The record of an arm with its exact commands, and its facts, as a start gave them."""

    record: EnvironmentRecord
    facts: Facts


Item = StepBegan | BenchmarkBegan | Trial | Reading | Described
"""What an attempt at a block yields, for the runner to store and tell."""


@dataclass
class ArmTrials:
    """The trials of one start, in order. A trial that is not reached is stored as skipped."""

    rig: Rig
    block: Block
    step: Step
    attempt: int = 0
    kept: frozenset[str] = frozenset()  # stored by an earlier start of this step, before the run was resumed
    settled: frozenset[str] = frozenset()  # benchmarks that the run measures no more in this arm
    loops: Mapping[str, int] = field(default_factory=dict)  # benchmark to what block 0 fixed
    describes: bool = False
    has_described: bool = False  # or has tried to
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)  # layer to the paths of its stored files
    served_by: ServedBy = DESCENDANTS  # until it has started
    _order: int = 0
    _begun_s: float = 0.0
    _begun: float = 0.0
    _ended: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.step.environment

    def begin(self) -> None:
        """The next trial begins now."""
        self._begun_s, self._begun = self.rig.clocks.unix_s(), time.monotonic()

    def since_begin_s(self) -> float:
        return time.monotonic() - self._begun

    def keep(self, name: str, data: bytes) -> str:
        """Stores a file of this start under a name with its block, group and arm; the first group is not named."""
        group = f".{self.step.group}" if self.step.group else ""
        return self.rig.raw(f"{self.block.index:03d}{group}-{self.name}-{name}", data)

    def started(self, session: Session) -> Iterator[Trial]:
        """The trial of `start.*` is the runner's own; both its ends are defined at contracts.StartTiming."""
        if not isinstance(session, Started):
            return
        timing, self.served_by = session.timing, session.served_by
        samples: dict[str, tuple[float, ...]] = {"time": (timing.ready_s,), "attach": (timing.attach_s,)}
        for name in self.missing(self._starts()):
            # `attach` is no metric: the report shows it, and no cost is worked out of it
            yield from self.ending(name, Measured(samples, clock="CLOCK_MONOTONIC of the harness"))

    def description(self, stack: Stack) -> Described:
        """The record and facts of the arm, read outside every trial, as a rule in the calibration."""
        self.has_described = True
        with caught(StartFailed, self.keep):
            return Described(self.rig.record(self.name, stack), self.rig.facts(stack))

    def start(self, session: Session, testbed: Testbed, **how: Any) -> Start:
        """This start as its benchmarks see it."""
        suite = self.rig.suite
        return Start(
            session,
            testbed,
            self.step.padding_b,
            float(suite.method.trial),
            float(suite.method.warmup),
            None,
            _nothing,
            suite_folder=suite.folder,
            **how,
        )

    def keep_evidence(self, stack: Stack) -> None:
        """Stores the evidence of each layer, such as a guest's console."""
        for layer, name, data in stack.evidence():
            self.evidence[layer] = (*self.evidence.get(layer, ()), self.keep(name, data))

    def given_up(self, error: VbenchError) -> Iterator[Trial]:
        """A trial for each benchmark that was left when the start failed or the session was lost."""
        if self._order:  # a start that failed took its time; what is skipped takes none
            self.begin()
        else:
            for name in self.missing(self._starts()):
                yield from self.ending(name, Failed(_told(ReasonKind.START_FAILED, error), error.hint))
        for name in self.missing(self.block.benchmarks):
            yield from self.ending(name, Skipped(_told(ReasonKind.NOT_STARTED, error), error.hint))

    def missing(self, planned: Sequence[str]) -> list[str]:
        """The benchmarks among `planned` that have no trial and shall have one."""
        return [name for name in planned if name not in self.kept | self._ended | self.settled]

    def _starts(self) -> tuple[str, ...]:
        return tuple(name for name, item in self.rig.suite.benchmarks.items() if plans.is_start(item.kind))

    def ending(
        self,
        benchmark: str,
        outcome: Outcome,
        raw: str | None = None,
        *,
        wall_s: float | None = None,
        counts: TrialCounts | None = None,
        **more: Any,
    ) -> Iterator[Trial]:
        """Yields one trial. A signal waits until the next item is asked for, so that the trial is stored."""
        with interrupts.held():
            trial = Trial(
                block=self.block.index,
                position=self.step.position,
                environment=self.name,
                benchmark=benchmark,
                order=len(self.kept) + self._order,
                outcome=outcome,
                started_s=self._begun_s,
                wall_s=self.since_begin_s() if wall_s is None else wall_s,
                padding_b=self.step.padding_b,
                raw=raw,
                attempt=self.attempt,
                group=self.step.group,
                **asdict(counts or TrialCounts()),
                **more,
            )
            self._order += 1
            self._ended.add(benchmark)
            yield trial


def lacking(benchmark: Benchmark, start: Start) -> Skipped | None:
    """The outcome of a trial for which the environment lacks something; None if it lacks nothing."""
    missing = benchmark.missing(start.session, start.testbed)
    return Skipped(Reason(ReasonKind.MISSING, value=named(missing)), hints(missing)) if missing else None


def measured(benchmark: Benchmark, start: Start) -> Outcome:
    """One trial's outcome. Raises what ends the whole start: SessionLost, StopFailed, NoSpace."""
    try:
        with caught(TrialFailed, start.raw):
            if skipped := lacking(benchmark, start):
                return skipped
            benchmark.prepare(start)
            return benchmark.measure(start)
    except (SessionLost, StopFailed, NoSpace):
        raise
    except VbenchError as error:
        return failed(error)


def storable(outcome: Outcome, keep: Keep) -> Outcome:
    """The outcome, or a failed one where a benchmark returned what no journal can hold."""
    try:
        with caught(TrialFailed, keep):
            msgspec.json.encode(outcome)
            msgspec.convert(msgspec.to_builtins(outcome), Outcome)
    except TrialFailed as error:
        return failed(error)
    return outcome


def _told(kind: ReasonKind, error: VbenchError) -> Reason:
    return Reason(kind, value=error.message)


def _nothing(name: str, data: bytes) -> None:
    del name, data
