"""Chooses the processors of environment and peer: equal for all arms, aware of SMT siblings and NUMA nodes."""

from collections import defaultdict
from dataclasses import dataclass

from vbench.contracts import Session
from vbench.errors import EnvironmentUnavailable, UsageError


@dataclass(frozen=True)
class Processor:
    cpu: int
    core: int
    node: int


@dataclass(frozen=True)
class Processors:
    """Pinned sets; `shared` when harness and peer could not be kept off the environment's cores."""

    environment: tuple[int, ...]
    peer: tuple[int, ...]
    shared: bool = False


def parse(text: str) -> tuple[Processor, ...]:
    """`lscpu -p=CPU,CORE,NODE`: lines `0,0,0`, an empty node is node 0. Raises UsageError on anything else."""
    found = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        words = line.split(",")
        if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
            raise UsageError(f"lscpu printed an unknown line: {line!r}")
        found.append(Processor(int(words[0]), int(words[1]), int(words[2] or 0)))
    return tuple(found)


def parse_list(text: str) -> frozenset[int]:
    """The kernel's list format: `0-3,8` (cpuset(7))."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def choose(processors: tuple[Processor, ...], usable: frozenset[int], wanted: int) -> Processors:
    """`wanted` processors of one node for the environments, whole cores first; all else off these cores is the peer's.

    The highest numbers are taken: interrupts and the rest of the system favour the lowest. Raises UsageError when
    the host has too few.
    """
    mine = [p for p in processors if p.cpu in usable]
    if wanted < 1 or wanted > len(mine):
        raise UsageError(
            f"the suite asks for {wanted} processors and this process may use {len(mine)}",
            hint="lower `cpus` in [testbed]",
        )
    cores: dict[tuple[int, int], list[int]] = defaultdict(list)
    for p in mine:
        cores[p.node, p.core].append(p.cpu)
    nodes = sorted({node for node, _ in cores}, reverse=True)
    by_room = sorted(nodes, key=lambda node: sum(n == node for n, _ in cores) < wanted)
    order = sorted(cores, key=lambda key: (by_room.index(key[0]), -key[1]))
    threads = [cpu for rank in range(len(mine)) for key in order for cpu in sorted(cores[key])[rank : rank + 1]]
    chosen = tuple(sorted(threads[:wanted]))
    taken = {key for key, cpus in cores.items() if set(cpus) & set(chosen)}
    peer = tuple(sorted(cpu for key, cpus in cores.items() if key not in taken for cpu in cpus))
    if peer:
        return Processors(chosen, peer)
    others = tuple(sorted(usable - set(chosen)))
    return Processors(chosen, others or chosen, shared=True)


def find(host: Session, wanted: int) -> Processors:
    """The sets on this host. Raises EnvironmentUnavailable without lscpu."""
    listing = host.run(["lscpu", "-p=CPU,CORE,NODE"], timeout_s=10)
    if listing.status == 127:
        raise EnvironmentUnavailable("lscpu was not found", hint="apt-get install util-linux, or the like")
    status = host.run(["cat", "/proc/self/status"], timeout_s=10).check().text
    allowed = next(line.split(":")[1] for line in status.splitlines() if line.startswith("Cpus_allowed_list"))
    return choose(parse(listing.check().text), parse_list(allowed), wanted)
