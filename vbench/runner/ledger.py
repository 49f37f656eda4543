"""Keeps account of a run's stored trials: what each block still lacks, and how long a block takes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vbench import gates
from vbench.cost.spending import duration_s, own_s
from vbench.cost.trials import Attempt, Attempts, Planned, last_attempts, series
from vbench.model import Block, Look, Measured, Plan, Reading, Trial, Void
from vbench.reasons import Reason, ReasonKind

MOST_REPEATS = 2  # of one block


@dataclass
class Ledger:
    """What is stored of a run: trials, voids, readings and looks. That of a resumed run begins with its journal's.

    `torn` are the blocks within which a run was resumed: their duration says nothing.
    """

    plan: Plan
    trials: list[Trial] = field(default_factory=list)
    voids: list[Void] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    torn: frozenset[int] = frozenset()
    rebooted: bool | None = None  # the host, since the last trial that is stored; None: unknown
    _by_attempt: dict[Attempt, list[Trial]] = field(default_factory=dict)
    _readings: dict[Attempt, list[Reading]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        plan: Plan,
        *,
        trials: Iterable[Trial] = (),
        voids: Iterable[Void] = (),
        looks: Iterable[Look] = (),
        readings: Iterable[Reading] = (),
        torn: Iterable[int] = (),
        rebooted: bool | None = None,
    ) -> "Ledger":
        ledger = cls(plan, voids=list(voids), looks=list(looks), torn=frozenset(torn), rebooted=rebooted)
        for trial in trials:
            ledger.add(trial)
        for reading in readings:
            ledger.read(reading)
        return ledger

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._by_attempt.setdefault((trial.block, trial.attempt), []).append(trial)

    def read(self, reading: Reading) -> None:
        self._readings.setdefault((reading.block, reading.attempt), []).append(reading)

    def readings(self, block: int, attempt: int) -> Sequence[Reading]:
        return self._readings.get((block, attempt), ())

    def restless(self) -> dict[str, float]:
        """Arms that used more of a processor than gates.IDLE_SHARE while others were measured in the calibration."""
        shares = gates.idle_shares(self.readings(0, 0))
        return {arm: share for arm, share in shares.items() if share > gates.IDLE_SHARE}

    @property
    def planned(self) -> Planned:
        return Planned(self.plan, self.looks)

    def look(self, blocks: int) -> Look | None:
        """The last stored look after so many blocks."""
        return next((look for look in reversed(self.looks) if look.blocks == blocks), None)

    def attempt(self, block: int) -> int | None:
        """Number of the attempt to run next at a block. None if the last one was voided and no repeats remain."""
        void = {(item.block, item.attempt): item for item in self.voids}
        last = last_attempts([*self._by_attempt, *void]).get(block, 0)
        if (block, last) not in void:
            return last
        gated = [item for item in self.voids if not item.harness]
        spent = sum(item.block == block for item in gated) > MOST_REPEATS or len(gated) > self._repeats()
        # What the run itself interrupted is repeated in any case: it says nothing of the host.
        return last + 1 if not spent or void[block, last].harness else None

    def _repeats(self) -> int:
        """Repeats of a whole run. A host that voids every third block needs another time, not more blocks."""
        return max(1, len(self.plan.blocks) // 3)

    def stored(self, block: int, attempt: int, environment: str, group: int = 0) -> frozenset[str]:
        """Benchmarks of one start whose trial is stored."""
        trials = self._by_attempt.get((block, attempt), ())
        return frozenset(
            trial.benchmark for trial in trials if (trial.environment, trial.group) == (environment, group)
        )

    def left(self, block: int, attempt: int) -> float:
        """Share of the attempt's trials that are not stored; 0 is a whole block."""
        planned = self.planned.trials(block)
        stored = set(map(series, self._by_attempt.get((block, attempt), ())))
        return len(planned - stored) / len(planned)

    def whole(self, block: Block) -> bool:
        attempt = self.attempt(block.index)
        return attempt is None or self.left(block.index, attempt) == 0

    def analysed(self) -> int:
        """Blocks that enter the costs with at least one number."""
        kept = Attempts(self.trials, self.voids, self.planned).blocks
        return sum(any(isinstance(trial.outcome, Measured) for trial in self._by_attempt[at]) for at in kept)

    def barren(self, environment: str) -> Trial | None:
        """The first trial of an environment that measured nothing in its whole calibration; None if it measured."""
        trials = [trial for trial in self._by_attempt.get((0, 0), ()) if trial.environment == environment]
        over = {trial.benchmark for trial in trials} >= set(self.plan.benchmarks)
        if not over or any(isinstance(trial.outcome, Measured) for trial in trials):
            return None
        return min(trials, key=lambda trial: trial.order, default=None)

    def calibration_s(self) -> float | None:
        """Duration of the calibration in s; None if it is not whole, or if the run was resumed within it."""
        return dict(self._taken()).get((0, 0))

    def begun_after(self, block: int) -> bool:
        return any(number > block for number, _ in self._by_attempt)

    def elapsed_s(self) -> float:
        """Time in s that all attempts took which are stored, without the pauses between them."""
        return sum(map(duration_s, self._by_attempt.values()))

    def block_s(self, block: int = 1) -> float:
        """Expected duration of a block in s: that of the longest so far, else of the calibration, else of the plan.

        Of a block before it that measured more, the time of what is settled since is not counted.
        """
        measured = self.planned.trials(block)
        taken = {at: took_s - self._others_s(at, measured) for at, took_s in self._taken()}
        longest = max((took_s for (number, _), took_s in taken.items() if number), default=taken.get((0, 0), 0.0))
        return longest or self.plan.expected_s / len(self.plan.blocks)

    def _others_s(self, attempt: Attempt, measured: Collection[tuple[str, int, str]]) -> float:
        """Time in s that an attempt spent on other trials than these."""
        return sum(own_s(trial) for trial in self._by_attempt[attempt] if series(trial) not in measured)

    def part_s(self, block: int, attempt: int) -> float:
        """Expected duration in s of the rest of an attempt."""
        return self.block_s(block) * self.left(block, attempt)

    def next_s(self) -> float:
        """Expected duration in s of the next attempt; 0 if nothing is left to measure."""
        ahead = ((block.index, self.attempt(block.index)) for block in self.plan.blocks if not self.whole(block))
        return next((self.part_s(block, attempt) for block, attempt in ahead if attempt is not None), 0.0)

    def _taken(self) -> Iterator[tuple[Attempt, float]]:
        for (block, attempt), trials in self._by_attempt.items():
            if block not in self.torn and self.left(block, attempt) == 0:
                yield (block, attempt), duration_s(trials)

    def broken(self, block: int, attempt: int, *, now_s: float, booted_s: float) -> Reason | None:
        """Why a block within which the run ended cannot be resumed; None if it can, or if it was not begun.

        The arms of a block are compared with each other because they ran close in time, on a host in one state. The
        calibration is compared with nothing.
        """
        trials = self._by_attempt.get((block, attempt))
        if not trials or block == 0:
            return None
        if self.rebooted:
            return Reason(ReasonKind.HOST_REBOOTED)
        if now_s < _end_s(trials):
            return Reason(ReasonKind.CLOCK_SET_BACK)
        if _begin_s(trials) < booted_s:  # by a clock that may have been set meanwhile
            return Reason(ReasonKind.REBOOTED_OR_CLOCK_SET if self.rebooted is None else ReasonKind.CLOCK_SET)
        paused_s = _idle_s(trials) + now_s - _end_s(trials)
        return Reason(ReasonKind.RUN_PAUSED, value=paused_s) if paused_s > self.block_s(block) else None


def _begin_s(trials: Sequence[Trial]) -> float:
    return min(trial.started_s for trial in trials)


def _idle_s(trials: Sequence[Trial]) -> float:
    """Seconds between the trials: several short pauses count as one long one."""
    idle_s, end_s = 0.0, _begin_s(trials)
    for trial in sorted(trials, key=lambda trial: trial.started_s):
        idle_s += max(0.0, trial.started_s - end_s)
        end_s = max(end_s, trial.started_s + trial.wall_s)
    return idle_s


def _end_s(trials: Sequence[Trial]) -> float:
    return max(trial.started_s + trial.wall_s for trial in trials)
