"""Makes a block whose arms are alive together: in each benchmark they take turns, one slice of a trial at a time.

Two slices that are compared lie as close in time as a slice is long, so that a host's drift hits all arms alike. The
first round has the order of the plan, and the others are such that what drifts evenly cancels (stats.order.turns).
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as with_changes

from vbench import gates
from vbench.beneath import ServedBy
from vbench.contracts import Start, Started
from vbench.errors import NoSpace, StopFailed, TrialFailed, VbenchError
from vbench.gates import ClockReading, Counters
from vbench.host import interrupts
from vbench.model import Block, Reading
from vbench.runner.arm import ArmTrials, Item
from vbench.runner.catching import guarded
from vbench.runner.events import BenchmarkBegan, StepBegan
from vbench.runner.rig import Rig
from vbench.runner.slicing import SlicedTrial
from vbench.runner.stack import Stack
from vbench.runner.tally import Tallies, Tally
from vbench.stats import order
from vbench.suite import plan as plans


@dataclass
class Alive:
    """A started arm, and what it used while the others were measured."""

    trials: ArmTrials
    stack: Stack
    start: Start
    idle_s: float = 0.0
    idle_cpu_s: float | None = 0.0
    clock: ClockReading | None = None  # before the first benchmark

    @property
    def name(self) -> str:
        return self.trials.name

    def read_clock(self) -> ClockReading | None:
        session = self.stack.session
        return session.clock() if isinstance(session, Started) else None

    def idled(self, time_s: float, cpu_s: float | None) -> None:
        self.idle_s += time_s
        self.idle_cpu_s = None if cpu_s is None or self.idle_cpu_s is None else self.idle_cpu_s + cpu_s


@dataclass
class TogetherTrials:
    """The trials of one attempt at a block, or at one group of it, of the arms that are alive together."""

    rig: Rig
    block: Block
    attempt: int
    arms: Sequence[ArmTrials]  # in the order of their starts
    _alive: dict[str, Alive] = field(default_factory=dict)
    _tallies: Tallies = field(init=False)
    _has_lost: bool = False  # an arm was lost: what it used is no longer in the host's counts

    def __post_init__(self) -> None:
        self._tallies = Tallies(self.rig.spent, self.rig.testbed.host.ticks_per_s)

    def run(self) -> Generator[Item, None, None]:
        """Starts the arms at the first items, and stops them after the last one or when the iterator is closed.

        A signal that comes while a trial is taken from here and stored is raised after that.
        Raises StopFailed, NoSpace.
        """
        with interrupts.unwinding() as exits:
            for arm in self.arms:
                yield StepBegan(self.block, arm.step)
                yield from self._started(arm, exits)
            yield from self._watched()
            self._keep_evidence()

    def _started(self, arm: ArmTrials, exits: ExitStack) -> Iterator[Item]:
        """Starts one arm. One that does not start is removed at once, and the others go on without it."""
        own = exits.enter_context(interrupts.unwinding())
        arm.begin()
        try:
            stack = self.rig.start(arm.name, own, arm.keep)
            yield from arm.started(stack.session)
            if arm.describes:
                yield arm.description(stack)
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            self._remove(own)
            yield from arm.given_up(error)
            return
        shared = ExitStack()
        own.callback(_close, shared, arm)
        start = arm.start(stack.session, stack.testbed, stack=shared, number=len(self._alive))
        self._alive[arm.name] = Alive(arm, stack, start)
        self._tallies.join(arm.name, arm.served_by)

    def _remove(self, own: ExitStack) -> None:
        """Removes what a start that failed has left. A fault in that ends the run only if something may be left."""
        try:
            with interrupts.held():
                own.close()
        except (StopFailed, NoSpace):
            raise
        except VbenchError:
            return

    def _watched(self) -> Iterator[Item]:
        """The trials, with the host's counters and all clocks read just before the first and after the last."""
        if not self._alive:
            return
        first, begun = self._counters(), self._tallies.now(self.arms[0].name)
        for alive in list(self._alive.values()):
            try:
                alive.clock = alive.read_clock()
            except (StopFailed, NoSpace):
                raise
            except VbenchError as error:
                yield from self._given_up(alive, error)
        turns = zip(self.block.benchmarks, self.block.turns, strict=True)
        orders = {name: [self.rig.arms[number] for number in turn] for name, turn in turns}
        if not any(self._able(name, arms) for name, arms in orders.items()):  # nothing but starts
            yield from self._readings(first, begun, ())
        for name, arms in orders.items():
            able = self._able(name, arms)
            if able:
                yield BenchmarkBegan(name, together=True)
                trials, reading = self._benchmark(name, able)
                with interrupts.held():
                    yield reading
                    if not any(self._able(later, orders[later]) for later in orders if later != name):
                        # Before the last trials: a run that ends right after them has the readings of its block.
                        lost = {trial.arm.name for trial in trials if trial.lost}
                        yield from self._readings(first, begun, lost)
                    for trial in trials:
                        yield from trial.ending()
                for alive, trial in zip(able, trials, strict=True):
                    if trial.lost:
                        yield from self._given_up(alive, trial.lost)

    def _able(self, benchmark: str, arms: Sequence[str]) -> list[Alive]:
        """The arms that are alive and lack the trial of this benchmark."""
        return [alive for arm in arms if (alive := self._alive.get(arm)) and alive.trials.missing([benchmark])]

    def _readings(self, first: dict[ServedBy, Counters], begun: Tally, lost: Collection[str]) -> Iterator[Reading]:
        last, ended = self._counters(), self._tallies.now(self.arms[0].name)
        for alive in (alive for alive in self._alive.values() if alive.name not in lost):
            try:
                reading = self._reading(alive, first, last)
            except (StopFailed, NoSpace):
                raise
            except VbenchError:  # it is lost, which its next trial tells
                continue
            yield with_changes(reading, own_cpu_s=self._tallies.idled_s(alive.name, begun, ended))

    def _benchmark(self, name: str, able: Sequence[Alive]) -> tuple[list[SlicedTrial], Reading]:
        """One benchmark in these arms: the trials, which have ended, and the reading of their rounds."""
        rounds = plans.rounds(self.rig.suite, name, arms=len(able))
        benchmark = self.rig.suite.benchmarks[name]
        with interrupts.unwinding() as exits:
            trials = [
                SlicedTrial(alive.trials, alive.start, name, benchmark, turn, rounds, self._tallies)
                for alive, turn in zip(able, range(len(able)) if len(able) > 1 else [None], strict=True)
            ]
            for trial in trials:
                trial.begin(exits)
            first = self._counters()
            self._rounds(trials, rounds)
            last = self._counters()
            for trial in trials:
                trial.end()
        self._has_lost |= any(trial.lost for trial in trials)
        return trials, self._of_rounds(name, first, last)

    def _rounds(self, trials: Sequence[SlicedTrial], rounds: int) -> None:
        tally = self._tallies.now(trials[0].arm.name)
        for turn in order.turns(len(trials), rounds):
            for trial in (trials[number] for number in turn):
                if trial.goes_on:
                    trial.take()
                    last = self._tallies.now(trial.arm.name)
                    self._count(trial, tally, last)
                    tally = last

    def _count(self, trial: SlicedTrial, first: Tally, last: Tally) -> None:
        """Counts one slice: the time of the arm that was measured, and of those that were idle."""
        idle = {
            alive.name: self._tallies.idled_s(alive.name, first, last)
            for alive in self._alive.values()
            if alive.name != trial.arm.name
        }
        for name, cpu_s in idle.items():
            self._alive[name].idled(first.until_s(last), cpu_s)
        trial.count(first, last, list(idle.values()))

    def _given_up(self, alive: Alive, error: VbenchError) -> Iterator[Item]:
        """The arm was lost: the others go on. What is left of it is removed with the block."""
        del self._alive[alive.name]
        self._has_lost = True
        alive.trials.keep_evidence(alive.stack)
        yield from alive.trials.given_up(error)

    def _keep_evidence(self) -> None:
        if self.block.index == 0:
            for alive in self._alive.values():
                alive.trials.keep_evidence(alive.stack)

    def _counters(self) -> dict[ServedBy, Counters]:
        return {way: self.rig.counters(way) for way in dict.fromkeys(self._tallies.served_by.values())}

    def _reading(self, alive: Alive, first: dict[ServedBy, Counters], last: dict[ServedBy, Counters]) -> Reading:
        """The reading of one arm over the block. Its own are the clock and the time that it idled.

        The delays are those of all arms whose processor time is counted as this one's is.
        """
        way = alive.trials.served_by
        own = [replace(self._all(each), delays_s=each[way].delays_s) for each in (first, last)]
        reading = gates.reading(
            block=self.block.index,
            attempt=self.attempt,
            environment=alive.name,
            group=alive.trials.step.group,
            counters=(own[0], own[1]),
            clocks=(alive.clock, alive.read_clock()),
            limit_ppm=gates.clock_limit_ppm(alive.stack.session.layers),
            ticks_per_s=self.rig.testbed.host.ticks_per_s,
        )
        return with_changes(reading, idle_s=alive.idle_s, idle_cpu_s=alive.idle_cpu_s)

    def _of_rounds(self, benchmark: str, first: dict[ServedBy, Counters], last: dict[ServedBy, Counters]) -> Reading:
        """The reading of all rounds of a benchmark. One round is too short for counters in ticks."""
        reading = gates.reading(
            block=self.block.index,
            attempt=self.attempt,
            environment="",
            group=self.block.steps[0].group,
            counters=(self._all(first), self._all(last)),
            clocks=(None, None),
            limit_ppm=gates.LIMIT_PPM,
            ticks_per_s=self.rig.testbed.host.ticks_per_s,
        )
        return with_changes(reading, benchmark=benchmark)

    def _all(self, each: dict[ServedBy, Counters]) -> Counters:
        """The counts of all arms together. Of one that was lost they hold nothing any more: the sum is unknown."""
        counters = gates.together(list(each.values()))
        return replace(counters, ours_s=None) if self._has_lost else counters


def _close(shared: ExitStack, arm: ArmTrials) -> None:
    """Ends what an arm's benchmarks share. A fault in that costs no trial, since all are stored."""
    try:
        with guarded(shared, arm.keep, stops_as=TrialFailed):
            pass
    except (StopFailed, NoSpace):
        raise
    except VbenchError:
        return
