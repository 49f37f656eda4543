"""Our own wrapper around the fio command: builds a job's command line and reads its JSON, nothing more."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from vbench.benchmarks.lines import BEGUN, ENDED
from vbench.contracts import Completed
from vbench.errors import TrialFailed

CLOCK = "CLOCK_MONOTONIC"  # what fio 3 reads with clocksource=clock_gettime
Direction = Literal["read", "write"]
Engine = Literal["psync", "libaio", "io_uring"]
LAYOUT, TRIAL = "layout", "trial"  # names of jobs
_DIRECT_REFUSED = "does not support O_DIRECT"
_FILLED = 90.0  # percent of the operations at the depth asked for, below which the queue was not kept full


class Result(Struct, frozen=True):
    """One job's direction. `latency_counts` is completion latency: bin in ns to number of operations."""

    iops: float
    bandwidth: float  # B/s
    operations: int
    latency_counts: dict[int, int]
    sync_counts: dict[int, int] = {}  # the same of the flushes between writes, where the job had them
    at_depth: dict[str, float] = {}  # fio's own classes of queue depth to percent of the operations
    lasted_s: float | None = None


def layout(file: str, size_b: int) -> list[str]:
    """Writes the whole file once, so that no trial meets a hole in it."""
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
    """`depth` operations at a time for `trial_s`, after `warmup_s` of the same by a job of its own.

    Past the page cache; or `flushed`: through it, with an fdatasync after each write. A warm-up by `ramp_time` would
    not tell how many operations it had, and what each took of a processor would be unknown.
    """
    warmup = _milliseconds(warmup_s)
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
        # Else fio reads the processor's counter where it trusts it and something else where not.
        "--clocksource=clock_gettime",
        "--output-format=json+",
        *(["--name=warmup", f"--runtime={warmup}ms"] if warmup else []),
        *[f"--name={TRIAL}", "--stonewall", f"--runtime={max(1, _milliseconds(trial_s))}ms"],
        # Run by the job just before it reads its clock, and at its end. `#`: fio appends words that send what the
        # shell says into a file of the working directory.
        f"--exec_prerun=echo {BEGUN.decode()} #",
        f"--exec_postrun=echo {ENDED.decode()} #",
    ]


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def parse(done: Completed, direction: Direction, name: str = TRIAL) -> Result:
    """The job's numbers. Raises TrialFailed for fio's own errors, other jobs' too, and for what cannot be believed."""
    document = decode(done)
    jobs = document.get("jobs")
    if not isinstance(jobs, list):
        raise TrialFailed("fio reported no jobs")
    for job in jobs:
        if job.get("error"):
            raise _failed(job["error"], done)
    done_check(done)
    found = [job for job in jobs if job.get("jobname") == name]
    if len(found) != 1:
        raise TrialFailed(f"fio reported {len(found) or 'no'} jobs named {name} instead of one")
    return _result(found[0].get(direction, {}), found[0])


def flushes(result: Result) -> dict[int, int]:
    """The latencies of the flushes. Raises TrialFailed where fio counted none, as versions before 3 do."""
    if not result.sync_counts:
        raise TrialFailed("fio counted no flush", hint="use fio 3 or later, or the image that has it")
    return result.sync_counts


def depth_notes(result: Result, depth: int) -> tuple[str, ...]:
    """A note where fio did not keep `depth` operations in flight; its classes are powers of two up to 64."""
    name = next((str(known) for known in (32, 16, 8, 4, 2, 1) if known <= depth < 64), ">=64")
    share = result.at_depth.get(name)
    if share is None or share >= _FILLED:
        return ()
    return (f"the queue was not kept full: {share:.0f} % of the operations ran at the depth of {depth}",)


def done_check(done: Completed) -> None:
    """Raises TrialFailed when fio did not end well, whatever it printed."""
    if done.status == 127:
        raise TrialFailed("fio was not found", hint="install fio, or use the image that has it")
    if done.status != 0:
        raise TrialFailed(f"fio ended with status {done.status}: {_said(done)}", hint=_hint(done))


def decode(done: Completed) -> dict[str, Any]:
    """fio's JSON, which begins after whatever it had to say first."""
    text = done.stdout.decode(errors="replace")
    start = 0 if text.startswith("{") else text.find("\n{") + 1
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError:
        done_check(done)
        raise TrialFailed(f"fio printed no JSON: {_said(done)}") from None
    if not isinstance(document, dict):
        raise TrialFailed(f"fio printed JSON that is no object: {text[:100]!r}")
    return document


def redacted(done: Completed) -> bytes:
    """fio's JSON for the run folder, without the path of its file."""
    document = decode(done)
    for options in (document.get("global options", {}), *(j.get("job options", {}) for j in document.get("jobs", []))):
        options.pop("filename", None)
    return json.dumps(document).encode()


def _result(side: Mapping[str, Any], job: Mapping[str, Any]) -> Result:
    try:
        counts = _counts(side)
        operations, iops = side["total_ios"], side["iops"]
        bandwidth = side["bw_bytes"] if "bw_bytes" in side else side["bw"] * 1024
    except KeyError as error:
        raise TrialFailed(f"fio's JSON lacks {error}") from None
    if not operations or not counts or not bandwidth > 0 or not iops > 0:
        raise TrialFailed("fio completed no operation within the trial", hint="take a longer `trial`")
    # `total_ios` of the flushes is 0 in every version seen; their latencies are counted all the same.
    sync_counts = _counts(job["sync"], "lat") if "lat_ns" in job.get("sync", {}) else {}
    runtime_ms = side.get("runtime")
    return Result(
        iops=float(iops),
        bandwidth=float(bandwidth),
        operations=int(operations),
        latency_counts=counts,
        sync_counts=sync_counts,
        lasted_s=runtime_ms / 1000 if isinstance(runtime_ms, int | float) else None,
        at_depth=job.get("iodepth_level", {}),
    )


def _counts(side: Mapping[str, Any], of: str = "clat") -> dict[int, int]:
    """A latency's bins, ns to number; none where nothing ran. Raises KeyError, and TrialFailed for torn bins."""
    latency, scale = (side[f"{of}_ns"], 1) if f"{of}_ns" in side else (side[of], 1000)  # before fio 3: µs
    counts = {int(bound) * scale: int(number) for bound, number in latency.get("bins", {}).items()}
    if sum(counts.values()) != latency["N"]:
        raise TrialFailed(f"fio's latency bins hold {sum(counts.values())} operations, it counted {latency['N']}")
    return counts


def _failed(code: int, done: Completed) -> TrialFailed:
    return TrialFailed(f"fio's job failed with error {code}: {_said(done)}", hint=_hint(done))


def _hint(done: Completed) -> str:
    said = (done.stdout[:2000] + done.stderr).decode(errors="replace")
    if _DIRECT_REFUSED in said:
        return "the scratch file system refuses O_DIRECT: put the scratch space on a disk's file system"
    if "No space left" in said:
        return "the scratch file system is full: take a smaller `size`"
    if "io_queue_init" in said or "io_uring" in said:
        return "asynchronous I/O is refused here, as containers' system call filters do: take another `engine`"
    return ""


def _said(done: Completed) -> str:
    """What fio said in words: stderr, or what stands before the JSON."""
    before = done.stdout.decode(errors="replace").partition("\n{")[0]
    lines: Sequence[str] = [line for line in (done.stderr.decode(errors="replace") + before).splitlines() if line]
    return "; ".join(line.removeprefix("fio: ") for line in lines if not line.startswith("{"))[-400:]
