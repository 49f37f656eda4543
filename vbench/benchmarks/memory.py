"""Memory benchmarks: what a second level of page tables, or an emulated one, costs loads, stores and page faults."""

from typing import Any, ClassVar, Literal

from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply
from vbench.contracts import Needs, Start
from vbench.model import Metric
from vbench.units import Bytes, show_bytes

PAGE = 4096
MIB = 2**20
TOUCHED = 1200 * MIB  # B/s assumed for the plan's estimate of a set-up
ARRAY_OVER_CACHE = 4  # STREAM's own rule for the size of each array
MEANT_FOR_A_CACHE = MIB  # a smaller set is meant for the caches: every last-level cache is larger


def _sized(size: Bytes, least: int) -> None:
    if size < least or size % PAGE:
        raise ValueError(f"size: expected whole pages of 4 KiB and at least {show_bytes(least)}, got {int(size)} B")


def _cache_note(what: str, size: int, needed: int, reply: Reply) -> tuple[str, ...]:
    cache = reply.extra.last_level_cache_b
    if not isinstance(cache, int) or size >= needed * cache or size < MEANT_FOR_A_CACHE:
        return ()
    return (f"{what} of {show_bytes(size)} is small for the last-level cache of {show_bytes(cache)} claimed here",)


class SetBenchmark(KernelBenchmark, frozen=True, kw_only=True):
    """Works on memory of its own whose every page was touched before the clock, and whose huge pages are settled."""

    arrays: ClassVar[int] = 1
    size: Bytes = Bytes(64 * MIB)
    huge_pages: Literal["never", "always"] = "never"

    def needs(self) -> Needs:
        return Needs(memory_b=self.arrays * int(self.size))

    def params(self, start: Start) -> dict[str, Any]:
        del start
        return {"size_b": int(self.size), "huge_pages": self.huge_pages}

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return super().expected_s(trial_s, warmup_s) + self.arrays * self.size / TOUCHED


class StreamBenchmark(SetBenchmark, frozen=True, kw_only=True):
    """`size` is that of each of three arrays of doubles, which all four kernels share within a start."""

    arrays: ClassVar[int] = 3
    bytes_per_element: ClassVar[int] = 0  # as STREAM counts them: without what a store reads first

    def __post_init__(self) -> None:
        _sized(self.size, MIB)

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        moved = int(self.size) // 8 * self.bytes_per_element
        return {"bandwidth": tuple(moved / value for value in reply.values)}

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return _cache_note("an array", self.size, ARRAY_OVER_CACHE, reply)


class Copy(StreamBenchmark, frozen=True, kw_only=True):
    """One operation is one pass of STREAM's copy over `size`, a loop and no call of memcpy; 16 B are counted an
    element.

    Starts before the first pass, stops after the last one. It is not memcpy, which chooses its way by the caches that a
    processor claims, and a virtual one claims what it likes.
    """

    kind: ClassVar[str] = "memory.copy"
    short: ClassVar[str] = "memory copy"
    exposes: ClassVar[str] = (
        "bandwidth through the second level of page tables, and of what shares the memory controller; a load and a "
        "store through a software translation cache under emulation"
    )
    about: ClassVar[str] = "STREAM copy: a = b over arrays of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bandwidth", "B/s", "higher", "bandwidth, 16 B counted an element"),
    )
    bytes_per_element: ClassVar[int] = 16


class Scale(StreamBenchmark, frozen=True, kw_only=True):
    """One operation is one pass of STREAM's scale over `size`; 16 B are counted an element.

    Starts before the first pass, stops after the last one.
    """

    kind: ClassVar[str] = "memory.scale"
    short: ClassVar[str] = "memory scale"
    exposes: ClassVar[str] = "as memory.copy, with a multiplication an element, which a translator does in software"
    about: ClassVar[str] = "STREAM scale: a = s × b over arrays of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bandwidth", "B/s", "higher", "bandwidth, 16 B counted an element"),
    )
    bytes_per_element: ClassVar[int] = 16


class Add(StreamBenchmark, frozen=True, kw_only=True):
    """One operation is one pass of STREAM's add over `size`; 24 B are counted an element.

    Starts before the first pass, stops after the last one.
    """

    kind: ClassVar[str] = "memory.add"
    short: ClassVar[str] = "memory add"
    exposes: ClassVar[str] = "as memory.copy, with two streams of loads beside the stores"
    about: ClassVar[str] = "STREAM add: a = b + c over arrays of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bandwidth", "B/s", "higher", "bandwidth, 24 B counted an element"),
    )
    bytes_per_element: ClassVar[int] = 24


class Triad(StreamBenchmark, frozen=True, kw_only=True):
    """One operation is one pass of STREAM's triad over `size`; 24 B are counted an element.

    `size` is that of each of the three arrays; STREAM asks for four times the last-level cache. Starts before the first
    pass, stops after the last one. It is not all that is moved: what a store reads first is not counted, as in STREAM.
    """

    kind: ClassVar[str] = "memory.triad"
    short: ClassVar[str] = "memory triad"
    exposes: ClassVar[str] = (
        "bandwidth through the second level of page tables, and of what shares the memory controller"
    )
    about: ClassVar[str] = "STREAM triad: a = b + s × c over three arrays of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bandwidth", "B/s", "higher", "bandwidth, 24 B counted an element"),
    )
    bytes_per_element: ClassVar[int] = 24


class Chase(SetBenchmark, frozen=True, kw_only=True):
    """One operation is one load whose address is the result of the load before it.

    The cycle goes through all 64 B lines of `size` in random order (Sattolo's algorithm), and a value continues where
    the last one stopped. Several entries with sizes from 4 KiB on, each with a name of its own, show the caches one by
    one; main memory needs more than the last-level cache. Starts before the first load, stops after the last one. It is
    not bandwidth: no two loads overlap.
    """

    kind: ClassVar[str] = "memory.chase"
    short: ClassVar[str] = "pointer chase"
    exposes: ClassVar[str] = (
        "nested paging: where a set is larger than the translation cache almost every load misses it, and a walk "
        "through two levels of page tables is longer than through one; under emulation each load passes a software "
        "translation cache"
    )
    about: ClassVar[str] = "one random cycle of pointers through all 64 B lines of a set"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one dependent load"),)
    size: Bytes = Bytes(512 * MIB)

    def __post_init__(self) -> None:
        _sized(self.size, PAGE)

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return _cache_note("a set", self.size, 1, reply)


class Fault(KernelBenchmark, frozen=True, kw_only=True):
    """One operation is the first store into one page of a fresh anonymous map: one fault, one page of zeros.

    Maps hold 16 MiB, never in huge pages. The clock runs while their pages are touched in order; mapping and unmapping
    are outside. It is not the host's own fault: a guest's memory is backed by the host at its first use, which is over
    after warm-up, and what is left is the guest kernel's fault.
    """

    kind: ClassVar[str] = "memory.fault"
    short: ClassVar[str] = "page fault"
    exposes: ClassVar[str] = (
        "page faults: an exception each, and new entries in page tables, which shadow paging intercepts and "
        "emulation does in software; under nested paging the walk is longer and the hypervisor is not involved"
    )
    about: ClassVar[str] = "first touch of each page of fresh anonymous memory"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one page fault"),)
