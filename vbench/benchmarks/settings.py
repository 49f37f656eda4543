"""Base of every benchmark's struct, and a trial of one slice for tools that measure a whole trial at once."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

from vbench.contracts import Benchmark, Settings, Slices, Start
from vbench.model import Measured


class BenchmarkSettings(Settings, frozen=True, kw_only=True):
    """A benchmark's own file adds `kind`, what it says of itself, the suite keys, `missing` and `measure`."""

    shortest_s: ClassVar[float | None] = None

    def prepare(self, start: Start) -> None:
        """Nothing."""
        del start

    def wanted_slices(self, trial_s: float, slice_s: float) -> float:
        return trial_s / max(slice_s, self.shortest_s or 0.0)

    def sliced(self: Benchmark, start: Start) -> AbstractContextManager[Slices]:
        return nullcontext(Whole(self, start))


@dataclass
class Whole:
    """A trial of one slice."""

    benchmark: Benchmark
    start: Start
    _measured: Measured | None = None

    def take(self) -> None:
        self._measured = self.benchmark.measure(self.start)

    def measured(self) -> Measured:
        assert self._measured is not None
        return self._measured
