"""The data that flows from a suite to a report: frozen structs, no behaviour that touches the world."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vbench.reasons import Reason

SCHEMA = 4
"""Number of the run folder's schema; its history is in docs/reference/schema.md."""

MOST_CELLS = 20_000
"""Comparisons of a run, environments times metrics: 40 environments and 40 benchmarks of five metrics are 8,000."""

FAMILIES = ("cpu", "memory", "syscall", "scheduler", "python", "disk", "network", "http", "command", "start")

Better = Literal["lower", "higher"]
Scale = Literal["ratio", "difference"]
FactValue = str | int | float | bool | tuple[str, ...] | None


class Metric(Struct, frozen=True):
    """The meaning of a series of samples. `unit` is a base unit: s, B, B/s, 1/s or 1."""

    name: str
    unit: str
    better: Better
    about: str = ""
    scale: Scale = "ratio"  # "difference": it can be zero or negative, so that environments differ in its own unit
    margin: float | None = None  # of a difference: the smallest of interest, in `unit`; ratios use the suite's δ


class Layer(Struct, frozen=True):
    """One element of a stack, with the evidence for it."""

    name: str  # metal, firecracker, kvm, tcg, guest, runc, chroot ...
    evidence: str = ""


class Status(StrEnum):
    OK = "ok"
    ABSENT = "absent"
    DENIED = "denied"
    ERROR = "error"


class Fact(Struct, frozen=True):
    """One property of a host or environment. `value` is None unless `status` is ok."""

    value: FactValue
    source: str
    status: Status = Status.OK


Facts = dict[str, Fact]
"""Maps a dotted key such as `cpu.model` to its fact. vbench/facts/registry.py lists all keys."""


# --- trials -----------------------------------------------------------------------------------------------------


class Measured(Struct, frozen=True, tag="measured"):
    """A trial that gave numbers: metric name to its samples in base units, in the order they were taken."""

    samples: dict[str, tuple[float, ...]]
    loops: int | None = None  # operations inside one sample of a compiled kernel, fixed in block 0
    clock: str = ""  # the clock that the workload read
    padding_seen_b: int | None = None  # bytes of random environment padding that the workload itself saw
    notes: tuple[str, ...] = ()  # what a reader must know: "no steady state", "peer-limited"
    counts: dict[str, dict[int, int]] = {}  # metric to its histogram: bin in ns to number of operations
    operations: float | None = None  # all those whose processor time is in `operations_cpu_s` of the trial


class Failed(Struct, frozen=True, tag="failed"):
    """A trial that ran and gave no valid number."""

    reason: Reason
    hint: str = ""


class Skipped(Struct, frozen=True, tag="skipped"):
    """A trial that did not run: the environment lacks something, or its start failed."""

    reason: Reason
    hint: str = ""


Outcome = Measured | Failed | Skipped


class Trial(Struct, frozen=True):
    """One benchmark executed once within a start; always stored."""

    block: int  # 0 is calibration: journaled, never analysed
    position: int  # of the environment within the block, from 0
    environment: str
    benchmark: str  # family.name
    order: int  # of the benchmark within the start, from 0
    outcome: Outcome
    started_s: float  # Unix time
    wall_s: float  # host's wall time of the whole trial, transport included; never a sample
    padding_b: int = 0  # bytes of random environment padding that were requested
    raw: str | None = None  # the tool's own output, path inside the run folder
    attempt: int = 0  # of the block: above 0 when a gate voided the one before
    host_cpu_s: float | None = None  # host's processor time of all that served the environment during `wall_s`
    operations_cpu_s: float | None = None  # of it, from the first operation to the last: without set-up
    clock_error_s: float | None = None  # guest's elapsed time minus the host's around this trial alone
    clock_bound_s: float | None = None  # error bound of it
    clock_limit_ppm: float | None = None
    turn: int | None = None  # of the arm in the first round, from 0; None: no arm was measured beside this one
    rounds: int = 1  # slices that it was measured in, each between those of the other arms
    own_s: float | None = None  # of `wall_s`, the time in which this arm worked; None: all of it
    idle_cpu_s: float | None = None  # processor time of the other arms while this one was measured
    group: int = 0  # position in the plan's groups of the arms that were alive with this one


class Reading(Struct, frozen=True):
    """Counters of the host over one start, from its first trial to its last; None is unknown.

    Arms that are alive together share their processors, so that `ours_s` is the time of all of them. Such a block has
    a reading of each benchmark as well, without an arm.
    """

    block: int
    attempt: int
    environment: str
    wall_s: float
    busy_s: float | None = None  # processor time spent on the environment's processors, by anything
    ours_s: float | None = None  # of this, by what served the environment: guest, VMM, engine, kernel threads
    steal_s: float | None = None  # taken by the host's own hypervisor; reported, never subtracted, never a gate
    run_delay_s: float | None = None  # ours waited for a processor at least this long: tasks alive at the end
    queued_s: float | None = None  # at most this long: all tasks on these processors, ended and foreign ones too
    throttled: int | None = None  # thermal throttle events
    clock_error_s: float | None = None  # guest's elapsed time minus the host's, both CLOCK_MONOTONIC_RAW
    clock_bound_s: float | None = None  # error bound of it, by both round trips
    clock_limit_ppm: float | None = None
    benchmark: str = ""  # over its rounds alone, in all arms; empty: over the whole start
    idle_s: float | None = None  # time in which other arms were measured; None: none was alive beside it
    idle_cpu_s: float | None = None  # own processor time in `idle_s`
    own_cpu_s: float | None = None  # of `ours_s`, this arm's where others were alive beside it
    group: int = 0  # as that of a trial


class Look(Struct, frozen=True):
    """Decision of an adaptive run after a block, by widths. What is settled, "ENVIRONMENT BENCHMARK", ends with it."""

    blocks: int
    stop: bool = False
    words: Annotated[str, Meta(max_length=10_000)] = ""  # for the reader, often empty
    narrow: tuple[str, ...] = ()  # all its intervals are narrow enough
    undecidable: tuple[str, ...] = ()  # all blocks to come cannot decide what is still open

    @property
    def settled(self) -> tuple[str, ...]:
        return (*self.narrow, *self.undecidable)


class Void(Struct, frozen=True):
    """One attempt at a block that a gate took out of the analysis, in all arms; its trials stay stored."""

    block: int
    attempt: int
    reasons: tuple[Reason, ...]
    harness: bool = False  # the run itself paused within the block: none of the repeats is spent on it


# --- plan -------------------------------------------------------------------------------------------------------


class Step(Struct, frozen=True):
    """One fresh start of one environment in one block, and the padding of its processes."""

    environment: str
    position: int
    padding_b: int
    group: int = 0  # position in the plan's groups


class Block(Struct, frozen=True):
    """One pass over all environments; `benchmarks` is the order within every start of this block.

    The steps of a group stand together. `turns` has the order of the arms in the first round of each benchmark, group
    after group, as positions in the plan's environments. It is empty where the arms are not alive together.
    """

    index: int
    steps: tuple[Step, ...]
    benchmarks: tuple[str, ...]
    turns: tuple[tuple[int, ...], ...] = ()


class Plan(Struct, frozen=True):
    """Everything that a run will do, from suite and seed. Trials of `start.*` come from the starts themselves."""

    suite: str
    seed: int
    baseline: str
    control: str
    environments: tuple[str, ...]  # with the control
    benchmarks: tuple[str, ...]
    blocks: tuple[Block, ...]  # block 0 is the calibration
    expected_s: float  # of all blocks
    budget_s: float
    groups: tuple[tuple[str, ...], ...] = ()  # of arms that are alive together, the baseline first; empty: all are one

    @property
    def starts(self) -> tuple[tuple[str, int], ...]:
        """Arm and group of each start of a block: the baseline is started once for each group."""
        return tuple((arm, number) for number, group in enumerate(self.groups or (self.environments,)) for arm in group)

    @property
    def most_s(self) -> float:
        """Expected duration in s at most: an adaptive run with its fewest blocks ends before it exceeds its budget."""
        return min(self.expected_s, self.budget_s)


# --- run and cost -----------------------------------------------------------------------------------------------


class State(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"


class StackLayer(Struct, frozen=True):
    """Record of one session of an arm's stack, from the arm's first start."""

    environment: str  # its name in the suite
    kind: str
    argv: tuple[tuple[str, ...], ...] = ()  # exact commands that started it
    mechanisms: tuple[str, ...] = ()
    memory_limit_b: int | None = None  # as configured; None: it was given no limit, or the folder is older
    evidence: tuple[str, ...] = ()  # paths inside the run folder: a guest's console


class EnvironmentRecord(Struct, frozen=True):
    """Record of one arm. `argv` and `mechanisms` are those of the uppermost session of its stack.

    Folders of older versions have no `network`, `storage` and `stack`.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    layers: tuple[Layer, ...] = ()
    argv: tuple[tuple[str, ...], ...] = ()  # exact commands that started it, of the first start
    image: str = ""  # digest, or "host"
    mechanisms: tuple[str, ...] = ()  # in force in this arm: "chroot", "affinity 1", "cgroup memory.max 1 GiB"
    on: str | None = None  # the environment that it stands on; None: the host
    network: str | None = None  # path to the peer: "bridge", "none"
    storage: str | None = None  # what its scratch space is: "folder", "disk"
    stack: tuple[StackLayer, ...] = ()  # every session, the lowest first


class BenchmarkRecord(Struct, frozen=True):
    """Record of one benchmark."""

    name: str
    kind: str
    settings: dict[str, Any]
    metrics: tuple[Metric, ...]
    about: str = ""
    of: str = ""  # the suite's entry with `vary` from which this one comes
    varied: dict[str, str | int | float | bool] = {}  # its values of the varied settings


class Ladder(Struct, frozen=True):
    """Arms in order, each with one layer more than the one before: what each layer costs in one metric."""

    name: str
    benchmark: str
    metric: str
    arms: tuple[str, ...]


class Resumption(Struct, frozen=True):
    """When and at which block a run that had ended early was resumed."""

    at: str  # ISO 8601, UTC
    block: int | None  # the first that was not whole; None where nothing was left to measure
    changes: tuple[str, ...] = ()  # of the host since the run began, in words
    boot: str = ""  # hash of the boot in which it was resumed; other runs have another hash of it


class Manifest(Struct, frozen=True):
    """`manifest.json` of a run folder."""

    schema: int
    run_id: str
    state: State
    tool: str  # version of vbench
    suite: str
    suite_text: str  # the suite file as it was read
    seed: int
    baseline: str
    control: str
    blocks: int
    started: str  # ISO 8601, UTC
    image: str
    environments: tuple[EnvironmentRecord, ...]
    benchmarks: tuple[BenchmarkRecord, ...]
    plan: Plan
    command: tuple[str, ...] = ()
    finished: str | None = None
    tags: dict[str, str] = {}
    checksums: dict[str, str] = {}  # path inside the folder to sha256, on completion
    delta: Annotated[float, Meta(gt=0)] = 0.02  # smallest cost of interest, as a ratio minus 1
    confirmatory: Annotated[tuple[str, ...], Meta(max_length=5)] = ()  # each "ENVIRONMENT BENCHMARK METRIC"
    machine: str = ""  # hash of the host's identity; other runs have another hash of it
    boot: str = ""  # the same of the boot in which the run began
    suite_redacted: bool = False  # `suite_text` lacks host names or home paths that the file had
    resumed: tuple[Resumption, ...] = ()
    ladders: tuple[Ladder, ...] = ()  # of arms and benchmarks that this run has
    sources: str | None = None  # sha256 of vbench's own files; None where the run was begun by one that kept none


class Run(Struct, frozen=True):
    """A run folder as read: `host` are the facts of the host session, `facts` those of each environment."""

    path: Path
    manifest: Manifest
    trials: tuple[Trial, ...]
    host: Facts
    facts: dict[str, Facts]
    readings: tuple[Reading, ...] = ()
    voids: tuple[Void, ...] = ()
    warnings: tuple[str, ...] = ()  # "a torn last journal line was dropped"
    looks: tuple[Look, ...] = ()  # of an adaptive run: those that decided or said something


class Verdict(StrEnum):
    """Verdict on one cost. The rules are applied in this order."""

    WITHHELD = "withheld"  # the control differs from the baseline
    EQUIVALENT = "equivalent"  # shown to be smaller than the smallest cost of interest
    SLOWER = "slower"  # worse, in the metric's own direction
    FASTER = "faster"
    INCONCLUSIVE = "inconclusive"


class Difference(Struct, frozen=True):
    """Difference to the baseline in the metric's unit, for metrics without a ratio. Above 0 is worse."""

    mean: float
    low: float | None = None  # ends of the 95 % interval
    high: float | None = None
    per_block: dict[int, float] = {}


class Cost(Struct, frozen=True):
    """Ratio to the baseline, above 1 is worse; None is unknown, never a zero.

    `floor`, `half_width` and `detectable` are ratios minus 1, as δ is; where `difference` stands, in `unit`.
    """

    benchmark: str
    metric: str
    unit: str
    better: Better
    environment: str
    cost: float | None
    low: float | None  # ends of the 95 % interval; None below 5 blocks
    high: float | None
    blocks: int  # pairs used
    baseline_median: float | None
    median: float | None
    per_block: dict[int, float] = {}  # block index to that block's own ratio
    label: str = ""  # "rough", "dots only", or why there is no number
    verdict: Verdict | None = None  # None below 10 blocks
    rule: str = ""  # which gave the verdict
    reason: str = ""
    role: str = ""  # confirmatory, exploratory, control
    floor: float | None = None  # what the control may differ by: the noise floor of host and benchmark
    half_width: float | None = None  # of the interval, upwards
    detectable: float | None = None  # smallest cost that this spread and n show with a probability of 80 %
    blocks_to_decide: int | None = None  # at this mean and spread; only of an inconclusive cell
    unresolved: bool = False  # the floor exceeds δ
    p: float | None = None
    p_adjusted: float | None = None  # by Holm or, where exploratory, by Benjamini and Hochberg
    hodges_lehmann: float | None = None  # a ratio like `cost`, that no single block can move
    suspects: tuple[str, ...] = ()  # shapes for which the interval is known to be wrong, in words
    difference: Difference | None = None  # instead of `cost` and its ends
    baseline_processors: float | None = None  # of the host, busy for the environment during the trial, set-up included
    processors: float | None = None
    baseline_cpu_s_per_operation: float | None = None  # of the host, by all that served it; set-up is not in it
    cpu_s_per_operation: float | None = None
    group: int = 0  # of the arm, in the plan's groups: its baseline is the one of this group


class Confound(Struct, frozen=True):
    """A fact that differs from the baseline's and is not the layer under study."""

    environment: str
    key: str
    baseline: str
    value: str
    why: str = ""  # which numbers it can explain
