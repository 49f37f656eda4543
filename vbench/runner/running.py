"""Executes a plan: starts each environment afresh, watches the host meanwhile, and repeats what a gate voids."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from msgspec.structs import replace as with_changes

from vbench import facts, gates
from vbench import suite as suites
from vbench.contracts import Host, ServedBy, Started, Testbed, Unseen
from vbench.errors import NoSpace, SessionLost, StartFailed, StopFailed, TrialFailed, VbenchError
from vbench.host import interrupts
from vbench.model import Block, Facts, Look, Measured, Outcome, Plan, Reason, Step, Trial, Void
from vbench.reasons import joined
from vbench.runner import stack as stacks
from vbench.runner.calibration import refuse_barren, refuse_over_budget
from vbench.runner.catching import Keep, caught, guarded
from vbench.runner.clocks import Clocks
from vbench.runner.ledger import Ledger
from vbench.runner.progress import Count, Progress
from vbench.runner.stack import Stack
from vbench.runner.step import StepTrials
from vbench.runner.watch import counting
from vbench.store import Writer, storable
from vbench.suite import Suite
from vbench.units import show_duration

T = TypeVar("T")
HOST = "host"  # the name that the host's own facts have


@dataclass
class Runner:
    """One run: the plan's steps against a host session and testbed, into a writer."""

    suite: Suite
    plan: Plan
    host: Host
    testbed: Testbed
    writer: Writer
    progress: Progress
    look: Callable[[Sequence[Trial], Sequence[Void]], Look] | None = None  # after each block of an adaptive run
    ledger: Ledger | None = None  # of a resumed run, what its journal held
    until_s: float | None = None  # no block begins that would end after this, on the monotonic clock
    clocks: Clocks = field(default_factory=Clocks)
    count: Count = field(default_factory=Count)
    stopped: str = ""  # why the run ended before its last block, for want of time
    analysed: int = 0  # blocks that enter the costs
    _loops: dict[tuple[str, str], int] = field(default_factory=dict)
    _described: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ledger = self.ledger or Ledger(self.plan)
        for trial in self._ledger.trials:
            self.learn(trial.environment, trial.benchmark, trial.outcome)
            self.count.add(trial.outcome)
        self._described |= self.writer.described() if self.ledger else set()

    def run(self) -> Count:
        """Every block; failed and skipped trials are stored and counted.

        Raises StopFailed, NoSpace, and of the calibration EnvironmentUnavailable and OverBudget.
        """
        refuse_barren(self._ledger)
        if HOST not in self._described:
            engines = suites.engines(self.suite)
            self.writer.facts(HOST, facts.of_host(self.host.session, engines, cpu=self.testbed.cpus[0]))
        self.progress.begin(self.plan)
        for block in self.plan.blocks:
            self._until_valid(block)
            if self.stopped or self._seen_enough(block):
                break
            if not block.index and not self.ledger:  # who resumes a run has been told, and wants it all the same
                refuse_over_budget(self._ledger)
        self.analysed = self._ledger.analysed()
        self.progress.end(analysed=self.analysed)
        return self.count

    @property
    def voided(self) -> str:
        """Why the last attempt that was voided was; empty where none was."""
        return joined(self._ledger.voids[-1].reasons) if self._ledger.voids else ""

    def _seen_enough(self, block: Block) -> bool:
        """The look of an adaptive run; one that was resumed has looked at what lies before its last block."""
        if not self.look or not block.index or self._ledger.begun_after(block.index):
            return False
        found = self.look(self._ledger.trials, self._ledger.voids)
        self.progress.look(found)
        return found.stop

    def _until_valid(self, block: Block) -> None:
        """The block, and again in its own order while a gate voids it and the run has repeats left."""
        while (attempt := self._ledger.attempt(block.index)) is not None:
            broken = self._broken(block, attempt)
            if broken:
                self._void(Void(block.index, attempt, (broken,), harness=True))
                continue
            if self._ledger.left(block.index, attempt):
                self.stopped = self._out_of_time(block, attempt)
                if self.stopped:
                    return
                self.progress.block(block)
                self._attempt(block, attempt)
            reasons = self._reasons(block, attempt)
            if not reasons:
                return
            self._void(Void(block.index, attempt, reasons))

    def _broken(self, block: Block, attempt: int) -> Reason | None:
        if not self._ledger.left(block.index, attempt):
            return None
        now_s = self.clocks.unix_s()
        return self._ledger.broken(block.index, attempt, now_s=now_s, booted_s=now_s - self.clocks.uptime_s())

    def _out_of_time(self, block: Block, attempt: int) -> str:
        if self.until_s is None:
            return ""
        needed_s = self._ledger.part_s(block.index, attempt)
        if self.clocks.monotonic_s() + needed_s <= self.until_s:
            return ""
        what = f"block {block.index}" if block.index else "the calibration"
        return f"{what} is expected to take {show_duration(needed_s)}, more than is left"

    def _void(self, void: Void) -> None:
        self.writer.note(void)
        self._ledger.voids.append(void)
        self.progress.voided(void)

    def _attempt(self, block: Block, attempt: int) -> None:
        """One pass over the environments, less the trials that are stored."""
        for step in block.steps:
            kept = self._ledger.stored(block.index, attempt, step.environment)
            if not kept.issuperset(self.plan.benchmarks):
                self.progress.step(block, step)
                self._step(block, step, attempt, kept)
                if not block.index:
                    refuse_barren(self._ledger)

    def _reasons(self, block: Block, attempt: int) -> tuple[Reason, ...]:
        """Why an attempt is void. The calibration is never analysed, so it never is."""
        if block.index == 0 or self.suite.method.gates != "void":
            return ()
        trials = [of for of in self._ledger.trials if (of.block, of.attempt) == (block.index, attempt)]
        found = [gates.judge_trial(trial) for trial in trials]
        found += [gates.judge(reading) for reading in self._ledger.readings(block.index, attempt)]
        return tuple(reason for reasons in found for reason in reasons)

    def _step(self, block: Block, step: Step, attempt: int, kept: frozenset[str]) -> None:
        """All trials of one start that are not `kept`, and what the host saw meanwhile."""
        done, keep = StepTrials(self, block, step, attempt, kept), self._keep(block, step)
        try:
            with interrupts.unwinding() as exits:
                started = self._start(step.environment, exits, keep)
                done.started(started.session)
                if step.environment not in self._described:
                    self._describe(step.environment, started, keep)
                shared = exits.enter_context(guarded(ExitStack(), keep, stops_as=TrialFailed))
                self._watched(done, started, shared)
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            done.give_up(error)

    def _watched(self, done: StepTrials, started: Stack, exits: ExitStack) -> None:
        """The trials, with the host's counters and both clocks read just before the first and after the last."""
        session = started.session
        clock = session.clock if isinstance(session, Started) else (lambda: None)
        first, first_clock = self._counters(done.served_by), clock()
        self._measure(done, started, exits)
        last_clock, last = clock(), self._counters(done.served_by)
        found = gates.reading(
            block=done.block.index,
            attempt=done.attempt,
            environment=done.step.environment,
            counters=(first, last),
            clocks=(first_clock, last_clock),
            limit_ppm=gates.clock_limit_ppm(session.layers),
        )
        self.writer.note(found)
        self._ledger.read(found)

    def _counters(self, served_by: ServedBy) -> gates.Counters:
        return self.host.counters(self.testbed.cpus, self._counted(served_by))

    def spent(self, served_by: ServedBy) -> gates.Spent:
        return self.host.spent(self.testbed.cpus, self._counted(served_by))

    def _counted(self, served_by: ServedBy) -> ServedBy:
        """Where harness and peer run on the environments' processors, their time cannot be told from an arm's."""
        if set(self.testbed.cpus) & set(self.testbed.peer_cpus):
            return Unseen("the harness shares these processors")
        return served_by

    def _measure(self, done: StepTrials, started: Stack, exits: ExitStack) -> None:
        """All trials of a start; the console of a guest is kept of the calibration, and of one that was lost."""
        keep = done.block.index == 0
        try:
            done.measure(started.session, started.testbed, exits)
        except SessionLost:
            keep = True
            raise
        finally:
            if keep:
                self._keep_evidence(done.block, done.step, started)

    def _keep(self, block: Block, step: Step) -> Keep:
        """Stores a file of a start, whose name says of which."""

        def keep(name: str, data: bytes) -> None:
            self.writer.raw(f"{block.index:03d}-{step.environment}-{name}", data)

        return keep

    def _start(self, arm: str, exits: ExitStack, keep: Keep) -> Stack:
        def enter(context: AbstractContextManager[T]) -> T:
            return exits.enter_context(guarded(context, keep))

        with caught(StartFailed, keep):
            return stacks.start(self.suite, arm, self.host.session, self.testbed, enter)

    def _describe(self, arm: str, started: Stack, keep: Keep) -> None:
        """Facts and the exact commands, once and outside every trial: as a rule of the calibration's start."""
        self._described.add(arm)
        with caught(StartFailed, keep):
            found = self._facts(started)
        self.writer.facts(arm, found)
        *beneath, uppermost = started.described(self.suite)
        if isinstance(started.session, Started):
            counted = counting(self._counted(started.session.served_by))
            uppermost = with_changes(uppermost, mechanisms=(*uppermost.mechanisms, *counted))
        record = with_changes(
            suites.environment_record(self.suite, arm),
            layers=started.session.layers,
            image=started.session.workplace.image,
            argv=uppermost.argv,
            mechanisms=uppermost.mechanisms,
            stack=(*beneath, uppermost),
        )
        self.writer.record(record)

    @cached_property
    def _quota(self) -> float | None:
        return facts.own_quota(self.host.session)

    def _facts(self, started: Stack) -> Facts:
        limits, session = self.suite.testbed, started.session
        found = facts.with_limits(
            facts.collect(session, scratch=str(session.workplace.scratch)),
            requested_cpus=limits.cpus,
            requested_memory_b=limits.memory,
            configured_cpus=len(self.testbed.cpus),
            configured_memory_b=started.memory_limit_b,
            quota=self._quota,
        )
        argv = session.argv if isinstance(session, Started) else ()
        return facts.with_engine(found, session.workplace.image, argv, started.engines(self.suite, self.host.session))

    def _keep_evidence(self, block: Block, step: Step, started: Stack) -> None:
        """Stores the files, and of the first start their paths too."""
        kept: dict[str, tuple[str, ...]] = {}
        for layer, name, data in started.evidence():
            path = self.writer.raw(f"{block.index:03d}-{step.environment}-{name}", data)
            kept[layer] = (*kept.get(layer, ()), path)
        record = next(one for one in self.writer.manifest.environments if one.name == step.environment)
        if kept and not any(layer.evidence for layer in record.stack):
            named = (with_changes(layer, evidence=kept.get(layer.environment, ())) for layer in record.stack)
            self.writer.record(with_changes(record, stack=tuple(named)))

    def loops(self, arm: str, benchmark: str) -> int | None:
        return self._loops.get((self._settings_of(arm), benchmark))

    def learn(self, arm: str, benchmark: str, outcome: Outcome) -> None:
        if isinstance(outcome, Measured) and outcome.loops is not None:
            self._loops.setdefault((self._settings_of(arm), benchmark), outcome.loops)

    def _settings_of(self, arm: str) -> str:
        """The control is the baseline: it runs with the same loops."""
        return self.plan.baseline if arm == self.plan.control else arm

    def store(self, trial: Trial) -> None:
        trial = storable(trial)  # as it will be read: what is counted, shown and looked at must be the same
        with interrupts.held():
            self.writer.append(trial)
        self._ledger.add(trial)
        self.count.add(trial.outcome)
        self.progress.trial(trial)
