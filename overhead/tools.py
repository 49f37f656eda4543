"""What measuring through vbench changes of a number: fio and getpid, against the same tools called by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from statistics import median

import places
from pairs import Row, Target, interleaved

from vbench.benchmarks import fio
from vbench.benchmarks.disk import RandRead
from vbench.benchmarks.syscall import Getpid
from vbench.contracts import Session, Start
from vbench.environments.bare import Bare
from vbench.environments.starting import pinned
from vbench.testbed.host import HostTestbed
from vbench.units import Bytes

PAIRS = 20
SIZE_B = 64 * 2**20
PERF_LOOPS = 5_000_000
SAME = Target(0.95, 1.05)


def rows() -> list[Row]:
    with places.testbed() as (host, testbed), places.start(Bare(), host, testbed) as start:
        return [*disk(host, testbed, start), getpid(host, testbed, start)]


def disk(host: Session, testbed: HostTestbed, start: Start) -> Iterator[Row]:
    """All sides read the same file by our words for fio, which is called by hand on the host and in the image's root.

    The second row tells what vbench adds from what the root changes, which the arms of a run all have.
    """
    benchmark = RandRead(size=Bytes(SIZE_B))
    benchmark.prepare(start)
    (file,) = Path(testbed.base).glob("scratch-*/disk-*.dat")

    def plain(prefix: tuple[str, ...], path: str) -> float:
        words = fio.job(path, SIZE_B, rw="randread", block_b=4096, trial_s=start.trial_s, warmup_s=start.warmup_s)
        return 1 / fio.parse(host.run([*pinned(testbed.cpus), *prefix, *words], timeout_s=60), "read").iops

    def ours() -> float:
        return 1 / benchmark.measure(start).samples["iops"][0]

    note = "seconds a read; the same job, file and processor, fio called by hand"
    pairs = interleaved(ours, lambda: plain((), str(file)), PAIRS)
    yield Row("fio 4 KiB random read", "s", pairs, SAME, f"{note} on the host")
    with testbed.chroot(PurePosixPath(file.parent)) as prefix:
        pairs = interleaved(ours, lambda: plain(prefix, f"/scratch/{file.name}"), PAIRS)
    yield Row("fio, same root", "s", pairs, SAME, f"{note} in the image's root")


def getpid(host: Session, testbed: HostTestbed, start: Start) -> Row:
    loops = Getpid().measure(start).loops
    fixed = replace(start, loops=loops)

    def plain() -> float:
        words = ["perf", "bench", "-f", "simple", "syscall", "basic", "--loop", str(PERF_LOOPS)]
        done = host.run([*pinned(testbed.cpus), *words], timeout_s=60).check()
        return float(done.text) / PERF_LOOPS

    def ours() -> float:
        return median(Getpid().measure(fixed).samples["latency"])

    note = "against `perf bench syscall basic`, which calls getppid, on the same processor"
    return Row("getpid", "s", interleaved(ours, plain, PAIRS), SAME, note)
