"""Wraps the fio command: builds a job's command line and reads its JSON."""

import errno
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct, field

from vbench.benchmarks.lines import BEGUN, ENDED
from vbench.contracts import NOT_FOUND, Completed
from vbench.errors import TrialFailed
from vbench.host import foreign
from vbench.host.foreign import LONGEST, Count

CLOCK = "CLOCK_MONOTONIC"  # the clock of fio 3 with clocksource=clock_gettime
Direction = Literal["read", "write"]
Engine = Literal["psync", "libaio", "io_uring"]
LAYOUT, TRIAL, SLICE = "layout", "trial", "slice"  # names of jobs; of slices with their number
PID, READY = b"vbench: pid ", b"vbench: ready"
OLDEST = "fio 3.18"  # the first whose json+ has `N`: its commit 56440e63 of January 2020
_PRIVATE = frozenset({"filename"})
# fio's message for a queue that the kernel did not set up, and the cause of each errno.
_QUEUE = re.compile(r"err=(\d+)/file:engines/\w+\.c:\d+, func=io_queue_init")
_FILTERED = "asynchronous I/O is refused here, as containers' system call filters do: take another `engine`"
_QUEUE_HINTS = {
    errno.EAGAIN: "the host's limit on asynchronous I/O is used up: raise it with `sysctl fs.aio-max-nr=1048576`",
    errno.ENOMEM: "the limit on locked memory is too small for the queue: raise `ulimit -l`, or take another `engine`",
    # Podman's filter answers with this errno to calls that it refuses, and so does a kernel without them.
    errno.ENOSYS: "the kernel or a container's system call filter has no such asynchronous I/O: take another `engine`",
    errno.EPERM: _FILTERED,
    errno.EACCES: _FILTERED,
}
_DIRECT_REFUSED = "does not support O_DIRECT"
_FILLED = 90.0  # percent of the operations at the requested depth, below which a trial has a note
_NOTHING, _LONGER = "fio completed no operation within the trial", "take a longer `trial`"
T = TypeVar("T")


class Result(Struct, frozen=True):
    """One job's direction. `latency_counts` is completion latency: bin in ns to number of operations."""

    iops: float
    bandwidth: float  # B/s
    operations: int
    latency_counts: dict[int, int]
    sync_counts: dict[int, int] = {}  # the same for the flushes between writes, in jobs that flush
    at_depth: dict[str, float] = {}  # fio's own classes of queue depth to percent of the operations
    lasted_s: float | None = None


def layout(file: str, size_b: int) -> list[str]:
    """Command that writes the whole file once, so that it has no holes."""
    job = ["fio", f"--name={LAYOUT}", f"--filename={file}", f"--size={size_b}", "--rw=write", "--bs=1M"]
    return [*job, "--direct=1", "--ioengine=psync", "--end_fsync=1", "--output-format=json+"]


def job(
    file: str,
    size_b: int,
    *,
    rw: str,
    block_b: int,
    trial_s: float,
    warmup_s: float,
    engine: Engine = "psync",
    depth: int = 1,
    flushed: bool = False,
) -> list[str]:
    """Command of a trial: `depth` operations at a time for `trial_s`, after a warm-up job of `warmup_s`.

    Operations bypass the page cache; with `flushed` they use it, with an fdatasync after each write. fio's `ramp_time`
    is no warm-up for vbench: it hides the number of operations, and so the processor time of each.
    """
    return [
        *_common(file, size_b, rw=rw, block_b=block_b, engine=engine, depth=depth, flushed=flushed),
        *_warmup(warmup_s),
        *[f"--name={TRIAL}", "--stonewall", f"--runtime={max(1, _milliseconds(trial_s))}ms"],
        # The job runs these just before it reads its clock, and at its end. `#` cuts off the words that fio appends,
        # which would send the output into a file of the working directory.
        f"--exec_prerun=echo {BEGUN.decode()} #",
        f"--exec_postrun=echo {ENDED.decode()} #",
    ]


def jobs(
    file: str,
    size_b: int,
    *,
    rw: str,
    block_b: int,
    trial_s: float,
    warmup_s: float,
    rounds: int,
    engine: Engine = "psync",
    depth: int = 1,
    flushed: bool = False,
) -> list[str]:
    """Command of a trial of `rounds` slices, each a job that waits for a line on stdin, after a warm-up job.

    One fio starts them all, since its own start and end take longer than a slice. It prints its pid and a READY for
    each slice, then BEGUN and ENDED around the slice of a line that it reads. Between slices its main process, which
    looks at its jobs a hundred times a second, is stopped. SIGCONT lets it end after the last slice.
    """
    slice_ms = max(1, _milliseconds(trial_s / rounds))
    script = f'echo {PID.decode()}$$; export FIO=$$; exec "$@"'
    each = [
        f"--runtime={slice_ms}ms",
        f"--exec_prerun=echo {READY.decode()}; read line; kill -CONT $FIO; echo {BEGUN.decode()} #",
        f"--exec_postrun=kill -STOP $FIO; echo {ENDED.decode()} #",
    ]
    slices = [[f"--name={SLICE}{number}", *(["--stonewall"] if not number else []), *each] for number in range(rounds)]
    return [
        *["sh", "-c", script, "sh"],
        *_common(file, size_b, rw=rw, block_b=block_b, engine=engine, depth=depth, flushed=flushed),
        *_warmup(warmup_s),
        *(word for words in slices for word in words),
    ]


def _common(file: str, size_b: int, *, rw: str, block_b: int, engine: Engine, depth: int, flushed: bool) -> list[str]:
    return [
        "fio",
        "--name=global",
        f"--filename={file}",
        f"--size={size_b}",
        f"--rw={rw}",
        f"--bs={block_b}",
        *(["--direct=0", "--fdatasync=1"] if flushed else ["--direct=1"]),
        f"--ioengine={engine}",
        f"--iodepth={depth}",
        "--overwrite=1",
        "--time_based",
        # By default fio reads the processor's counter where it trusts it, and another clock elsewhere.
        "--clocksource=clock_gettime",
        "--output-format=json+",
    ]


def _warmup(warmup_s: float) -> list[str]:
    milliseconds = _milliseconds(warmup_s)
    return ["--name=warmup", f"--runtime={milliseconds}ms"] if milliseconds else []


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


Percent = Annotated[float, Meta(ge=0, le=1000)]  # above 100 where a flush counts as an operation too


class Latency(Struct, frozen=True):
    """`N` values in bins of ns, or of µs before fio 3."""

    N: Count | None = None
    bins: dict[Count, Count] | None = None


class Side(Struct, frozen=True):
    """One direction of a job, or its flushes; fio 2 has `bw` in KiB/s and `clat` alone."""

    total_ios: Count | None = None
    iops: float | None = None
    bw: float | None = None
    bw_bytes: float | None = None
    runtime: float | None = None  # ms
    clat_ns: Latency | None = None
    clat: Latency | None = None
    lat_ns: Latency | None = None


class Job(Struct, frozen=True):
    jobname: str = ""
    error: int = 0
    read: Side = Side()
    write: Side = Side()
    sync: Side = Side()
    iodepth_level: dict[str, Percent] = {}


class Document(Struct, frozen=True):
    """The part of fio's JSON that vbench reads."""

    jobs: tuple[Job, ...] | None = None
    version: str = field(name="fio version", default="fio of an unknown version")


def parse(done: Completed, direction: Direction, name: str = TRIAL) -> Result:
    """Numbers of one job. Raises TrialFailed for errors of any job, and for numbers that cannot be true."""
    named, version = _jobs(done, lambda job: job.jobname == name)
    if len(named) != 1:
        raise TrialFailed(f"fio reported {len(named) or 'no'} jobs named {name} instead of one")
    return _result(_side(named[0], direction), named[0], version)


def parse_slices(done: Completed, direction: Direction, rounds: int) -> Result:
    """Numbers of all slices together: operations and bytes over the time of all. Raises as `parse` does."""
    named, version = _jobs(done, lambda job: job.jobname.startswith(SLICE))
    if len(named) != rounds:
        raise TrialFailed(f"fio reported {len(named) or 'no'} slices instead of {rounds}")
    results = [_result(_side(job, direction), job, version, is_slice=True) for job in named]
    lasted_s = math.fsum(result.lasted_s or 0.0 for result in results)
    operations = sum(result.operations for result in results)
    if not operations or not lasted_s:
        raise TrialFailed(_NOTHING, hint=_LONGER)
    depths = {name for result in results for name in result.at_depth}
    return Result(
        iops=operations / lasted_s,
        bandwidth=math.fsum(result.bandwidth * (result.lasted_s or 0.0) for result in results) / lasted_s,
        operations=operations,
        latency_counts=_added([result.latency_counts for result in results]),
        sync_counts=_added([result.sync_counts for result in results]),
        at_depth={
            name: math.fsum(result.at_depth.get(name, 0.0) * result.operations for result in results) / operations
            for name in depths
        },
        lasted_s=lasted_s,
    )


def _added(each: Sequence[dict[int, int]]) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for more in each:
        counts.update(more)
    return dict(sorted(counts.items()))


def _jobs(done: Completed, is_wanted: Callable[[Job], bool]) -> tuple[list[Job], str]:
    """The wanted jobs, and fio's version. Raises TrialFailed for errors of any job."""
    document = _document(done)
    if document.jobs is None:
        raise TrialFailed("fio reported no jobs")
    for job in document.jobs:
        if job.error:
            raise _failed(job.error, done)
    done_check(done)
    return [job for job in document.jobs if is_wanted(job)], document.version


def _side(job: Job, direction: Direction) -> Side:
    return job.read if direction == "read" else job.write


def flushes(result: Result) -> dict[int, int]:
    """Latencies of the flushes, ns to number. Raises TrialFailed where fio counted none, as before version 3."""
    if not result.sync_counts:
        raise TrialFailed("fio counted no flush", hint="use fio 3 or later, or the image that has it")
    return result.sync_counts


def depth_notes(result: Result, depth: int) -> tuple[str, ...]:
    """A note where fio did not keep `depth` operations in flight. fio counts in powers of two up to 64."""
    name = next((str(least) for least in (32, 16, 8, 4, 2, 1) if least <= depth < 64), ">=64")
    share = result.at_depth.get(name)
    if share is None or share >= _FILLED:
        return ()
    return (f"the queue was not kept full: {share:.0f} % of the operations ran at the depth of {depth}",)


def done_check(done: Completed) -> None:
    """Raises TrialFailed when fio is missing or ended with another status than 0."""
    if done.status == NOT_FOUND:
        raise TrialFailed("fio was not found", hint="install fio, or use the image that has it")
    if done.status != 0:
        raise TrialFailed(f"fio ended with status {done.status}: {_complaint(done)}", hint=_hint(done))


def decode(done: Completed) -> Any:
    """fio's JSON, which can follow lines of warnings. Raises TrialFailed."""
    text = done.stdout
    begin = 0 if text.startswith(b"{") else text.find(b"\n{") + 1
    end = text.rfind(b"\n}", begin)
    try:
        document = foreign.decode(foreign.without_nan(text[begin:] if end < 0 else text[begin : end + 2]))
    except ValueError as error:
        done_check(done)
        raise TrialFailed(f"fio printed no JSON that can be read: {error}: {_complaint(done)}") from None
    if not isinstance(document, dict):
        raise TrialFailed(f"fio printed JSON that is no object: {text[:100]!r}")
    return document


def _document(done: Completed) -> Document:
    try:
        return foreign.convert(decode(done), Document)
    except ValueError as error:
        done_check(done)
        raise TrialFailed(f"fio's JSON is not what fio prints: {error}") from None


def redacted(done: Completed) -> bytes:
    """fio's JSON for the run folder, without the path of its file."""
    return json.dumps(foreign.without(decode(done), _PRIVATE)).encode()


def _result(side: Side, job: Job, version: str, *, is_slice: bool = False) -> Result:
    """Numbers of one job. A slice may be too short for an operation, the whole of a trial must not."""
    counts = _counts(side.clat_ns, side.clat, version)
    operations, iops = _there(side.total_ios, "total_ios"), _there(side.iops, "iops")
    bandwidth = side.bw_bytes if side.bw_bytes is not None else _there(side.bw, "bw_bytes") * 1024
    if not is_slice and (not operations or not counts or not 0 < bandwidth < inf or not iops > 0):
        raise TrialFailed(_NOTHING, hint=_LONGER)
    if not 0 <= bandwidth < inf:
        raise TrialFailed(f"fio's bw_bytes cannot be {bandwidth}")
    # `total_ios` of the flushes is 0 in every version seen; their latencies are counted all the same.
    sync_counts = _counts(job.sync.lat_ns, None, version) if job.sync.lat_ns else {}
    return Result(
        iops=iops,
        bandwidth=bandwidth,
        operations=operations,
        latency_counts=counts,
        sync_counts=sync_counts,
        lasted_s=None if side.runtime is None else side.runtime / 1000,
        at_depth=job.iodepth_level,
    )


def _there(value: T | None, key: str) -> T:
    if value is None:
        raise TrialFailed(f"fio's JSON lacks {key!r}")
    return value


def _counts(in_ns: Latency | None, in_us: Latency | None, version: str) -> dict[int, int]:
    """Bins of a latency, ns to number; empty where nothing ran. Raises TrialFailed for bins that do not add up."""
    latency, scale = (in_us, 1000) if in_ns is None else (in_ns, 1)
    latency = _there(latency, "clat_ns")
    if latency.N is None:
        raise TrialFailed(
            f"this fio is too old: {version[:60]} does not say how many latencies it counted",
            hint=f"use {OLDEST} or later, or the image, which has it",
        )
    counts = {bound * scale: number for bound, number in (latency.bins or {}).items() if number}
    if max(counts, default=0) > LONGEST:
        raise TrialFailed(f"fio reported a latency that cannot be: {max(counts)} ns")
    if sum(counts.values()) != latency.N:
        raise TrialFailed(f"fio's latency bins hold {sum(counts.values())} operations, it counted {latency.N}")
    return counts


def refused(done: Completed) -> TrialFailed:
    """The error of a fio that was killed because one of its jobs failed."""
    return TrialFailed(f"fio's job failed: {_complaint(done)}", hint=_hint(done))


def _failed(code: int, done: Completed) -> TrialFailed:
    return TrialFailed(f"fio's job failed with error {code}: {_complaint(done)}", hint=_hint(done))


def _hint(done: Completed) -> str:
    output = (done.stdout[:2000] + done.stderr).decode(errors="replace")
    if _DIRECT_REFUSED in output:
        return "the scratch file system refuses O_DIRECT: put the scratch space on a disk's file system"
    if "No space left" in output:
        return "the scratch file system is full: take a smaller `size`"
    queue = _QUEUE.search(output)
    if queue or "doesn't support io_uring" in output:
        return _QUEUE_HINTS.get(int(queue[1]) if queue else errno.ENOSYS, "take another `engine`")
    return ""


def _complaint(done: Completed) -> str:
    """fio's messages: stderr, and stdout before the JSON."""
    before = done.stdout.decode(errors="replace").partition("\n{")[0]
    lines: Sequence[str] = [line for line in (done.stderr.decode(errors="replace") + before).splitlines() if line]
    return "; ".join(line.removeprefix("fio: ") for line in lines if not line.startswith("{"))[-400:]
