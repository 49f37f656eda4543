"""Wraps the wrk command: the script that makes it print its counts, and the parser of these counts."""

import json
from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from vbench.benchmarks.tools import REBUILD
from vbench.contracts import NOT_FOUND, Completed
from vbench.errors import TrialFailed
from vbench.host import foreign
from vbench.host.foreign import LONGEST, Count

CLOCK = "CLOCK_REALTIME"  # gettimeofday, in µs
SATURATED = 0.9  # share of one processor above which the load generator limits the rate
MARK = "vbench-wrk "
# wrk checks every 0.1 s whether to end, an emulated machine answers its first request late, and wrk's clock runs while
# it opens its connections.
SHORTEST_S = 0.5
MOST_MADE_UP = 10**7  # limit on the values that wrk added: a minute at 100,000 requests a second has 6 × 10^6

# os.clock is the processor time of wrk's process without children. The script reads it first: the summary is no load.
SCRIPT = """\
done = function(summary, latency, requests)
  local cpu_s = os.clock()
  local bins = {}
  for i = 1, #latency do
    local value, count = latency(i)
    bins[i] = string.format('"%d":%d', value, count)
  end
  local e = summary.errors
  io.write(string.format(
    'vbench-wrk {"duration":%d,"requests":%d,"bytes":%d,"cpu_s":%.6f,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"latency":{%s}}\\n',
    summary.duration, summary.requests, summary.bytes, cpu_s,
    e.connect, e.read, e.write, e.status, e.timeout, table.concat(bins, ",")))
end
"""


Microseconds = Annotated[int, Meta(ge=0, le=LONGEST // 1000)]


class Summary(Struct, frozen=True):
    """The script's line: `duration` in µs, errors by their kind, `latency` in µs to number as wrk corrected it."""

    duration: Count
    requests: Count
    bytes: Count
    cpu_s: Annotated[float, Meta(ge=0)]
    connect: Count
    read: Count
    write: Count
    status: Count
    timeout: Count
    latency: dict[Microseconds, Count]


class Result(Struct, frozen=True):
    """`latency_counts` of every request as it was, ns to number; `cpu` is the load generator's share of a processor."""

    rate: float  # 1/s
    requests: int
    latency_counts: dict[int, int]
    cpu: float


def load(url: str, script: str, *, connections: int, lasting_s: float) -> list[str]:
    """Command of a test. wrk takes whole seconds only, but SIGINT, which `timeout` sends, ends a test regularly.

    `--foreground` keeps timeout in the process group that vbench kills at the end.
    """
    lasting_s = max(SHORTEST_S, lasting_s)
    early = ["timeout", "--foreground", "--preserve-status", "--signal=INT", f"{lasting_s:.3f}"]
    return [
        *early,
        *["wrk", "--threads", "1"],
        *["--connections", str(connections)],
        *["--duration", f"{ceil(lasting_s) + 1}s"],
        *["--timeout", "10s"],
        *["--script", script],
        url,
    ]


def parse(done: Completed, connections: int) -> Result:
    """The test's result. Raises TrialFailed where a request failed, or where the counts do not add up."""
    if done.status == NOT_FOUND:
        raise TrialFailed("wrk was not found on the peer", hint=REBUILD)
    counted = summary(done)
    if done.status != 0:
        raise TrialFailed(f"wrk ended with status {done.status}: {_complaint(done)}")
    if failed := {name: count for name in _ERRORS if (count := getattr(counted, name))}:
        listed = ", ".join(f"{count} × {_ERRORS[name]}" for name, count in failed.items())
        raise TrialFailed(f"of {counted.requests} requests some failed: {listed}")
    if not counted.requests or counted.duration <= 0:
        raise TrialFailed("no request was answered within the trial", hint="take a longer `trial`")
    counts = uncorrected(counted.latency, counted.duration, counted.requests, connections)
    duration_s = counted.duration * 1e-6
    in_ns = {value * 1000: number for value, number in counts.items()}
    return Result(counted.requests / duration_s, counted.requests, in_ns, counted.cpu_s / duration_s)


_ERRORS = {
    "connect": "no connection",
    "read": "broken reading",
    "write": "broken writing",
    "status": "a status of 400 or more",
    "timeout": "slower than the limit of 10 s",
}


def summary(done: Completed) -> Summary:
    """The line that the script prints after wrk's own output. Raises TrialFailed."""
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK.encode())), None)
    if line is None:
        raise TrialFailed(f"wrk ended with status {done.status} and without a summary: {_complaint(done)}")
    try:
        return foreign.decode(line.removeprefix(MARK.encode()), Summary)
    except ValueError as error:
        raise TrialFailed(f"wrk's summary cannot be read: {error}: {line[:100]!r}") from None


def uncorrected(latency: Mapping[int, int], duration_us: int, requests: int, connections: int) -> dict[int, int]:
    """The measured latencies, without those that wrk adds. Raises TrialFailed where they do not add up.

    wrk 4 adds for each value above twice the mean interval of a connection the values that an open loop might have
    seen: value - interval, value - 2 × interval and so on, as long as they exceed the interval (stats_correct in its
    stats.c). It handles the values in ascending order and adds only smaller ones, so removing them in descending order
    undoes it exactly.
    """
    if sum(latency.values()) == requests:
        return dict(latency)
    interval = max(1, duration_us // max(1, requests // connections))
    counts, left = Counter(latency), MOST_MADE_UP
    for value in sorted(latency, reverse=True):
        if value < 2 * interval:
            break
        left -= value // interval
        if left < 0:
            raise TrialFailed(f"wrk's latencies cannot be: one of {value} µs in a test of {duration_us} µs")
        for made_up in range(value - interval, interval, -interval):
            counts[made_up] -= counts[value]
    kept = {value: number for value, number in counts.items() if number}
    if sum(kept.values()) != requests or any(number < 0 for number in kept.values()):
        raise TrialFailed(f"wrk counted {requests} requests, its latencies are of {sum(kept.values())}")
    return dict(sorted(kept.items()))


def limits(result: Result) -> tuple[str, ...]:
    """A note where the load generator used nearly all of its processor."""
    if result.cpu > SATURATED:
        return (f"peer-limited: the load generator used {result.cpu:.0%} of its processor",)
    return ()


def kept(done: Completed) -> bytes:
    """The script's line for the run folder, without the address that wrk prints."""
    fields: dict[str, Any] = msgspec.to_builtins(summary(done))
    return json.dumps(fields).encode()


def _complaint(done: Completed) -> str:
    return (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
