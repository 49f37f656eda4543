"""Adds up where a run's time went: to which benchmarks, over how many blocks, and why no more to them."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from vbench.model import Look, Trial
from vbench.stats.stopping import Settled


class ArmSettled(Struct, frozen=True):
    """Why and after how many blocks an adaptive run measured a benchmark no more in an arm."""

    environment: str
    why: Settled
    after: int


class Spent(Struct, frozen=True):
    """The time of one benchmark in all arms, set-up and warm-up included, and of attempts that were voided too."""

    benchmark: str
    time_s: float
    blocks: int  # that measured it, without the calibration
    settled: tuple["ArmSettled", ...] = ()  # of an adaptive run


class Spending(Struct, frozen=True):
    """The time of a run from the first start of each attempt at a block to its last trial."""

    total_s: float
    benchmarks: tuple[Spent, ...]
    end: str = ""  # why an adaptive run ended, in words

    @property
    def rest_s(self) -> float:
        """The time of no trial: starts of environments, stops, and what the harness does between trials."""
        return max(0.0, self.total_s - sum(spent.time_s for spent in self.benchmarks))


def spending(benchmarks: Sequence[str], trials: Sequence[Trial], looks: Sequence[Look]) -> Spending:
    """The time that each benchmark took, in the suite's order."""
    attempts: dict[tuple[int, int], list[Trial]] = {}
    of: dict[str, list[Trial]] = {name: [] for name in benchmarks}
    for trial in trials:
        attempts.setdefault((trial.block, trial.attempt), []).append(trial)
        of.setdefault(trial.benchmark, []).append(trial)
    settled: dict[str, dict[str, ArmSettled]] = {}
    for arm, benchmark, why, after in _settled(looks):
        settled.setdefault(benchmark, {}).setdefault(arm, ArmSettled(arm, why, after))
    end = next((look.words for look in reversed(looks) if look.stop), "")
    spent = tuple(_spent(name, own, settled.get(name, {}).values()) for name, own in of.items())
    return Spending(sum(map(duration_s, attempts.values())), spent, end)


def duration_s(trials: Iterable[Trial]) -> float:
    """Time in s from the beginning of the first of these trials to the end of the last; 0 without any."""
    spans = [(trial.started_s, trial.started_s + trial.wall_s) for trial in trials]
    return max(end for _, end in spans) - min(begin for begin, _ in spans) if spans else 0.0


def own_s(trial: Trial) -> float:
    """The time in s that a trial took of the run; its wall time holds the turns of other arms as well."""
    return trial.wall_s if trial.own_s is None else trial.own_s


def _spent(name: str, trials: Sequence[Trial], settled: Iterable[ArmSettled]) -> Spent:
    blocks = len({trial.block for trial in trials} - {0})
    return Spent(name, sum(map(own_s, trials)), blocks, tuple(settled))


def _settled(looks: Sequence[Look]) -> Iterator[tuple[str, str, Settled, int]]:
    """Arm, benchmark, why, and after how many blocks."""
    for look in looks:
        for why, names in ((Settled.NARROW, look.narrow), (Settled.UNDECIDABLE, look.undecidable)):
            for arm, _, benchmark in (name.partition(" ") for name in names):
                yield arm, benchmark, why, look.blocks
