"""Our own wrapper around the fio command: builds a job's command line and reads its JSON, nothing more."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from vbench.contracts import Completed
from vbench.errors import TrialFailed

CLOCK = "CLOCK_MONOTONIC"  # what fio 3 reads with clocksource=clock_gettime
Direction = Literal["read", "write"]
_DIRECT_REFUSED = "does not support O_DIRECT"


class Result(Struct, frozen=True):
    """One job's direction. `latency_counts` is completion latency: bin in ns to number of operations."""

    iops: float
    bandwidth: float  # B/s
    operations: int
    latency_counts: dict[int, int]


def layout(file: str, size_b: int) -> list[str]:
    """Writes the whole file once, so that no trial meets a hole in it."""
    job = ["fio", "--name=layout", f"--filename={file}", f"--size={size_b}", "--rw=write", "--bs=1M"]
    return [*job, "--direct=1", "--ioengine=psync", "--end_fsync=1", "--output-format=json+"]


def job(file: str, size_b: int, *, rw: str, block_b: int, trial_s: float, warmup_s: float) -> list[str]:
    """One operation at a time past the page cache, for `trial_s` after `warmup_s` that are not counted."""
    return [
        "fio",
        "--name=trial",
        f"--filename={file}",
        f"--size={size_b}",
        f"--rw={rw}",
        f"--bs={block_b}",
        "--direct=1",
        "--ioengine=psync",
        "--iodepth=1",
        "--overwrite=1",
        "--time_based",
        f"--runtime={_milliseconds(trial_s)}",
        f"--ramp_time={_milliseconds(warmup_s)}",
        # Else fio reads the processor's counter where it trusts it and something else where not.
        "--clocksource=clock_gettime",
        "--output-format=json+",
    ]


def _milliseconds(seconds: float) -> str:
    return f"{max(0, round(seconds * 1000))}ms"


def parse(done: Completed, direction: Direction) -> Result:
    """The only job's numbers. Raises TrialFailed for fio's own errors and for what cannot be believed."""
    document = decode(done)
    jobs = document.get("jobs")
    if not isinstance(jobs, list) or len(jobs) != 1:
        raise TrialFailed(f"fio reported {len(jobs) if isinstance(jobs, list) else 'no'} jobs instead of one")
    if jobs[0].get("error"):
        raise _failed(jobs[0]["error"], done)
    done_check(done)
    return _result(jobs[0].get(direction, {}))


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


def _result(side: Mapping[str, Any]) -> Result:
    try:
        latency, scale = (side["clat_ns"], 1) if "clat_ns" in side else (side["clat"], 1000)  # before fio 3: µs
        operations, counted = side["total_ios"], latency["N"]
        bandwidth = side["bw_bytes"] if "bw_bytes" in side else side["bw"] * 1024
        iops = side["iops"]
    except KeyError as error:
        raise TrialFailed(f"fio's JSON lacks {error}") from None
    if not operations or not counted or not bandwidth > 0 or not iops > 0:
        raise TrialFailed("fio completed no operation within the trial", hint="take a longer `trial`")
    counts = {int(ns) * scale: int(number) for ns, number in latency.get("bins", {}).items()}
    if sum(counts.values()) != counted:
        raise TrialFailed(f"fio's latency bins hold {sum(counts.values())} operations, it counted {counted}")
    return Result(float(iops), float(bandwidth), int(operations), counts)


def _failed(code: int, done: Completed) -> TrialFailed:
    return TrialFailed(f"fio's job failed with error {code}: {_said(done)}", hint=_hint(done))


def _hint(done: Completed) -> str:
    said = (done.stdout[:2000] + done.stderr).decode(errors="replace")
    if _DIRECT_REFUSED in said:
        return "the scratch file system refuses O_DIRECT: put the scratch space on a disk's file system"
    if "No space left" in said:
        return "the scratch file system is full: take a smaller `size`"
    return ""


def _said(done: Completed) -> str:
    """What fio said in words: stderr, or what stands before the JSON."""
    before = done.stdout.decode(errors="replace").partition("\n{")[0]
    lines: Sequence[str] = [line for line in (done.stderr.decode(errors="replace") + before).splitlines() if line]
    return "; ".join(line.removeprefix("fio: ") for line in lines if not line.startswith("{"))[-400:]
