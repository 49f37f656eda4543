"""Kernel and process facts: release, command line by allow-list, preemption, security state, namespaces, libc."""

import re

from vbench.facts.evidence import Absent, Evidence, clean, fact_from, line_value, number, signed, then, word
from vbench.model import Fact, Facts

STATUS = "/proc/self/status"
CONFIG = "kernel config"
HIDDEN = "…"

_KNOWN_WORDS = """
    acpi amd_iommu amd_pstate apparmor audit cgroup_disable cgroup_enable cgroup_no_v1 clocksource cpuidle.off
    cpuidle_haltpoll.force default_hugepagesz elevator haltpoll.guest_halt_poll_ns highres hpet hugepages
    hugepagesz idle init_on_alloc init_on_free intel_idle.max_cstate intel_iommu intel_pstate iommu
    iommu.passthrough iommu.strict irqaffinity isolcpus kaslr kpti kvm.halt_poll_ns l1tf lapic maxcpus mce mds
    meltdown mem mitigations nmi_watchdog no-kvmclock noapic nohibernate nohlt nohz nohz_full nokaslr nolapic
    nomodule nopcid nopti nopv nosmap nosmep nosmp nosmt nospec_store_bypass_disable nospectre_v1 nospectre_v2
    notsc nowatchdog noxsave nr_cpus numa numa_balancing panic pci pcie_aspm preempt processor.max_cstate psi
    pti quiet random.trust_cpu rcu_nocbs reboot retbleed rng ro rw sched_debug selinux skew_tick slab_nomerge
    smt spec_rstack_overflow spec_store_bypass_disable spectre_bhi spectre_v2 spectre_v2_user srbds ssbd
    swapaccount swiotlb systemd.unified_cgroup_hierarchy threadirqs transparent_hugepage tsc tsx tsx_async_abort
    vsyscall watchdog x2apic
"""
KNOWN_WORDS = frozenset(_KNOWN_WORDS.split())
_PLAIN_VALUE = re.compile(r"[a-z0-9_,.:+-]{0,64}", re.IGNORECASE)
_LONG = re.compile(r"[0-9a-f]{9,}|(?:[0-9a-f]{2}:){3,}|\d+\.\d+\.\d+\.\d+", re.IGNORECASE)

# The kernel's fixed numbers of the first namespaces (include/linux/proc_ns.h); mnt and net have none before 6.18.
_INITIAL = {
    "ipc": 0xEFFFFFFF,
    "uts": 0xEFFFFFFE,
    "user": 0xEFFFFFFD,
    "pid": 0xEFFFFFFC,
    "cgroup": 0xEFFFFFFB,
    "time": 0xEFFFFFFA,
}
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    return {**_kernel(evidence), **_process(evidence), **_namespaces(evidence), **_runtime(evidence)}


def _kernel(evidence: Evidence) -> Facts:
    platform = evidence.python
    sysctl = "/proc/sys/kernel"
    return {
        "kernel.release": fact_from("uname -r", platform.release, _release),
        "kernel.version": fact_from("uname -v", platform.version, clean),
        "kernel.command_line": evidence.file("/proc/cmdline", command_line),
        "kernel.preemption": fact_from("uname -v", platform.version, _preempt_built),
        "kernel.preemption_mode": evidence.file("/sys/kernel/debug/sched/preempt", _preempt_in_force),
        "kernel.hz": evidence.file(CONFIG, _hz),
        "kernel.address_randomization": evidence.file(f"{sysctl}/randomize_va_space", number),
        "kernel.nmi_watchdog": evidence.file(f"{sysctl}/nmi_watchdog", lambda text: number(text) != 0),
        "kernel.perf_event_paranoid": evidence.file(f"{sysctl}/perf_event_paranoid", signed),
        "kernel.security_modules": evidence.file("/sys/kernel/security/lsm", _modules),
        "kernel.loadavg": evidence.file("/proc/loadavg", _loadavg),
    }


def _release(text: str) -> str:
    # Not word(): "5.15.153.1-microsoft-standard-WSL2" starts like an address.
    if not text:
        raise Absent
    if not re.fullmatch(r"[0-9]+\.[0-9]+[\w.+~-]{0,60}", text) or re.search(r"[0-9a-f]{16}|([0-9a-f]{2}-){5}", text):
        raise ValueError(f"not a kernel release: {text[:40]!r}")
    return text


def command_line(text: str) -> tuple[str, ...]:
    """The publishable words in their order. One mark replaces the others, which may hold identifiers or secrets."""
    words: list[str] = []
    for part in text.split():
        kept = part if _publishable(part) else HIDDEN
        if kept != HIDDEN or not words or words[-1] != HIDDEN:
            words.append(kept)
        if part == "--":
            break
    return tuple(words)


def _publishable(part: str) -> bool:
    key, equals, value = part.partition("=")
    return key in KNOWN_WORDS and (not equals or bool(_PLAIN_VALUE.fullmatch(value) and not _LONG.search(value)))


def _preempt_in_force(text: str) -> str:
    match = re.search(r"\((\w+)\)", text)
    if match is None:
        raise ValueError(f"no preemption mode in {text[:40]!r}")
    return match[1]


def _preempt_built(version: str) -> str:
    words = [w for w in version.split() if w.startswith("PREEMPT")]
    if not words:
        return "none or voluntary"
    return {"PREEMPT": "full", "PREEMPT_DYNAMIC": "dynamic", "PREEMPT_RT": "real-time"}.get(words[0], "other")


def _hz(text: str) -> int:
    for line in text.splitlines():
        if line.startswith("CONFIG_HZ="):
            return number(line.partition("=")[2])
    raise Absent


def _modules(text: str) -> tuple[str, ...]:
    return tuple(sorted(word(name) for name in text.split(",") if name.strip()))


def _loadavg(text: str) -> float:
    value = float(text.split(maxsplit=1)[0])
    if not 0 <= value < 1e6:
        raise ValueError("not a load")
    return value


def _process(evidence: Evidence) -> Facts:
    def status(key: str) -> Fact:
        return evidence.file(STATUS, then(line_value(key), clean))

    return {
        "process.speculation_store_bypass": status("Speculation_Store_Bypass"),
        "process.speculation_indirect_branch": status("SpeculationIndirectBranch"),
        "process.seccomp": evidence.file(STATUS, then(line_value("Seccomp"), _seccomp)),
        "process.seccomp_filters": evidence.file(STATUS, then(line_value("Seccomp_filters"), number)),
        "process.no_new_privileges": evidence.file(STATUS, then(line_value("NoNewPrivs"), lambda text: text == "1")),
        "process.capabilities": evidence.file(STATUS, then(line_value("CapEff"), _capabilities)),
        "process.security_label": evidence.file("/proc/self/attr/current", _label),
    }


def _seccomp(text: str) -> str:
    return {"0": "off", "1": "strict", "2": "filter"}[text]


def _capabilities(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", text):
        raise ValueError("not a capability mask")
    return f"{int(text, 16):#x}"


def _label(text: str) -> str:
    # A profile's name may be a path in someone's home: only whether there is one is told.
    if not text.strip():
        raise Absent
    return "unconfined" if text.startswith(("unconfined", "kernel")) else "confined"


def _namespaces(evidence: Evidence) -> Facts:
    source = "/proc/self/ns"
    numbers = evidence.namespaces
    own = tuple(kind for kind, first in _INITIAL.items() if kind in numbers and numbers[kind] != first)
    facts = {f"namespace.{kind}": fact_from(f"{source}/{kind}", numbers.get(kind), int) for kind in NAMESPACES}
    return {**facts, "namespace.own": fact_from(source, tuple(sorted(own)) if numbers else None, tuple)}


def _runtime(evidence: Evidence) -> Facts:
    platform = evidence.python
    return {
        "libc.version": fact_from("confstr", platform.libc, clean),
        "python.version": fact_from("sys.version", platform.python, clean),
        "python.compiler": fact_from("sys.version", platform.compiler, clean),
    }
