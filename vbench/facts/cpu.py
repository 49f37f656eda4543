"""Processor and memory facts: model, topology, features, frequency policy, caches, vulnerabilities, huge pages."""

import re

from vbench.facts.evidence import (
    Absent,
    Evidence,
    chosen,
    clean,
    fact_from,
    line_value,
    number,
    on_off,
    ranges,
    then,
    word,
)
from vbench.model import Facts

CPU = "/sys/devices/system/cpu"
INFO = "/proc/cpuinfo"
MEMORY = "/proc/meminfo"
PAGES = "/sys/kernel/mm/transparent_hugepage"
VULNERABILITIES = f"{CPU}/vulnerabilities/"

# Arm's part numbers, from the manuals' MIDR_EL1; /proc/cpuinfo gives no name there.
_ARM_PARTS = {
    "0x41/0xd03": "Cortex-A53",
    "0x41/0xd07": "Cortex-A57",
    "0x41/0xd08": "Cortex-A72",
    "0x41/0xd0b": "Cortex-A76",
    "0x41/0xd0c": "Neoverse-N1",
    "0x41/0xd40": "Neoverse-V1",
    "0x41/0xd49": "Neoverse-N2",
    "0x41/0xd4f": "Neoverse-V2",
}
_S390_MACHINE = re.compile(r"^processor \d+:.*\bmachine = (\w+)", re.MULTILINE)
_ARM_MAKERS = {"0x41": "ARM", "0x43": "Cavium", "0x48": "HiSilicon", "0x50": "Ampere", "0x61": "Apple"}


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    machine = {**_identity(evidence), **_topology(evidence), **_frequency(evidence)}
    return {**machine, **_memory(evidence), **_holes(evidence)}


def _identity(evidence: Evidence) -> Facts:
    platform = evidence.python
    return {
        "cpu.architecture": fact_from("uname -m", platform.machine, word),
        "cpu.model": evidence.file(INFO, _model),
        "cpu.vendor": evidence.file(INFO, _vendor),
        "cpu.microcode": evidence.file(INFO, then(line_value("microcode"), word)),
        "cpu.flags": evidence.file(INFO, _flags),
        "cpu.bugs": evidence.file(INFO, then(line_value("bugs"), _words)),
        "cpu.byte_order": fact_from("sys.byteorder", platform.byteorder, word),
    }


def _model(text: str) -> str:
    for key in ("model name", "cpu model", "cpu"):
        try:
            return clean(line_value(key)(text))
        except Absent:
            continue
    machine = _S390_MACHINE.search(text)
    if machine:
        return clean(f"machine {machine[1]}")
    part = f"{line_value('CPU implementer')(text)}/{line_value('CPU part')(text)}"
    return _ARM_PARTS.get(part) or clean(f"part {part}")


def _vendor(text: str) -> str:
    try:
        return clean(line_value("vendor_id")(text))
    except Absent:
        maker = line_value("CPU implementer")(text)
        return _ARM_MAKERS.get(maker) or clean(maker)


def _words(text: str) -> tuple[str, ...]:
    return tuple(sorted({word(part) for part in text.split()}))


def _flags(text: str) -> tuple[str, ...]:
    for key in ("flags", "Features", "features"):  # x86, Arm, s390
        try:
            return _words(line_value(key)(text))
        except Absent:
            continue
    raise Absent


def _blocks(text: str) -> list[dict[str, str]]:
    blocks = []
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        blocks.append({key.strip(): value.strip() for key, _, value in pairs})
    return blocks


def _threads(text: str) -> int:
    """Lines `processor : 3`, on s390 `processor 3: version = …`."""
    count = len(re.findall(r"^processor\s*\d*\s*:", text, re.MULTILINE))
    if not count:
        raise ValueError("no processor in /proc/cpuinfo")
    return count


def _sockets(text: str) -> int:
    seen = {block.get("physical id") for block in _blocks(text)} - {None}
    if not seen:
        raise Absent
    return len(seen)


def _cores(text: str) -> int:
    seen = {(b["physical id"], b["core id"]) for b in _blocks(text) if "core id" in b and "physical id" in b}
    if not seen:
        raise Absent
    return len(seen)


def _topology(evidence: Evidence) -> Facts:
    caches = {f"cpu.cache.{name}": evidence.file(path, _cache_b) for name, path in _caches(evidence).items()}
    platform = evidence.python
    return {
        "cpu.sockets": evidence.file(INFO, _sockets),
        "cpu.cores": evidence.file(INFO, _cores),
        "cpu.threads": evidence.file(INFO, _threads),
        "cpu.usable": fact_from("sched_getaffinity", platform.affinity, lambda cpus: len(cpus) or None),
        "cpu.affinity": fact_from("sched_getaffinity", platform.affinity, lambda cpus: tuple(map(str, sorted(cpus)))),
        "cpu.smt": evidence.file(f"{CPU}/smt/active", on_off),
        "cpu.isolated": evidence.file(f"{CPU}/isolated", lambda text: ranges(text) if text.strip() else "none"),
        "cpu.nohz_full": evidence.file(f"{CPU}/nohz_full", lambda text: "none" if "null" in text else ranges(text)),
        "cpu.numa_nodes": evidence.file("/sys/devices/system/node/online", lambda text: _count(ranges(text))),
        **caches,
    }


def _count(text: str) -> int:
    total = 0
    for part in text.split(","):
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            raise ValueError(f"a range that ends before it begins: {part[:40]!r}")
        total += int(last or first) - int(first) + 1
    return total


def _own(evidence: Evidence) -> str:
    return f"{CPU}/cpu{evidence.python.processor}"


def _caches(evidence: Evidence) -> dict[str, str]:
    """Maps `l1d`, `l2`, `l3` … to the path of the cache's size."""
    paths = {}
    for path, level in evidence.files.items():
        if path.startswith(f"{_own(evidence)}/cache/index") and path.endswith("/level") and isinstance(level, str):
            kind = evidence.files.get(path.removesuffix("level") + "type")
            letter = {"Data": "d", "Instruction": "i", "Unified": ""}.get(kind if isinstance(kind, str) else "")
            if letter is not None and level in ("1", "2", "3", "4"):
                paths[f"l{level}{letter}"] = path.removesuffix("level") + "size"
    return paths


def _cache_b(text: str) -> int:
    scale = {"K": 1024, "M": 1024**2}.get(text.strip()[-1:])
    if scale is None:
        raise ValueError(f"not a cache size: {text[:40]!r}")
    return number(text.strip()[:-1]) * scale


def _frequency(evidence: Evidence) -> Facts:
    policy = f"{_own(evidence)}/cpufreq"
    boost = evidence.file(f"{CPU}/cpufreq/boost", on_off)
    if boost.value is None:
        boost = evidence.file(f"{CPU}/intel_pstate/no_turbo", lambda text: not on_off(text))
    return {
        "cpu.governor": evidence.file(f"{policy}/scaling_governor", word),
        "cpu.frequency_driver": evidence.file(f"{policy}/scaling_driver", word),
        "cpu.frequency_max": evidence.file(f"{policy}/scaling_max_freq", lambda text: number(text) * 1000),
        "cpu.boost": boost,
        "cpu.idle_driver": evidence.file(f"{CPU}/cpuidle/current_driver", word),
        "power.mains": evidence.file("mains", on_off),
    }


def _kib(text: str) -> int:
    return number(text.removesuffix("kB")) * 1024


def _memory(evidence: Evidence) -> Facts:
    return {
        "memory.total": evidence.file(MEMORY, then(line_value("MemTotal"), _kib)),
        "memory.swap": evidence.file(MEMORY, then(line_value("SwapTotal"), _kib)),
        "memory.page": fact_from("sysconf", evidence.python.page_b, int),
        "memory.huge_pages.reserved": evidence.file("/proc/sys/vm/nr_hugepages", number),
        "memory.huge_pages.size": evidence.file(MEMORY, then(line_value("Hugepagesize"), _kib)),
        "memory.huge_pages.transparent": evidence.file(f"{PAGES}/enabled", chosen),
        "memory.huge_pages.defrag": evidence.file(f"{PAGES}/defrag", chosen),
        "memory.swappiness": evidence.file("/proc/sys/vm/swappiness", number),
        "memory.overcommit": evidence.file("/proc/sys/vm/overcommit_memory", number),
        "memory.same_page_merging": evidence.file("/sys/kernel/mm/ksm/run", lambda text: number(text) == 1),
        "memory.numa_balancing": evidence.file("/proc/sys/kernel/numa_balancing", lambda text: number(text) != 0),
    }


def _holes(evidence: Evidence) -> Facts:
    names = [path.removeprefix(VULNERABILITIES) for path in evidence.files if path.startswith(VULNERABILITIES)]
    plain = [name for name in sorted(names) if name.replace("_", "").isalnum() and name.isascii()]
    return {f"vulnerabilities.{name}": evidence.file(f"{VULNERABILITIES}{name}", clean) for name in plain}
