"""Executes a plan: starts each environment afresh, measures, and stores every trial the moment it ends."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace as with_changes

from vbench import facts, gates, interrupts, processors
from vbench import plan as plans
from vbench import suite as suites
from vbench.contracts import Benchmark, Image, Missing, Place, Session, Started, Testbed
from vbench.errors import EnvironmentUnavailable, NoSpace, SessionLost, StopFailed, VbenchError
from vbench.model import (
    Block,
    EnvironmentRecord,
    Facts,
    Failed,
    Look,
    Measured,
    Outcome,
    Plan,
    Reading,
    Skipped,
    Step,
    Trial,
    Void,
)
from vbench.proc import LocalSession
from vbench.store import Writer
from vbench.suite import Suite
from vbench.testbed import open_testbed


class Progress(Protocol):
    """Told what happens, between trials only."""

    def begin(self, plan: Plan) -> None: ...
    def block(self, block: Block) -> None: ...
    def voided(self, void: Void) -> None: ...
    def look(self, found: Look) -> None: ...
    def step(self, block: Block, step: Step) -> None: ...
    def benchmark(self, name: str) -> None: ...
    def trial(self, trial: Trial) -> None: ...
    def end(self) -> None: ...


@dataclass
class Count:
    """How a run ended."""

    measured: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, outcome: Outcome) -> None:
        match outcome:
            case Measured():
                self.measured += 1
            case Failed():
                self.failed += 1
            case Skipped():
                self.skipped += 1


@contextmanager
def place_of_run(suite: Suite, image: Image | None, name: str) -> Iterator[tuple[LocalSession, Testbed]]:
    """The host session with its layers, and the opened testbed; harness and children are pinned off the arms' set."""
    host = LocalSession()
    host = replace(host, layers=facts.layers(facts.collect(host)))
    chosen = processors.find(host, suite.testbed.cpus)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen.peer)
    try:
        with open_testbed(
            host=host,
            image=image,
            processors=chosen,
            memory_b=suite.testbed.memory,
            scratch=Path(suite.testbed.scratch),
            name=name,
        ) as testbed:
            yield host, testbed
    finally:
        os.sched_setaffinity(0, before)


def refuse_missing(suite: Suite, host: Session, image: Image | None) -> None:
    """Before anything starts: every environment on the host is complete, or EnvironmentUnavailable says what lacks."""
    for name, environment in suite.environments.items():
        lacking = () if environment.on else environment.missing(host)
        if not lacking and not image and environment.needs_image:
            lacking = (Missing("image", "run `vbench image build`"),)
        if lacking:
            what = ", no ".join(m.what for m in lacking)
            raise EnvironmentUnavailable(
                f"environment {name} ({environment.title()}) cannot run here: no {what}",
                hint="; ".join(m.hint for m in lacking if m.hint) + "; or leave it out with --env",
            )


MOST_REPEATS = 2  # of one block


@dataclass
class Runner:
    """One run: the plan's steps against a host session and testbed, into a writer."""

    suite: Suite
    plan: Plan
    host: LocalSession
    testbed: Testbed
    writer: Writer
    progress: Progress
    look: Callable[[Sequence[Trial], Sequence[Void]], Look] | None = None  # after each block of an adaptive run
    count: Count = field(default_factory=Count)
    _trials: list[Trial] = field(default_factory=list)
    _voids: list[Void] = field(default_factory=list)
    _loops: dict[tuple[str, str], int] = field(default_factory=dict)
    _described: set[str] = field(default_factory=set)

    def run(self) -> Count:
        """Every block; failed and skipped trials are stored and counted. Raises StopFailed, NoSpace."""
        self.writer.facts("host", facts.collect(self.host))
        self.progress.begin(self.plan)
        for block in self.plan.blocks:
            self._until_valid(block)
            if self.look and block.index:
                found = self.look(self._trials, self._voids)
                self.progress.look(found)
                if found.stop:
                    break
        self.progress.end()
        return self.count

    def _until_valid(self, block: Block) -> None:
        """The block, and again in its own order while a gate voids it and the run has repeats left."""
        attempt = 0
        while True:
            self.progress.block(block)
            reasons = self._attempt(block, attempt)
            if not reasons:
                return
            void = Void(block.index, attempt, reasons)
            self.writer.note(void)
            self._voids.append(void)
            self.progress.voided(void)
            if attempt == MOST_REPEATS or len(self._voids) > self._repeats():
                return
            attempt += 1

    def _repeats(self) -> int:
        """What a whole run may spend: a host that voids every third block needs another time, not more blocks."""
        return max(1, len(self.plan.blocks) // 3)

    def _attempt(self, block: Block, attempt: int) -> tuple[str, ...]:
        """One pass over the environments; why it is void. The calibration is never analysed, so it never is."""
        reasons: list[str] = []
        for step in block.steps:
            self.progress.step(block, step)
            found = self._step(block, step, attempt)
            reasons += gates.judge(found) if found else ()
        counts = block.index > 0 and self.suite.method.gates == "void"
        return tuple(reasons) if counts else ()

    def _step(self, block: Block, step: Step, attempt: int) -> Reading | None:
        """All trials of one start; what the host saw meanwhile, None when the environment did not live through it."""
        done = _Step(self, block, step, attempt)
        try:
            with interrupts.unwinding() as stack:
                session, testbed = self._start(step.environment, stack)
                done.started(session)
                if step.environment not in self._described:
                    self._describe(step.environment, session)
                return self._watched(done, session, testbed, stack)
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            done.give_up(error)
        return None

    def _watched(self, done: "_Step", session: Session, testbed: Testbed, stack: ExitStack) -> Reading:
        """The trials, with the host's counters and both clocks read just before the first and after the last."""
        clock = session.clock if isinstance(session, Started) else (lambda: None)
        first, first_clock = self._counters(), clock()
        self._measure(done, session, testbed, stack)
        last_clock, last = clock(), self._counters()
        found = gates.reading(
            block=done.block.index,
            attempt=done.attempt,
            environment=done.step.environment,
            counters=(first, last),
            clocks=(first_clock, last_clock),
            limit_ppm=gates.clock_limit_ppm(session.layers),
        )
        self.writer.note(found)
        return found

    @property
    def _apart(self) -> bool:
        """Harness and peer are off the environments' processors."""
        return not set(self.testbed.cpus) & set(self.testbed.peer_cpus)

    def _counters(self) -> gates.Counters:
        return gates.read(self.testbed.cpus, apart=self._apart)

    def served_s(self) -> float | None:
        return gates.served_s(self.testbed.cpus, apart=self._apart)

    def _measure(self, done: "_Step", session: Session, testbed: Testbed, stack: ExitStack) -> None:
        """All trials of a start; the console of a guest is kept of the calibration, and of one that was lost."""
        keep = done.block.index == 0
        try:
            done.measure(session, testbed, stack)
        except SessionLost:
            keep = True
            raise
        finally:
            if keep:
                self._keep_evidence(done.block, done.step, session)

    def _start(self, arm: str, stack: ExitStack) -> tuple[Session, Testbed]:
        """The whole stack of an arm, the lowest first."""
        session: Session = self.host
        testbed = self.testbed
        for name in suites.chain(self.suite, arm):
            session = stack.enter_context(self.suite.environment(name).start(session, testbed))
            testbed = testbed.within(session)
        return session, testbed

    def _describe(self, arm: str, session: Session) -> None:
        """Facts and the exact commands, once and outside every trial: as a rule of the calibration's start."""
        self._described.add(arm)
        self.writer.facts(arm, self._facts(session))
        environment = self.suite.environment(arm)
        record = EnvironmentRecord(
            name=arm,
            kind=environment.kind,
            settings=suites.settings(environment),
            layers=session.layers,
            image=session.workplace.image,
        )
        if isinstance(session, Started):
            record = with_changes(record, argv=session.argv, mechanisms=session.mechanisms)
        self.writer.record(record)

    def _facts(self, session: Session) -> Facts:
        limits = self.suite.testbed
        configured_b = session.memory_limit_b if isinstance(session, Started) else None
        found = facts.with_limits(
            facts.collect(session, scratch=str(session.workplace.scratch)),
            requested_cpus=limits.cpus,
            requested_memory_b=limits.memory,
            configured_cpus=len(self.testbed.cpus),
            configured_memory_b=configured_b,
        )
        argv = session.argv if isinstance(session, Started) else ()
        return facts.with_engine(found, session.workplace.image, argv)

    def _keep_evidence(self, block: Block, step: Step, session: Session) -> None:
        if isinstance(session, Started):
            for name, data in session.evidence().items():
                self.writer.raw(f"{block.index:03d}-{step.environment}-{name}", data)

    def loops(self, arm: str, benchmark: str) -> int | None:
        return self._loops.get((self._settings_of(arm), benchmark))

    def learn(self, arm: str, benchmark: str, outcome: Outcome) -> None:
        if isinstance(outcome, Measured) and outcome.loops is not None:
            self._loops.setdefault((self._settings_of(arm), benchmark), outcome.loops)

    def _settings_of(self, arm: str) -> str:
        """The control is the baseline: it runs with the same loops."""
        return self.plan.baseline if arm == self.plan.control else arm

    def store(self, trial: Trial) -> None:
        with interrupts.held():
            self.writer.append(trial)
        self._trials.append(trial)
        self.count.add(trial.outcome)
        self.progress.trial(trial)


@dataclass
class _Step:
    """The trials of one start, in order; what is not reached is stored as skipped."""

    runner: Runner
    block: Block
    step: Step
    attempt: int = 0
    order: int = 0
    begun_s: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)

    def started(self, session: Session) -> None:
        """The trial of `start.*` is the runner's own; both its ends are defined at contracts.StartTiming."""
        if not isinstance(session, Started):
            return
        timing = session.timing
        samples: dict[str, tuple[float, ...]] = {"time": (timing.ready_s,), "attach": (timing.attach_s,)}
        for name in self._starts():
            known = {metric.name for metric in self.runner.suite.benchmarks[name].metrics}
            kept = {metric: values for metric, values in samples.items() if metric in known}
            self._store(name, Measured(kept, clock="CLOCK_MONOTONIC of the harness"))

    def measure(self, session: Session, testbed: Testbed, stack: ExitStack) -> None:
        method = self.runner.suite.method
        place = Place(
            session, testbed, self.step.padding_b, float(method.trial), float(method.warmup), None, _nothing, stack
        )
        for name in self.block.benchmarks:
            self.runner.progress.benchmark(name)
            self._trial(name, self.runner.suite.benchmarks[name], place)

    def give_up(self, error: VbenchError) -> None:
        """The start failed, or the environment was lost: a row for everything that was to come."""
        if self.order:  # a start that failed took its time; what is skipped takes none
            self.begun_s, self.begun = time.time(), time.monotonic()
        if self.order == 0:
            for name in self._starts():
                self._store(name, Failed(f"the start failed: {error.message}", error.hint))
        for name in self.block.benchmarks[max(0, self.order - len(self._starts())) :]:
            self._store(name, Skipped(f"the environment did not start or went away: {error.message}", error.hint))

    def _starts(self) -> tuple[str, ...]:
        return tuple(n for n, b in self.runner.suite.benchmarks.items() if plans.is_start(b.kind))

    def _trial(self, name: str, benchmark: Benchmark, place: Place) -> None:
        served_s = self.runner.served_s()
        self.begun_s, self.begun = time.time(), time.monotonic()
        raw: list[str] = []

        def keep(file: str, data: bytes) -> None:
            where = f"{self.block.index:03d}-{self.step.environment}-{name}-{file}"
            raw.append(self.runner.writer.raw(where, data))

        place = replace(place, loops=self.runner.loops(self.step.environment, name), raw=keep)
        lost: SessionLost | None = None
        try:
            outcome = _measured(benchmark, place)
        except SessionLost as error:
            outcome, lost = Failed(error.message, error.hint), error
        self.runner.learn(self.step.environment, name, outcome)
        wall_s, after_s = time.monotonic() - self.begun, self.runner.served_s()
        spent_s = None if served_s is None or after_s is None else max(0.0, after_s - served_s)
        self._store(name, outcome, raw[-1] if raw else None, wall_s=wall_s, host_cpu_s=spent_s)
        if lost:
            raise lost

    def _store(
        self,
        benchmark: str,
        outcome: Outcome,
        raw: str | None = None,
        *,
        wall_s: float | None = None,
        host_cpu_s: float | None = None,
    ) -> None:
        trial = Trial(
            block=self.block.index,
            position=self.step.position,
            environment=self.step.environment,
            benchmark=benchmark,
            order=self.order,
            outcome=outcome,
            started_s=self.begun_s,
            wall_s=time.monotonic() - self.begun if wall_s is None else wall_s,
            padding_b=self.step.padding_b,
            raw=raw,
            attempt=self.attempt,
            host_cpu_s=host_cpu_s,
        )
        self.order += 1
        self.runner.store(trial)


def _nothing(name: str, data: bytes) -> None:
    del name, data


def _measured(benchmark: Benchmark, place: Place) -> Outcome:
    """One trial's outcome. Raises what ends the whole start: SessionLost, StopFailed, NoSpace."""
    lacking = benchmark.missing(place.session, place.testbed)
    if lacking:
        return Skipped("no " + ", no ".join(m.what for m in lacking), "; ".join(m.hint for m in lacking if m.hint))
    try:
        benchmark.prepare(place)
        return benchmark.measure(place)
    except (SessionLost, StopFailed, NoSpace):
        raise
    except VbenchError as error:
        return Failed(error.message, error.hint)
