"""Memory benchmarks: what a second level of page tables, or an emulated one, costs loads and stores."""

from typing import Any, ClassVar, Literal

from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply
from vbench.contracts import Place
from vbench.model import Metric
from vbench.units import Bytes, show_bytes

MIB = 2**20
STREAM_BYTES_PER_ELEMENT = 3  # two loads and a store, each of the element's own size
TRIAD_OVER_CACHE = 4  # STREAM's own rule for the size of each array


def _sized(size: Bytes, least: int) -> None:
    if size < least or size % 4096:
        raise ValueError(f"size: expected whole pages of 4 KiB and at least {show_bytes(least)}, got {int(size)} B")


def _cache_note(what: str, size: int, needed: int, reply: Reply) -> tuple[str, ...]:
    cache = reply.extra.get("last_level_cache_b")
    if not isinstance(cache, int) or size >= needed * cache:
        return ()
    return (f"{what} of {show_bytes(size)} is small for the last-level cache of {show_bytes(cache)} claimed here",)


class Triad(KernelBenchmark, frozen=True, kw_only=True):
    """STREAM's fourth kernel. `size` is that of each of the three arrays."""

    kind: ClassVar[str] = "memory.triad"
    about: ClassVar[str] = "STREAM triad: a = b + s × c over three arrays of doubles"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "24 B counted an element"),)
    set_up_s: ClassVar[float] = 0.2
    size: Bytes = Bytes(64 * MIB)
    huge_pages: Literal["never", "always"] = "never"

    def __post_init__(self) -> None:
        _sized(self.size, MIB)

    def params(self, place: Place) -> dict[str, Any]:
        del place
        return {"size_b": int(self.size), "huge_pages": self.huge_pages}

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        moved = STREAM_BYTES_PER_ELEMENT * int(self.size)
        return {"bandwidth": tuple(moved / value for value in reply.values)}

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return _cache_note("an array", self.size, TRIAD_OVER_CACHE, reply)


class Chase(KernelBenchmark, frozen=True, kw_only=True):
    """Each load waits for the one before it. `size` should exceed the last-level cache."""

    kind: ClassVar[str] = "memory.chase"
    about: ClassVar[str] = "one random cycle of pointers through all 64 B lines of a set"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("latency", "s", "lower", "of one dependent load"),)
    set_up_s: ClassVar[float] = 0.4
    size: Bytes = Bytes(512 * MIB)
    huge_pages: Literal["never", "always"] = "never"

    def __post_init__(self) -> None:
        _sized(self.size, MIB)

    def params(self, place: Place) -> dict[str, Any]:
        del place
        return {"size_b": int(self.size), "huge_pages": self.huge_pages}

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return _cache_note("a set", self.size, 1, reply)
