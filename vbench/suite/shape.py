"""Defines a suite: frozen structs whose fields are its keys."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from vbench.contracts import Benchmark, Environment, Table
from vbench.model import Ladder
from vbench.units import Bytes, Seconds, Share

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
RESERVED = {"host": "the facts of the host itself are stored under it"}
ADAPTIVE = ("n_min", "look_every", "n_max", "width")
"""Keys of `method` that say when an adaptive run stops."""
FIXED_BLOCKS = 10
CPU_LIST = r"^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$"  # the kernel's list format, cpuset(7)
MOST_COMBINATIONS = 100  # of one entry: a curve over more points says nothing more
MOST_LADDERS = 20  # a page has a chart for each
MOST_CONFIRMATORY = 5  # method.md: few enough that Holm leaves them power
Blocks = Annotated[int, Meta(ge=1, le=1000)]


class Method(Table, frozen=True):
    """How a run measures: `[method]`. It takes `blocks` blocks; without the key, as many as narrow intervals need.

    `decoding` fills in what depends on other keys: the baseline, and the blocks of a suite that declares nothing.
    """

    baseline: str = ""  # the first environment of the file
    trial: Seconds = Seconds(1)
    warmup: Seconds = Seconds(0.5)
    budget: Seconds = Seconds(3600)
    blocks: Blocks | None = None  # 10 where no comparison is declared and no key of an adaptive run is given
    n_min: Blocks = 15
    look_every: Blocks = 5
    n_max: Blocks = 40
    delta: Share = Share(0.02)  # smallest cost of interest
    width: Share | None = None  # half-width at which a ratio's interval is narrow enough; delta / 2 when not set
    confirmatory: tuple[str, ...] = ()  # at most 5, each "ENVIRONMENT BENCHMARK" or "ENVIRONMENT BENCHMARK METRIC"
    interleave: bool = True  # arms are alive together, and take turns within each benchmark
    slice: Seconds = Seconds(0.03)  # about how long an arm's turn is, where its tool can be cut
    gates: Literal["void", "record"] = "void"  # what foreign work, throttling and wrong clocks do to a block
    control: str = "control"
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None

    @property
    def least(self) -> int:
        """The smallest number of blocks that a run takes."""
        return self.blocks or self.n_min

    @property
    def most(self) -> int:
        """The largest number of blocks that a run takes."""
        return self.blocks or self.n_max


class TestbedSettings(Table, frozen=True):
    """The resources that every environment gets alike: `[testbed]`."""

    cpus: Annotated[int, Meta(ge=1, le=4096)] = 1
    cpu_list: Annotated[str, Meta(pattern=CPU_LIST)] | None = None  # which: "4-7,12"; else the best
    memory: Bytes = Bytes(2**30)
    scratch: str = "/var/tmp"  # an absolute path, on a disk: the folder all environments get their scratch space from


NETWORKS = ("bridge", "none")
"""Paths from an arm to the peer, the usual one first."""
STORAGES = ("folder", "disk")
"""Kinds of scratch space: a folder of the host, or a disk image of the environment's own."""


class Relations(Table, frozen=True):
    """The relations of an arm to other arms and to the testbed: keys of `[environments]` that every kind has."""

    like: str | None = None  # the environment whose table it takes over, with changes
    on: str | None = None  # the environment that it is started on; the host where none is named
    network: str | None = None  # path to the peer
    storage: str | None = None  # kind of its scratch space; None: as its kind has it


class Arm(Struct, frozen=True):
    """One entry of `[environments]`: an environment and its relations to other arms and the testbed."""

    environment: Environment
    on: str | None = None
    network: str | None = None  # as the suite says it; `suites.network` gives the path that follows

    @property
    def storage(self) -> str:
        return STORAGES[0] if self.environment.scratch_b is None else STORAGES[1]


class Variation(Struct, frozen=True):
    """The entry that a benchmark comes from, and its values of the keys that the entry varies."""

    of: str
    values: dict[str, Any]


class LadderTable(Table, frozen=True):
    """Arms in order, each with one layer more than the one before: `[ladders.NAME]`."""

    benchmark: str
    arms: tuple[str, ...]
    metric: str | None = None  # the benchmark's first where none is named


class Suite(Struct, frozen=True):
    """Environments × benchmarks × method. `arms` are measured; other `environments` are only stood on."""

    name: str
    about: str
    text: str  # the file as it was read
    method: Method
    testbed: TestbedSettings
    environments: dict[str, Arm]
    benchmarks: dict[str, Benchmark]
    arms: tuple[str, ...]  # without the control
    ladders: tuple[Ladder, ...] = ()
    variations: dict[str, Variation] = {}  # of the benchmarks of entries with `vary`
    folder: Path = Path()  # of the suite's file; paths of a benchmark's own files are relative to it

    def arm(self, name: str) -> Arm:
        """An entry by its name; the control is the baseline's."""
        return self.environments[self.method.baseline if name == self.method.control else name]

    def environment(self, arm: str) -> Environment:
        """The settings of an arm; the control has the baseline's."""
        return self.arm(arm).environment


class Document(Table, frozen=True):
    """The file's first level; what stands below `environments` and `benchmarks` is decoded by its kind."""

    name: str
    benchmarks: list[Any]
    environments: dict[str, Any]
    about: str = ""
    method: dict[str, Any] = msgspec.field(default_factory=dict)
    testbed: dict[str, Any] = msgspec.field(default_factory=dict)
    ladders: dict[str, Any] = msgspec.field(default_factory=dict)
