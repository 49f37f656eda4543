"""What a run compares with what: its arms, the metrics of its benchmarks, and the claims that its suite declared."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from vbench.model import BenchmarkRecord, Ladder, Manifest, Metric


class Design(Struct, frozen=True):
    """All that an analysis needs to know beside the trials themselves."""

    arms: tuple[str, ...]  # in the suite's order, baseline and control among them
    baseline: str
    control: str
    benchmarks: tuple[BenchmarkRecord, ...]
    delta: float  # smallest cost of interest, as a ratio minus 1
    confirmatory: tuple[str, ...] = ()  # each "ENVIRONMENT BENCHMARK METRIC"
    ladders: tuple[Ladder, ...] = ()

    @classmethod
    def of(cls, manifest: Manifest) -> "Design":
        return cls(
            arms=tuple(record.name for record in manifest.environments),
            baseline=manifest.baseline,
            control=manifest.control,
            benchmarks=manifest.benchmarks,
            delta=manifest.delta,
            confirmatory=manifest.confirmatory,
            ladders=manifest.ladders,
        )

    def against(self, baseline: str) -> "Design":
        return replace(self, baseline=baseline)

    @property
    def compared(self) -> tuple[str, ...]:
        """Every arm but the baseline, the control too."""
        return tuple(arm for arm in self.arms if arm != self.baseline)

    @property
    def metrics(self) -> Iterator[tuple[str, Metric]]:
        """Each metric with its benchmark, in the suite's order."""
        return ((record.name, metric) for record in self.benchmarks for metric in record.metrics)
