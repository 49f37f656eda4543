"""The workloads: one file a family, and one table that suites, schema, doctor and docs are made of."""

from vbench.benchmarks.command import Command
from vbench.benchmarks.cpu import Hash, Matrix, Sha256
from vbench.benchmarks.disk import Fsync, RandRead, RandWrite, SeqWrite
from vbench.benchmarks.http import Requests
from vbench.benchmarks.memory import Chase, Triad
from vbench.benchmarks.network import Connect, RoundTrip, Stream, Udp
from vbench.benchmarks.start import Ready
from vbench.benchmarks.syscall import Fork, Getpid, Pipe
from vbench.contracts import Benchmark

_ALL: tuple[type[Benchmark], ...] = (
    Hash,
    Matrix,
    Sha256,
    Triad,
    Chase,
    Getpid,
    Pipe,
    Fork,
    RandRead,
    RandWrite,
    SeqWrite,
    Fsync,
    Stream,
    Udp,
    RoundTrip,
    Connect,
    Requests,
    Ready,
    Command,
)

KINDS: dict[str, type[Benchmark]] = {benchmark.kind: benchmark for benchmark in _ALL}
"""Kind, which is family.name, to the struct whose fields are its suite keys."""
