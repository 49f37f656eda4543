"""Disk benchmarks: what each layer between a file and its device costs, by fio past the page cache."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

from vbench.benchmarks import fio
from vbench.benchmarks.percentiles import latencies
from vbench.contracts import Completed, Missing, Place, Session, Settings, Testbed
from vbench.errors import VbenchError
from vbench.model import Measured, Metric
from vbench.units import Bytes

MIB = 2**20
SLOWEST_LAYOUT = 2 * MIB  # B/s below which laying out the file counts as hung
LAYOUT = 500 * MIB  # B/s assumed for the plan's estimate
FIO_S = 0.4  # fio's own start and end
LIMIT_S = 60.0


def _missing(session: Session) -> tuple[Missing, ...]:
    if session.run(["fio", "--version"], timeout_s=30).status == 0:
        return ()
    return (Missing("fio", "apt-get install fio, or use the image that has it"),)


def _file(place: Place, size_b: int) -> str:
    """The file of this size in this start's scratch space, written whole at first use and shared by the family."""
    path = str(place.session.workplace.scratch / f"disk-{size_b}.dat")

    @contextmanager
    def make() -> Iterator[str]:
        try:
            done = place.session.run(fio.layout(path, size_b), timeout_s=LIMIT_S + size_b / SLOWEST_LAYOUT)
            fio.parse(done, "write")
            yield path
        finally:
            _remove(place.session, path)

    return place.shared(f"disk.file.{size_b}", make)


def _remove(session: Session, path: str) -> None:
    with suppress(VbenchError):  # the scratch space goes with the start; a lost session was reported by who lost it
        session.run(["rm", "-f", path], timeout_s=LIMIT_S)


def _trial(place: Place, size_b: int, *, rw: str, block_b: int) -> Completed:
    file = _file(place, size_b)
    argv = fio.job(file, size_b, rw=rw, block_b=block_b, trial_s=place.trial_s, warmup_s=place.warmup_s)
    done = place.session.run(place.padded(argv), timeout_s=LIMIT_S + 2 * (place.trial_s + place.warmup_s))
    place.raw("fio.json", fio.redacted(done))
    return done


class FileBenchmark(Settings, frozen=True, kw_only=True):
    """`size` of the file; a disk's or host's own cache can hold a small one."""

    kind: ClassVar[str] = ""
    exposes: ClassVar[str] = ""
    about: ClassVar[str] = ""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    size: Bytes = Bytes(256 * MIB)

    def __post_init__(self) -> None:
        if self.size < MIB or self.size % MIB:
            raise ValueError(f"size: expected whole MiB, got {int(self.size)} B")

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        del testbed
        return _missing(session)

    def prepare(self, place: Place) -> None:
        _file(place, self.size)

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return FIO_S + self.size / LAYOUT + trial_s + warmup_s


class RandRead(FileBenchmark, frozen=True, kw_only=True):
    """A start of its own for each request: nothing overlaps, nothing is merged."""

    kind: ClassVar[str] = "disk.randread"
    about: ClassVar[str] = "fio: 4 KiB random reads, one at a time, O_DIRECT"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("iops", "1/s", "higher", "reads a second"),
        Metric("latency", "s", "lower", "median completion latency"),
        Metric("latency_p99", "s", "lower", "99th percentile within the trial"),
    )

    def measure(self, place: Place) -> Measured:
        result = fio.parse(_trial(place, self.size, rw="randread", block_b=4096), "read")
        samples, notes = latencies(result.latency_counts)
        return Measured(samples={"iops": (result.iops,), **samples}, clock=fio.CLOCK, notes=notes)


class SeqWrite(FileBenchmark, frozen=True, kw_only=True):
    """Over the same laid-out file again and again: no allocation, no flush."""

    kind: ClassVar[str] = "disk.seqwrite"
    about: ClassVar[str] = "fio: 1 MiB sequential writes, one at a time, O_DIRECT"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "written"),)

    def measure(self, place: Place) -> Measured:
        result = fio.parse(_trial(place, self.size, rw="write", block_b=MIB), "write")
        return Measured(samples={"bandwidth": (result.bandwidth,)}, clock=fio.CLOCK)
