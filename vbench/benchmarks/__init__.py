"""The workloads: one file a family, and one table from which suites, schema, doctor and docs take them."""

from vbench.benchmarks.command import Command
from vbench.benchmarks.cpu import Aes, Branchy, Hash, Matrix, Sha256
from vbench.benchmarks.disk import Fsync, RandRead, RandWrite, SeqWrite
from vbench.benchmarks.http import Requests
from vbench.benchmarks.memory import Add, Chase, Copy, Fault, Scale, Triad
from vbench.benchmarks.network import Connect, RoundTrip, Stream, Udp
from vbench.benchmarks.python import Json, Nbody, Regex
from vbench.benchmarks.scheduler import Futex, Thread
from vbench.benchmarks.start import Ready
from vbench.benchmarks.syscall import ClockCall, Fork, Getpid, Getppid, Mmap, Open, Pipe, ReadZero, Vdso, WriteNull
from vbench.contracts import Benchmark

_ALL: tuple[type[Benchmark], ...] = (
    Hash,
    Matrix,
    Sha256,
    Branchy,
    Aes,
    Copy,
    Scale,
    Add,
    Triad,
    Chase,
    Fault,
    Getpid,
    Getppid,
    ClockCall,
    Vdso,
    Mmap,
    Open,
    ReadZero,
    WriteNull,
    Pipe,
    Fork,
    Futex,
    Thread,
    Json,
    Regex,
    Nbody,
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
"""Maps a kind (family.name) to the struct whose fields are its suite keys."""
