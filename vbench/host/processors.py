"""Chooses the processors of environment and peer: equal for all arms, aware of siblings, nodes and unlike cores."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vbench.contracts import NOT_FOUND, Session
from vbench.errors import EnvironmentUnavailable, UsageError
from vbench.units import show, show_bytes

# Boost clocks of equal cores differ by some percent (Intel's favoured cores 4 %); unlike cores by a quarter and more.
_EQUAL_SPEED = 0.9
LARGEST_CAPACITY = 1024  # SCHED_CAPACITY_SCALE; a frequency in kHz is larger
_NUMBER = re.compile(r"[0-9]{1,10}")
_MOST = 2**16  # no kernel numbers more: x86 takes 8192 at most
_CACHE = re.compile(r"([0-9]+)([KM])")
# All that tells cores apart, in one command; a file that is not there is left out.
_ASK = """cd /sys/devices/system/cpu && grep -s . cpu[0-9]*/topology/thread_siblings_list cpu[0-9]*/cpu_capacity \\
cpu[0-9]*/cpufreq/cpuinfo_max_freq cpu[0-9]*/cache/index[0-9]*/level cpu[0-9]*/cache/index[0-9]*/size"""


@dataclass(frozen=True)
class Processor:
    """One processor of the kernel's numbering. `core` and `node` are any numbers that are equal for siblings."""

    cpu: int
    core: int
    node: int
    speed: int | None = None  # capacity (Arm, 1024 is the host's fastest) or highest frequency in kHz
    cache_b: int | None = None  # its last-level cache


@dataclass(frozen=True)
class Processors:
    """Pinned sets; `shared` when harness and peer could not be kept off the environment's cores."""

    environment: tuple[int, ...]
    peer: tuple[int, ...]
    shared: bool = False
    unlike: str = ""  # the kinds of this host's cores, if there are several


def parse(text: str) -> tuple[Processor, ...]:
    """Parses `lscpu -p=CPU,CORE,NODE`: lines `0,0,0`, an empty node is node 0. Raises UsageError on anything else.

    A processor without a core number is a core of its own.
    """
    processors = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        words = ["" if word == "-" else word for word in line.strip().split(",")]
        if len(words) != 3 or not words[0] or not all(_NUMBER.fullmatch(word) for word in words if word):
            raise UsageError(f"lscpu printed an unknown line: {line[:60]!r}")
        cpu, core, node = words
        processors.append(Processor(int(cpu), int(core) if core else -1 - int(cpu), int(node or 0)))
    return tuple(processors)


def parse_list(text: str) -> frozenset[int]:
    """Parses the kernel's list format: `0-3,8` (cpuset(7)). Raises ValueError."""
    cpus: set[int] = set()
    named = 0
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if len(last or first) > 10 or int(last or first) >= _MOST:
            raise ValueError(f"no kernel has such a processor: {part[:40]!r}")
        span = range(int(first), int(last or first) + 1)
        named += len(span)
        if named > _MOST:  # a guest may name the same processors without end
            raise ValueError(f"no kernel lists a processor twice: {text[:40]!r}")
        cpus.update(span)
    return frozenset(cpus)


def with_sysfs(processors: Sequence[Processor], text: str) -> tuple[Processor, ...]:
    """Adds what sysfs tells of each core: lines `cpu0/cpu_capacity:1024` of files below /sys/devices/system/cpu.

    The kernel's own list of siblings replaces lscpu's core, whose number repeats in the clusters of some Arm machines.
    """
    files: dict[str, dict[str, str]] = defaultdict(dict)
    for line in text.splitlines():
        path, _, value = line.partition(":")
        cpu, _, name = path.partition("/")
        files[cpu][name] = value.strip()
    return tuple(_with_files(one, files.get(f"cpu{one.cpu}", {})) for one in processors)


def _with_files(processor: Processor, files: dict[str, str]) -> Processor:
    siblings = _siblings(files.get("topology/thread_siblings_list", ""))
    speeds = (files.get(name, "") for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"))
    return replace(
        processor,
        core=min(siblings) if processor.cpu in siblings else processor.core,
        speed=next((int(speed) for speed in speeds if _NUMBER.fullmatch(speed)), None),
        cache_b=_last_level_b(files),
    )


def _siblings(text: str) -> frozenset[int]:
    try:
        return parse_list(text)
    except ValueError:
        return frozenset()


def _last_level_b(files: dict[str, str]) -> int | None:
    """Size of the cache of the highest level."""
    levels = {}
    for name, level in files.items():
        size = _CACHE.fullmatch(files.get(f"{name.removesuffix('/level')}/size", ""))
        if name.endswith("/level") and _NUMBER.fullmatch(level) and size:
            levels[int(level)] = int(size[1]) * {"K": 2**10, "M": 2**20}[size[2]]
    return levels[max(levels)] if levels else None


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of equal cores. A greater kind is the better one to measure on."""

    speed: int  # of the fastest core, 0 if unknown
    threads: int  # of a core: on hybrid processors only the performance cores have two
    cache_b: int

    def __str__(self) -> str:
        """`5.00 GHz, 2 threads a core, 24 MiB of last-level cache`."""
        words = []
        if self.speed > LARGEST_CAPACITY:
            words.append(show(self.speed * 1e3, "Hz"))
        elif self.speed:
            words.append(f"capacity {self.speed}")
        words.append(f"{self.threads} threads a core" if self.threads > 1 else "1 thread a core")
        words.append(f"{show_bytes(self.cache_b)} of last-level cache" if self.cache_b else "cache unknown")
        return ", ".join(words)


def kinds(processors: Iterable[Processor]) -> dict[int, Kind]:
    """The kind of every processor. A host whose cores are all alike has one kind."""
    processors = tuple(processors)
    threads = Counter(_core(one) for one in processors)
    tops: list[int] = []
    for speed in sorted({one.speed or 0 for one in processors}, reverse=True):
        if not tops or speed < _EQUAL_SPEED * tops[-1]:
            tops.append(speed)
    return {
        one.cpu: Kind(min(top for top in tops if top >= (one.speed or 0)), threads[_core(one)], one.cache_b or 0)
        for one in processors
    }


def _core(one: Processor) -> tuple[int, int, int]:
    """Key of a processor's core. It contains the speed, since the core's number is not unique on every host."""
    return one.node, one.core, one.speed or 0


def choose(processors: tuple[Processor, ...], usable: frozenset[int], wanted: int) -> Processors:
    """Chooses `wanted` processors of one kind and one node, whole cores first. The peer gets all other cores.

    The best kind comes first: performance cores before efficiency cores. Within a kind the highest numbers come first:
    interrupts and the rest of the system favour the lowest. Raises UsageError when the host has too few.
    """
    mine = [p for p in processors if p.cpu in usable]
    if wanted < 1 or wanted > len(mine):
        raise UsageError(
            f"the suite asks for {wanted} processors and this process may use {len(mine)}",
            hint="lower `cpus` in [testbed]",
        )
    kind_of = kinds(processors)
    best = _best(mine, kind_of, wanted)
    cores: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for p in best:
        cores[_core(p)].append(p.cpu)
    nodes = sorted({node for node, *_ in cores}, reverse=True)
    by_room = sorted(nodes, key=lambda node: sum(n == node for n, *_ in cores) < wanted)
    ranks = sorted(set(kind_of.values()), reverse=True)
    order = sorted(
        cores, key=lambda key: (by_room.index(key[0]), ranks.index(kind_of[cores[key][0]]), -max(cores[key]))
    )
    threads = [cpu for nth in range(len(best)) for core in order for cpu in sorted(cores[core])[nth : nth + 1]]
    return _with_peer(processors, usable, threads[:wanted])


def _best(mine: Sequence[Processor], kind_of: dict[int, Kind], wanted: int) -> list[Processor]:
    """Processors of the best kind, and of the next kinds if that has too few."""
    taken: list[Processor] = []
    for kind in sorted({kind_of[p.cpu] for p in mine}, reverse=True):
        taken += [p for p in mine if kind_of[p.cpu] == kind]
        if len(taken) >= wanted:
            break
    return taken


def chosen(processors: tuple[Processor, ...], usable: frozenset[int], listed: frozenset[int]) -> Processors:
    """The processors that the suite lists for the environments. Raises UsageError for one that cannot be used."""
    online = usable & {p.cpu for p in processors}
    lacking = sorted(listed - online)
    if lacking:
        raise UsageError(
            f"the suite lists processor {lacking[0]}, which this process may not use or which is offline",
            hint=f"usable: {show_list(online)}; change `cpu_list` in [testbed]",
        )
    return _with_peer(processors, usable, listed)


def _with_peer(processors: tuple[Processor, ...], usable: frozenset[int], taken: Iterable[int]) -> Processors:
    environment = tuple(sorted(taken))
    cores = {_core(p) for p in processors if p.cpu in environment}
    peer = tuple(sorted(p.cpu for p in processors if p.cpu in usable and _core(p) not in cores))
    unlike = described(processors)
    if peer:
        return Processors(environment, peer, unlike=unlike)
    others = tuple(sorted(usable - set(environment)))
    return Processors(environment, others or environment, shared=True, unlike=unlike)


def described(processors: Iterable[Processor]) -> str:
    """Kinds of cores with their processors: `0-11: 5.00 GHz, …; 12-19: …`. Empty if all cores are of one kind."""
    kind_of = kinds(processors)
    different = sorted(set(kind_of.values()), reverse=True)
    if len(different) < 2:
        return ""
    return "; ".join(f"{show_list(cpu for cpu in kind_of if kind_of[cpu] == kind)}: {kind}" for kind in different)


def show_list(cpus: Iterable[int]) -> str:
    """Writes the kernel's list format, as `parse_list` reads it."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def of_host(host: Session) -> tuple[Processor, ...]:
    """All processors that are online. Raises EnvironmentUnavailable without lscpu."""
    listing = host.run(["lscpu", "-p=CPU,CORE,NODE"], timeout_s=10)
    if listing.status == NOT_FOUND:
        raise EnvironmentUnavailable("lscpu was not found", hint="apt-get install util-linux, or the like")
    return with_sysfs(parse(listing.check().text), host.run(["sh", "-c", _ASK], timeout_s=10).text)


def find(host: Session, wanted: int, listed: str | None = None) -> Processors:
    """Chooses the sets on a host. `listed` are the environments' processors in the kernel's list format.

    Raises EnvironmentUnavailable without lscpu, UsageError where the host has too few or lacks a listed one.
    """
    processors = of_host(host)
    status = host.run(["cat", "/proc/self/status"], timeout_s=10).check().text
    allowed = next(line.split(":")[1] for line in status.splitlines() if line.startswith("Cpus_allowed_list"))
    if listed is None:
        return choose(processors, parse_list(allowed), wanted)
    return chosen(processors, parse_list(allowed), parse_list(listed))
