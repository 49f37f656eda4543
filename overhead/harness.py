"""What the harness itself uses of a processor while a trial runs: it shares the machine with what it measures."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import places

from vbench.benchmarks.cpu import Hash
from vbench.benchmarks.disk import RandRead
from vbench.benchmarks.network import RoundTrip, Stream
from vbench.benchmarks.syscall import Getpid
from vbench.contracts import Benchmark, Start
from vbench.environments.bare import Bare
from vbench.environments.channel import AgentSession
from vbench.units import Bytes

TRIALS = 5
TARGET = 0.01
BENCHMARKS: tuple[Benchmark, ...] = (Hash(), Getpid(), RandRead(size=Bytes(64 * 2**20)), Stream(), RoundTrip())


def lines() -> list[str]:
    """Share of one processor over whole trials, with the reading of their results."""
    with places.testbed() as (host, testbed), places.start(Bare(), host, testbed) as start:
        return ["what                harness  agent    target  result", *(line(b, start) for b in BENCHMARKS)]


def line(benchmark: Benchmark, start: Start) -> str:
    benchmark.prepare(start)
    benchmark.measure(start)  # starts the driver, which is not part of a trial
    assert isinstance(start.session, AgentSession)
    pid = start.session.channel.carrier.pid
    harness, agent = zip(*(shares(benchmark, start, pid) for _ in range(TRIALS)), strict=True)
    result = "within" if max(harness) <= TARGET else "outside" if min(harness) > TARGET else "undecided"
    return f"{benchmark.kind:19} {median(harness):7.2%}  {median(agent):7.2%}  ≤ {TARGET:.0%}   {result}"


def shares(benchmark: Benchmark, start: Start, agent: int) -> tuple[float, float]:
    clocks: tuple[Callable[[], float], ...] = (time.monotonic, own_s, lambda: used_s(agent))
    before = [clock() for clock in clocks]
    benchmark.measure(start)
    wall_s, harness_s, agent_s = (clock() - start for clock, start in zip(clocks, before, strict=True))
    return harness_s / wall_s, agent_s / wall_s


def own_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def used_s(pid: int) -> float:
    """Processor time of all threads, in ns precision (schedstat, first field), where times(2) has ticks."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) * 1e-9
