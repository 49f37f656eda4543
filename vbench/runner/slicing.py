"""Measures one trial of one arm in slices, between which other arms are measured."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from vbench import gates
from vbench.contracts import Benchmark, Slices, Start, Started
from vbench.errors import NoSpace, SessionLost, StopFailed, TrialFailed, VbenchError
from vbench.gates import ClockReading
from vbench.host import interrupts
from vbench.model import Outcome, Trial
from vbench.runner.arm import ArmTrials, lacking, storable
from vbench.runner.catching import caught, failed, guarded
from vbench.runner.tally import Tallies, Tally
from vbench.runner.watch import TrialCounts


@dataclass
class SlicedTrial:
    """One trial. It ends at its first failure; the slices of the other arms go on."""

    arm: ArmTrials
    start: Start
    name: str
    benchmark: Benchmark
    turn: int | None  # of the arm in the first round; None: no other arm is beside it
    rounds: int
    tallies: Tallies
    lost: VbenchError | None = None
    _outcome: Outcome | None = None
    _slices: Slices | None = None
    _own: ExitStack = field(default_factory=ExitStack)
    _raw: list[str] = field(default_factory=list)
    _own_s: float = 0.0
    _wall_s: float = 0.0
    _served_s: float | None = 0.0
    _operations_s: float | None = 0.0
    _disturbed_s: float | None = 0.0
    _marks: list[Tally] = field(default_factory=list)  # begin and end of the operations, where the tool tells
    _clocks: list[ClockReading | None] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return self._outcome is None

    def begin(self, exits: ExitStack) -> None:
        """Sets up and warms up. What this starts is stopped by `end`, or with `exits`."""
        self._own = exits.enter_context(interrupts.unwinding())
        self.arm.begin()
        loops = self.arm.loops.get(self.name)
        start = replace(self.start, loops=loops, raw=self._keep, begin=self._mark, end=self._mark, rounds=self.rounds)
        first = self.tallies.now(self.arm.name)
        with self._trying():
            self._clocks.append(self._clock())
            if skipped := lacking(self.benchmark, start):
                self._outcome = skipped
                return
            self.benchmark.prepare(start)
            sliced = guarded(self.benchmark.sliced(start), self._keep, stops_as=TrialFailed)
            self._slices = self._own.enter_context(sliced)
        last = self.tallies.now(self.arm.name)
        self._own_s += first.until_s(last)
        self._served_s = _sum(self._served_s, self.tallies.worked_s(self.arm.name, first, last))

    def take(self) -> None:
        """Measures one slice."""
        assert self._slices
        with self._trying():
            self._slices.take()

    def count(self, first: Tally, last: Tally, idle_s: Sequence[float | None]) -> None:
        """Counts the slice between two tallies; `idle_s` is the processor time of each other arm in it."""
        worked_s = self.tallies.worked_s(self.arm.name, first, last)
        self._own_s += first.until_s(last)
        self._served_s = _sum(self._served_s, worked_s)
        self._operations_s = _sum(self._operations_s, worked_s)
        self._disturbed_s = _sum(self._disturbed_s, *idle_s)
        if len(self._marks) == 1:  # the operations of a tool that tells their beginning alone end with its trial
            self._marks.append(last)

    def end(self) -> None:
        """Takes the numbers, and stops what `begin` started."""
        with self._trying():
            if self._slices and self.goes_on:
                outcome = self._slices.measured()
                self._outcome = storable(outcome, self._keep)
        with self._trying():
            self._own.close()
        self._wall_s = self.arm.since_begin_s()
        if self.lost is None:
            with self._noticing_loss():
                self._clocks.append(self._clock())

    def ending(self) -> Iterator[Trial]:
        assert self._outcome
        yield from self.arm.ending(
            self.name,
            self._outcome,
            self._raw[-1] if self._raw else None,
            wall_s=self._wall_s,
            counts=self._counts(),
            turn=self.turn,
            rounds=self.rounds,
            own_s=self._own_s,
            idle_cpu_s=self._disturbed_s,
        )

    def _counts(self) -> TrialCounts:
        is_cut = self.benchmark.shortest_s is not None
        operations_s = self._operations_s if is_cut else self._marked_s()
        if len(self._clocks) < 2:
            return TrialCounts(self._served_s, operations_s)
        error_s, bound_s = gates.clock_error_s(self._clocks[0], self._clocks[-1])
        limit_ppm = None if error_s is None else gates.clock_limit_ppm(self.start.session.layers)
        return TrialCounts(self._served_s, operations_s, error_s, bound_s, limit_ppm)

    def _marked_s(self) -> float | None:
        if len(self._marks) < 2:
            return None
        return self.tallies.worked_s(self.arm.name, self._marks[0], self._marks[1])

    def _mark(self) -> None:
        self._marks.append(self.tallies.now(self.arm.name))

    def _clock(self) -> ClockReading | None:
        session = self.start.session
        return session.clock() if isinstance(session, Started) else None

    def _keep(self, file: str, data: bytes) -> None:
        self._raw.append(self.arm.keep(f"{self.name}-{file}", data))

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """The first failure is the outcome. Raises what ends the run: StopFailed, NoSpace."""
        try:
            with caught(TrialFailed, self._keep):
                yield
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            self._outcome = self._outcome or failed(error)
            self.lost = self.lost or (error if isinstance(error, SessionLost) else None)

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """An environment that is lost after its trial keeps that trial."""
        try:
            yield
        except (StopFailed, NoSpace):
            raise
        except VbenchError as error:
            self.lost = error


def _sum(*times_s: float | None) -> float | None:
    return None if None in times_s else sum(filter(None, times_s))
