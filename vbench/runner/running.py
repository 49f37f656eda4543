"""Executes a plan: starts each environment afresh, watches the host meanwhile, and repeats what a gate voids."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from msgspec.structs import replace as with_changes

from vbench import facts, gates, interrupts
from vbench import suite as suites
from vbench.contracts import Session, Started, Testbed
from vbench.errors import NoSpace, SessionLost, StopFailed, VbenchError
from vbench.model import Block, EnvironmentRecord, Facts, Look, Measured, Outcome, Plan, Reading, Step, Trial, Void
from vbench.proc import LocalSession
from vbench.runner.progress import Count, Progress
from vbench.runner.step import StepTrials
from vbench.store import Writer
from vbench.suite import Suite

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
        done = StepTrials(self, block, step, attempt)
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

    def _watched(self, done: StepTrials, session: Session, testbed: Testbed, stack: ExitStack) -> Reading:
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

    def _measure(self, done: StepTrials, session: Session, testbed: Testbed, stack: ExitStack) -> None:
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
