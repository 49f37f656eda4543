"""Makes one start of an arm in a block while no other arm is alive: yields each trial as it ends, and stores none."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from vbench import gates
from vbench.contracts import Benchmark, Start, Started
from vbench.errors import NoSpace, SessionLost, StopFailed, TrialFailed, VbenchError
from vbench.host import interrupts
from vbench.model import Outcome, Reading, Trial
from vbench.runner.arm import ArmTrials, Item, measured, storable
from vbench.runner.catching import failed, guarded
from vbench.runner.events import BenchmarkBegan
from vbench.runner.stack import Stack
from vbench.runner.watch import TrialCounts, Watch


@dataclass
class StepTrials(ArmTrials):
    """All trials of one start, one after another."""

    def run(self) -> Generator[Item, None, None]:
        """Starts the arm at the first item, and stops it after the last one or when the iterator is closed.

        A signal that comes while a trial is taken from here and stored is raised after that.
        Raises StopFailed, NoSpace.
        """
        self.begin()
        try:
            with interrupts.unwinding() as exits:
                stack = self.rig.start(self.name, exits, self.keep)
                yield from self.started(stack.session)
                if self.describes:
                    yield self.description(stack)
                shared = exits.enter_context(guarded(ExitStack(), self.keep, stops_as=TrialFailed))
                yield from self._watched(stack, shared)
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            yield from self.given_up(error)

    def _watched(self, stack: Stack, exits: ExitStack) -> Iterator[BenchmarkBegan | Trial | Reading]:
        """The trials, with the host's counters and both clocks read just before the first and after the last."""
        session = stack.session
        clock = session.clock if isinstance(session, Started) else (lambda: None)
        first, first_clock = self.rig.counters(self.served_by), clock()
        yield from self._measured(stack, exits)
        last_clock, last = clock(), self.rig.counters(self.served_by)
        yield gates.reading(
            block=self.block.index,
            attempt=self.attempt,
            environment=self.name,
            group=self.step.group,
            counters=(first, last),
            clocks=(first_clock, last_clock),
            limit_ppm=gates.clock_limit_ppm(session.layers),
            ticks_per_s=self.rig.testbed.host.ticks_per_s,
        )

    def _measured(self, stack: Stack, exits: ExitStack) -> Iterator[BenchmarkBegan | Trial]:
        """All trials of a start. Evidence, such as a guest's console, is stored in block 0 and for a lost session."""
        keep = self.block.index == 0
        try:
            start = self.start(stack.session, stack.testbed, stack=exits)
            for name in self.missing(self.block.benchmarks):
                yield BenchmarkBegan(name)
                yield from self._trial(name, self.rig.suite.benchmarks[name], start)
        except SessionLost:
            keep = True
            raise
        finally:
            if keep:
                self.keep_evidence(stack)

    def _trial(self, name: str, benchmark: Benchmark, start: Start) -> Iterator[Trial]:
        watch = Watch(start.session, lambda: self.rig.spent(self.served_by), self.rig.testbed.host.ticks_per_s)
        self.begin()
        raw: list[str] = []

        def keep(file: str, data: bytes) -> None:
            raw.append(self.keep(f"{name}-{file}", data))

        start = replace(start, loops=self.loops.get(name), raw=keep, begin=watch.begin, end=watch.end)
        lost: SessionLost | None = None
        outcome: Outcome
        try:
            outcome = measured(benchmark, start)
        except SessionLost as error:
            outcome, lost = failed(error), error
        wall_s, counts = self.since_begin_s(), TrialCounts()
        watch.over()
        try:
            counts = watch.counts(is_lost=lost is not None)
        except SessionLost as error:
            lost = error
        outcome = storable(outcome, keep)
        yield from self.ending(name, outcome, raw[-1] if raw else None, wall_s=wall_s, counts=counts)
        if lost:
            raise lost
