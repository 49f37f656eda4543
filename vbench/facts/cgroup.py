"""Reads the limits of the process in cgroup v1 and v2: the tightest of all levels, and the usable resources."""

from collections.abc import Callable

from vbench.facts.evidence import Absent, Evidence, Unreadable, fact_from, number, ranges, signed
from vbench.model import Fact, Facts, FactValue, Status

NONE = "none"
UNLIMITED_B = 1 << 60  # v1 writes the largest multiple of a page below 2^63 for "no limit"
Level = dict[str, str | Unreadable]


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    memory = _of_memory(evidence, "memory.max", "memory.limit_in_bytes")
    swap = _first(_tightest(evidence, "cgroup2", "memory.swap.max", _bytes), _v1_swap(evidence))
    weights = (("cgroup2", "cpu.weight"), ("cpu", "cpu.shares"))
    return {
        "cgroup.version": fact_from("/proc/self/mountinfo", _version(evidence), str),
        "cgroup.cpu.quota": _first(_v2_quota(evidence), _v1_quota(evidence)),
        "cgroup.cpu.weight": _first(*(_leaf(evidence, *weight, number) for weight in weights)),
        "cgroup.cpuset": _cpuset(evidence),
        "cgroup.memory.max": memory,
        "cgroup.memory.swap_max": swap,
        "cgroup.pids.max": _first(*(_tightest(evidence, name, "pids.max", _bytes) for name in ("cgroup2", "pids"))),
        "limits.cpus.measured": fact_from("sched_getaffinity and cgroup quota", _measured_cpus(evidence), float),
        "limits.memory.measured": _measured_memory(evidence, memory),
    }


def _version(evidence: Evidence) -> str | None:
    held = set(evidence.cgroup)
    if not held:
        return None
    if held == {"cgroup2"}:
        return "v2"
    return "hybrid" if "cgroup2" in held else "v1"


def _first(*facts: Fact) -> Fact:
    """The first readable fact, or else the first that is not absent, or else the first."""
    readable = [fact for fact in facts if fact.status == Status.OK]
    present = [fact for fact in facts if fact.status != Status.ABSENT]
    return (readable or present or list(facts))[0]


def _source(controller: str, name: str) -> str:
    return f"{'cgroup v2' if controller == 'cgroup2' else 'cgroup v1'} {name}"


def _tightest(evidence: Evidence, controller: str, name: str, parse: Callable[[str], float]) -> Fact:
    """The lowest limit of all levels; `none` if every level that has the file is unlimited."""
    levels = [level[name] for level in evidence.cgroup.get(controller, ()) if name in level]
    return _combined(_source(controller, name), levels, lambda texts: min(parse(text) for text in texts))


def _combined(source: str, levels: list[str | Unreadable], least: Callable[[list[str]], float]) -> Fact:
    if not levels:
        return Fact(None, source, Status.ABSENT)
    unreadable = next((level for level in levels if isinstance(level, Unreadable)), None)
    if unreadable is not None:
        return fact_from(source, unreadable, str)
    texts = [level for level in levels if isinstance(level, str)]
    return fact_from(source, texts, lambda texts: _limit(least(texts)))


def _limit(value: float) -> FactValue:
    if value == float("inf"):
        return NONE
    return int(value) if value == int(value) else value


def _bytes(text: str) -> float:
    if text.strip() == "max":
        return float("inf")
    value = signed(text)
    if value < 0 or value >= UNLIMITED_B:
        return float("inf")
    return value


def _of_memory(evidence: Evidence, v2: str, v1: str) -> Fact:
    return _first(_tightest(evidence, "cgroup2", v2, _bytes), _tightest(evidence, "memory", v1, _bytes))


def _v1_swap(evidence: Evidence) -> Fact:
    """Limit of v1 on swap: its limit on memory and swap less its limit on memory. v2 limits swap alone."""
    both = _tightest(evidence, "memory", "memory.memsw.limit_in_bytes", _bytes)
    memory = _tightest(evidence, "memory", "memory.limit_in_bytes", _bytes)
    if isinstance(both.value, int) and isinstance(memory.value, int):
        return Fact(max(0, both.value - memory.value), f"{both.source}, less {memory.source.rpartition(' ')[2]}")
    return both


def _share(quota: str, period: str) -> float:
    if quota in ("max", "-1"):
        return float("inf")
    if number(period) <= 0 or number(quota) <= 0:
        raise ValueError("a quota and its period are above zero")
    return number(quota) / number(period)


def _v2_quota(evidence: Evidence) -> Fact:
    def share(text: str) -> float:
        quota, _, period = text.strip().partition(" ")
        return _share(quota, period)

    return _tightest(evidence, "cgroup2", "cpu.max", share)


def _v1_quota(evidence: Evidence) -> Fact:
    source = _source("cpu", "cpu.cfs_quota_us")
    pairs: list[str | Unreadable] = []
    for level in evidence.cgroup.get("cpu", ()):
        quota, period = level.get("cpu.cfs_quota_us"), level.get("cpu.cfs_period_us")
        if isinstance(quota, str) and isinstance(period, str):
            pairs.append(f"{quota.strip()} {period.strip()}")
        elif isinstance(quota, Unreadable):
            pairs.append(quota)
    return _combined(source, pairs, lambda texts: min(_share(*text.split(" ", 1)) for text in texts))


def _leaf(evidence: Evidence, controller: str, name: str, parse: Callable[[str], FactValue]) -> Fact:
    levels = evidence.cgroup.get(controller, ())
    return fact_from(_source(controller, name), levels[0].get(name) if levels else None, parse)


def _cpuset(evidence: Evidence) -> Fact:
    """Processors of the lowest level that has the file. They are a subset of its parents'."""
    wanted = (("cgroup2", "cpuset.cpus.effective"), ("cpuset", "cpuset.effective_cpus"), ("cpuset", "cpuset.cpus"))
    facts = []
    for controller, name in wanted:
        levels = [level[name] for level in evidence.cgroup.get(controller, ()) if name in level]
        facts.append(fact_from(_source(controller, name), levels[0] if levels else None, ranges))
    return _first(*facts)


def _measured_cpus(evidence: Evidence) -> float | None:
    """Processors that the process can use at once: the lower of its affinity and its quota."""
    if not evidence.python.affinity:
        return None
    quota = _first(_v2_quota(evidence), _v1_quota(evidence)).value
    usable = float(len(evidence.python.affinity))
    return min(usable, quota) if isinstance(quota, int | float) else usable


def _measured_memory(evidence: Evidence, limit: Fact) -> Fact:
    source = "/proc/meminfo and cgroup limit"
    total = evidence.file("/proc/meminfo", _total_b)
    if not isinstance(total.value, int):
        return Fact(None, source, total.status)
    return Fact(min(total.value, limit.value) if isinstance(limit.value, int) else total.value, source)


def _total_b(text: str) -> int:
    for line in text.splitlines():
        if line.startswith("MemTotal:"):
            return number(line.removeprefix("MemTotal:").removesuffix("kB")) * 1024
    raise Absent
