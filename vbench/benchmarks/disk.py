"""Disk benchmarks: what each layer between a file and its device costs, by fio past the page cache."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from vbench.benchmarks import fio
from vbench.benchmarks.fio_slices import fio_slices
from vbench.benchmarks.lines import Moments, listen
from vbench.benchmarks.percentiles import latencies
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.benchmarks.tools import lacking
from vbench.contracts import Completed, Missing, Needs, Session, Slices, Start, Testbed
from vbench.errors import VbenchError
from vbench.model import Measured, Metric
from vbench.units import Bytes

MIB = 2**20
BLOCK = 4096
MOST_BLOCK = MIB  # of a request: the file is of whole MiB
SLOWEST_LAYOUT = 2 * MIB  # B/s below which laying out the file counts as hung
LAYOUT = 500 * MIB  # B/s assumed for the plan's estimate
FIO_S = 0.25  # fio's own start and end
LIMIT_S = 60.0
SHORTEST_S = 0.1  # of a slice: fio counts its run time in ms

LATENCY = Metric("latency", "s", "lower", "median completion latency")
LATENCY_P99 = Metric("latency_p99", "s", "lower", "99th percentile of latency, within the trial")


def _name(size_b: int) -> str:
    return f"disk-{size_b}.dat"


def _file(start: Start, size_b: int) -> str:
    """Name of the file of this size in the start's scratch space. The first use writes it, and the family shares it.

    The name is relative, since for fio a colon in a path begins the next file.
    """
    name = _name(size_b)

    @contextmanager
    def make() -> Iterator[str]:
        try:
            argv = _there(start, fio.layout(name, size_b))
            done = start.session.run(argv, timeout_s=LIMIT_S + size_b / SLOWEST_LAYOUT)
            fio.parse(done, "write", fio.LAYOUT)
            yield name
        finally:
            _remove(start.session, str(start.session.workplace.scratch / name))

    return start.shared(f"disk.file.{size_b}", make)


def _there(start: Start, argv: Sequence[str]) -> list[str]:
    return ["env", "-C", str(start.session.workplace.scratch), *argv]


def _remove(session: Session, path: str) -> None:
    with suppress(VbenchError):  # the scratch space ends with the start, and a lost session was reported
        session.run(["rm", "-f", path], timeout_s=LIMIT_S)


def _limit_s(start: Start) -> float:
    return LIMIT_S + 2 * (start.trial_s + start.warmup_s)


class FileBenchmark(BenchmarkSettings, frozen=True, kw_only=True):
    """`size` of the file; a disk's or host's own cache can hold a small one."""

    kind: ClassVar[str] = ""
    short: ClassVar[str] = ""
    exposes: ClassVar[str] = ""
    about: ClassVar[str] = ""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    direction: ClassVar[fio.Direction] = "write"
    shortest_s: ClassVar[float | None] = SHORTEST_S
    size: Bytes = Bytes(256 * MIB)

    def __post_init__(self) -> None:
        if self.size < MIB or self.size % MIB:
            raise ValueError(f"size: expected whole MiB, got {int(self.size)} B")

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        del testbed
        return lacking(session, {"fio": "fio"})

    def needs(self) -> Needs:
        return Needs(files={_name(self.size): int(self.size)})

    def prepare(self, start: Start) -> None:
        _file(start, self.size)

    def job(self) -> dict[str, Any]:
        """What fio does: the settings of `fio.job`."""
        raise NotImplementedError

    def made(self, result: fio.Result, operations: int | None) -> Measured:
        """What it measured, from fio's numbers and the number of operations whose processor time is known."""
        raise NotImplementedError

    def measure(self, start: Start) -> Measured:
        argv = fio.job(_file(start, self.size), self.size, **self._settings(start))
        moments = Moments(start.begin, start.end, clock=start.clock)
        done = listen(start.session, self._argv(start, argv), moments.hear, timeout_s=_limit_s(start))
        start.raw("fio.json", fio.redacted(done))
        result = fio.parse(done, self.direction)
        return self.made(result, moments.between(result.operations, result.lasted_s))

    def sliced(self, start: Start) -> AbstractContextManager[Slices]:
        argv = fio.jobs(_file(start, self.size), self.size, rounds=start.rounds, **self._settings(start))

        def finished(done: Completed) -> Measured:
            start.raw("fio.json", fio.redacted(done))
            result = fio.parse_slices(done, self.direction, start.rounds)
            return self.made(result, result.operations)

        return fio_slices(start, self._argv(start, argv), _limit_s(start), finished)

    def _settings(self, start: Start) -> dict[str, Any]:
        return {"trial_s": start.trial_s, "warmup_s": start.warmup_s, **self.job()}

    def _argv(self, start: Start, argv: Sequence[str]) -> list[str]:
        return start.padded(_there(start, argv))

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return FIO_S + self.size / LAYOUT + trial_s + warmup_s


class RandomBenchmark(FileBenchmark, frozen=True, kw_only=True):
    """`depth` requests of `block` in flight, 4 KiB unless it is set.

    `engine` is how fio submits them, by default psync for one, libaio for more.

    The clock of a latency runs from the submission of one request to its completion. At a depth above 1 that contains
    its wait behind the others: latency is then about depth / iops, whatever the device does for each.
    """

    depth: Annotated[int, Meta(ge=1, le=1024)] = 1
    block: Bytes | None = None  # None, as in runs of versions that had no such key: they are compared
    engine: fio.Engine | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block is not None and (not 0 < self.block <= MOST_BLOCK or self.block % BLOCK):
            raise ValueError(f"block: expected a multiple of 4 KiB, at most 1 MiB, got {int(self.block)} B")
        if self.engine == "psync" and self.depth > 1:
            raise ValueError(f"engine: psync waits for each request, so that a depth of {self.depth} needs another")

    @property
    def engine_in_force(self) -> fio.Engine:
        """io_uring is asked for by name alone: containers' system call filters refuse it, and arms would differ."""
        return self.engine or ("psync" if self.depth == 1 else "libaio")

    def job(self) -> dict[str, Any]:
        how = {"engine": self.engine_in_force, "depth": self.depth}
        return {"rw": f"rand{self.direction}", "block_b": int(self.block or BLOCK), **how}

    def made(self, result: fio.Result, operations: int | None) -> Measured:
        samples, notes = latencies(result.latency_counts)
        engine = () if self.depth == 1 and self.engine is None else (f"ioengine {self.engine_in_force}",)
        return Measured(
            samples={"iops": (result.iops,), **samples},
            clock=fio.CLOCK,
            notes=(*notes, *engine, *fio.depth_notes(result, self.depth)),
            counts={"latency": result.latency_counts},
            operations=operations,
        )


class RandRead(RandomBenchmark, frozen=True, kw_only=True):
    """One operation is one read of `block` at a random place of the file, the same sequence in every arm.

    It is not the device's own latency where the file fits a cache below: a host's page cache under a virtual disk that
    is not opened with O_DIRECT, or a controller's memory.
    """

    kind: ClassVar[str] = "disk.randread"
    short: ClassVar[str] = "random reads"
    exposes: ClassVar[str] = (
        "the latency each layer adds to a request: virtual device, exits and interrupts, image format, overlay; "
        "with a depth above 1, how well these overlap and batch"
    )
    about: ClassVar[str] = "fio: `block` (4 KiB) random reads, `depth` at a time (1), O_DIRECT"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("iops", "1/s", "higher", "reads a second"), LATENCY, LATENCY_P99)
    direction: ClassVar[fio.Direction] = "read"


class RandWrite(RandomBenchmark, frozen=True, kw_only=True):
    """One operation is one overwrite of `block` at a random place of the laid-out file.

    Nothing is allocated or flushed. It does not say when a write is safe: a cache below may hold it. `disk.fsync` asks
    for that.
    """

    kind: ClassVar[str] = "disk.randwrite"
    short: ClassVar[str] = "random writes"
    exposes: ClassVar[str] = (
        "as disk.randread, and the cache mode of a virtual disk, which decides whether the host's memory or its "
        "device takes the write; copy-on-write in image formats and overlays"
    )
    about: ClassVar[str] = "fio: `block` (4 KiB) random overwrites, `depth` at a time (1), O_DIRECT"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("iops", "1/s", "higher", "writes a second"), LATENCY, LATENCY_P99)


class SeqWrite(FileBenchmark, frozen=True, kw_only=True):
    """One operation is 1 MiB, over the same laid-out file again and again: no allocation, no flush.

    Bytes over fio's own run time; it is not the rate at which data becomes safe.
    """

    kind: ClassVar[str] = "disk.seqwrite"
    short: ClassVar[str] = "sequential writes"
    exposes: ClassVar[str] = "copies and the cost of a byte on the way to the device, and the cache mode"
    about: ClassVar[str] = "fio: 1 MiB sequential writes, one at a time, O_DIRECT"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "bytes written a second"),)

    def job(self) -> dict[str, Any]:
        return {"rw": "write", "block_b": MIB}

    def made(self, result: fio.Result, operations: int | None) -> Measured:
        return Measured(samples={"bandwidth": (result.bandwidth,)}, clock=fio.CLOCK, operations=operations)


class Fsync(FileBenchmark, frozen=True, kw_only=True):
    """One operation is an overwrite of 4 KiB in the page cache and an fdatasync of it, as a database's log does.

    The latency is that of the fdatasync alone, by fio's clock around it; the rate is of both. The file is laid out, so
    that no metadata is written. What it means depends on the layers below: a virtual disk in a cache mode that ignores
    flushes (`unsafe`), or a device with a volatile cache that lies, is fast and not safe; the cache mode is a fact.
    """

    kind: ClassVar[str] = "disk.fsync"
    short: ClassVar[str] = "fsync"
    exposes: ClassVar[str] = (
        "the flush: whether and how each layer hands it down (virtual device, cache mode, host file system), with a "
        "full wait for the lowest one"
    )
    about: ClassVar[str] = "fio: 4 KiB sequential overwrites through the page cache, each with an fdatasync"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rate", "1/s", "higher", "writes with their fdatasync a second"),
        Metric("latency", "s", "lower", "median of one fdatasync"),
        LATENCY_P99,
    )

    def job(self) -> dict[str, Any]:
        return {"rw": "write", "block_b": BLOCK, "flushed": True}

    def made(self, result: fio.Result, operations: int | None) -> Measured:
        counts = fio.flushes(result)
        samples, notes = latencies(counts)
        return Measured(
            samples={"rate": (result.iops,), **samples},
            clock=fio.CLOCK,
            notes=notes,
            counts={"latency": counts},
            operations=operations,
        )
