"""Lists all facts in one table: key, title, unit, and the meaning of a difference between two environments."""

from typing import Literal

from msgspec import Struct

from vbench.model import FAMILIES

Unit = Literal["", "B", "B/s", "Hz", "s", "list", "yes/no"]
AREAS = (
    "processor",
    "memory",
    "vulnerabilities",
    "kernel",
    "process",
    "virtualization",
    "container",
    "cloud",
    "limits",
    "clock",
    "scratch",
    "network",
    "software",
)


class Key(Struct, frozen=True):
    """One fact. A key that ends in `.*` stands for all keys with that beginning."""

    name: str
    title: str
    area: str
    unit: Unit = ""
    explains: tuple[str, ...] = ()  # benchmark families whose numbers a difference can explain
    nature: bool = False  # part of the layer under study, so a difference is no confound
    matters: bool = False  # a fact that is unknown on one side is a difference too
    tolerance: float = 0.0  # relative difference of numbers up to which they count as equal
    free: bool = False  # text of a maker or an owner, not one of a fixed set of words


_ALL = FAMILIES
_CODE = ("cpu", "memory", "syscall", "scheduler", "python")
_KERNEL = ("memory", "syscall", "scheduler", "disk", "network", "http", "start")
_NETWORK = ("network", "http")
_PREEMPTED = ("syscall", "scheduler", "network", "http")

_PROCESSOR = (
    Key("cpu.architecture", "Architecture", "processor", explains=_ALL, matters=True),
    Key("cpu.model", "Model", "processor", explains=_ALL, matters=True, free=True),
    Key("cpu.vendor", "Maker", "processor"),
    Key("cpu.microcode", "Microcode", "processor", explains=_CODE),
    Key("cpu.flags", "Features", "processor", "list", explains=("cpu", "memory", "python", "network"), matters=True),
    Key("cpu.bugs", "Bugs the kernel knows of", "processor", "list", explains=("syscall", "scheduler")),
    Key("cpu.byte_order", "Byte order", "processor"),
    Key("cpu.sockets", "Sockets", "processor"),
    Key("cpu.cores", "Cores", "processor"),
    Key("cpu.threads", "Processors online", "processor"),
    Key("cpu.usable", "Processors usable", "processor", explains=_ALL, matters=True),
    Key("cpu.affinity", "Processors in the affinity mask", "processor", "list", nature=True),
    Key("cpu.smt", "Hyper-threading active", "processor", "yes/no", explains=("cpu", "memory", "python")),
    Key("cpu.kinds", "Kinds of processors", "processor"),
    Key("cpu.isolated", "Isolated processors", "processor"),
    Key("cpu.nohz_full", "Tickless processors", "processor", explains=("cpu", "syscall", "scheduler")),
    Key("cpu.numa_nodes", "NUMA nodes", "processor", explains=("memory",)),
    Key("cpu.cache.*", "Cache", "processor", "B", explains=("cpu", "memory", "python")),
    Key("cpu.governor", "Frequency governor", "processor", explains=_ALL),
    Key("cpu.frequency_driver", "Frequency driver", "processor", explains=_ALL),
    Key("cpu.frequency_max", "Highest frequency allowed", "processor", "Hz", explains=_ALL),
    Key("cpu.boost", "Boost allowed", "processor", "yes/no", explains=_ALL),
    Key("cpu.idle_driver", "Idle driver", "processor", explains=("syscall", "scheduler", "disk", "network", "http")),
    Key("power.mains", "On mains", "processor", "yes/no", explains=_ALL),
)
_MEMORY = (
    Key("memory.total", "Memory", "memory", "B"),
    Key("memory.swap", "Swap", "memory", "B", explains=("memory",)),
    Key("memory.page", "Page", "memory", "B", explains=("memory", "syscall", "scheduler"), matters=True),
    Key("memory.huge_pages.reserved", "Huge pages reserved", "memory", explains=("memory",)),
    Key("memory.huge_pages.size", "Huge page", "memory", "B", explains=("memory",)),
    Key(
        "memory.huge_pages.transparent",
        "Transparent huge pages",
        "memory",
        explains=("cpu", "memory", "python"),
        matters=True,
    ),
    Key("memory.huge_pages.defrag", "Huge page defragmentation", "memory", explains=("memory",)),
    Key("memory.swappiness", "Swappiness", "memory"),
    Key("memory.overcommit", "Overcommit policy", "memory"),
    Key("memory.same_page_merging", "Same-page merging", "memory", "yes/no", explains=("memory",)),
    Key("memory.numa_balancing", "NUMA balancing", "memory", "yes/no", explains=("memory",)),
    Key(
        "vulnerabilities.*",
        "Vulnerability",
        "vulnerabilities",
        explains=("cpu", "syscall", "scheduler", "python", "network", "http", "disk"),
    ),
)
_KERNEL_KEYS = (
    Key("kernel.release", "Kernel", "kernel", explains=_KERNEL, matters=True),
    Key("kernel.version", "Kernel build", "kernel", explains=_KERNEL, free=True),
    Key("kernel.command_line", "Command line (known words)", "kernel", "list", explains=_KERNEL),
    Key("kernel.preemption", "Preemption as built", "kernel", explains=_PREEMPTED, matters=True),
    # Of a kernel with dynamic preemption; only root reads it, and a container has no debugfs.
    Key(
        "kernel.preemption_mode", "Preemption in force", "kernel", explains=("syscall", "scheduler", "network", "http")
    ),
    Key("kernel.hz", "Timer ticks a second", "kernel", explains=("cpu", "syscall", "scheduler")),
    Key("kernel.address_randomization", "Address randomization", "kernel", explains=("cpu", "memory", "python")),
    Key("kernel.nmi_watchdog", "NMI watchdog", "kernel", "yes/no"),
    Key("kernel.perf_event_paranoid", "perf_event_paranoid", "kernel"),
    Key("kernel.security_modules", "Security modules", "kernel", "list", explains=("syscall", "disk", "network")),
    Key("kernel.loadavg", "Load when read", "kernel", nature=True),
    Key("process.speculation_store_bypass", "Store bypass", "process", explains=_CODE, matters=True),
    Key("process.speculation_indirect_branch", "Indirect branches", "process", explains=_CODE, matters=True),
    Key("process.seccomp", "System call filter", "process", nature=True),
    Key("process.seccomp_filters", "System call filters installed", "process", nature=True),
    Key("process.no_new_privileges", "No new privileges", "process", "yes/no", nature=True),
    Key("process.capabilities", "Capabilities", "process", nature=True),
    Key("process.security_label", "Security label", "process", nature=True),
    Key("process.nice", "Nice value", "process", explains=_ALL),
    Key("process.scheduling", "Scheduling class", "process", explains=_ALL),
    Key("process.environment", "Environment variables", "process", "B", explains=("cpu", "memory", "python", "start")),
    Key("process.umask", "File mode mask", "process"),
    Key("process.oom_score_adj", "Preference of the out-of-memory killer", "process"),
    Key("process.limits.as", "Limit of address space (soft:hard)", "process", explains=("memory", "python")),
    Key("process.limits.data", "Limit of data (soft:hard)", "process", explains=("memory", "python")),
    Key("process.limits.memlock", "Limit of locked memory (soft:hard)", "process", explains=("memory", "disk")),
    Key("process.limits.nofile", "Limit of open files (soft:hard)", "process", explains=("syscall", *_NETWORK)),
    # Where the stack has no limit the kernel lays out all memory another way.
    Key("process.limits.stack", "Limit of the stack (soft:hard)", "process", explains=_CODE),
    Key("process.limits.*", "Limit (soft:hard)", "process"),
    Key("namespace.*", "Namespace", "process", nature=True),
)
_LAYERS = (
    Key("virtualization.cpuid_flag", "CPUID hypervisor bit", "virtualization", "yes/no", nature=True),
    Key("virtualization.cpuid_signature", "CPUID hypervisor signature", "virtualization", nature=True),
    Key("virtualization.vm", "systemd-detect-virt --vm", "virtualization", nature=True),
    Key("virtualization.virt_what", "virt-what", "virtualization", "list", nature=True),
    Key("virtualization.hypervisor_type", "/sys/hypervisor type", "virtualization", nature=True),
    Key("virtualization.hypervisor_guest_type", "/sys/hypervisor guest type", "virtualization", nature=True),
    Key("virtualization.device_tree", "Device tree hypervisor", "virtualization", nature=True, free=True),
    Key("virtualization.kvm_device", "/dev/kvm there", "virtualization", "yes/no", nature=True),
    Key("virtualization.vhost_net_device", "/dev/vhost-net there", "virtualization", "yes/no", nature=True),
    Key("dmi.sys_vendor", "Machine's maker", "virtualization", nature=True, free=True),
    Key("dmi.product_name", "Machine", "virtualization", nature=True, free=True),
    Key("dmi.bios_vendor", "Firmware's maker", "virtualization", nature=True, free=True),
    Key("dmi.bios_version", "Firmware", "virtualization", nature=True, free=True),
    Key("dmi.board_vendor", "Board's maker", "virtualization", nature=True, free=True),
    Key("dmi.device_tree_model", "Board (device tree)", "virtualization", nature=True, free=True),
    Key("acpi.makers", "ACPI tables' makers", "virtualization", "list", nature=True, free=True),
    Key("container.detected", "systemd-detect-virt --container", "container", nature=True),
    Key("container.dockerenv", "/.dockerenv there", "container", "yes/no", nature=True),
    Key("container.containerenv", "/run/.containerenv there", "container", "yes/no", nature=True),
    Key("container.environ", "container= of the first process", "container", nature=True, free=True),
    Key("container.cgroup", "Engine in the cgroup path", "container", "list", nature=True),
    Key("cloud.provider", "Provider", "cloud", nature=True),
    Key("cloud.platform", "Platform", "cloud", nature=True),
    Key("host.type", "Machine type", "cloud", explains=_ALL, free=True),
)
_LIMITS = (
    Key("cgroup.version", "cgroup hierarchy", "limits", nature=True),
    Key("cgroup.cpu.quota", "Processor quota, processors", "limits", nature=True),
    Key("cgroup.cpu.weight", "Processor weight", "limits", nature=True),
    Key("cgroup.cpuset", "Processor set", "limits", nature=True),
    Key("cgroup.memory.max", "Memory limit", "limits", "B", nature=True),
    Key("cgroup.memory.swap_max", "Swap limit", "limits", "B", nature=True),
    Key("cgroup.pids.max", "Process limit", "limits", nature=True),
    Key("limits.cpus.requested", "Processors requested", "limits", explains=_ALL),
    Key("limits.cpus.configured", "Processors configured", "limits", explains=_ALL),
    Key("limits.cpus.measured", "Processors measured", "limits", explains=_ALL, matters=True),
    Key("limits.memory.requested", "Memory requested", "limits", "B", explains=("memory", "disk")),
    Key("limits.memory.configured", "Memory configured", "limits", "B", explains=("memory", "disk")),
    # A guest's kernel keeps a part of its memory to itself: 10 % of 1 GiB is usual.
    Key("limits.memory.measured", "Memory measured", "limits", "B", ("memory", "disk"), matters=True, tolerance=0.15),
)
_CLOCK = (
    Key("clock.source", "Clock source", "clock", explains=_ALL, matters=True),
    Key("clock.available", "Clock sources available", "clock", "list", nature=True),
    Key("clock.tsc_flags", "TSC features", "clock", "list", explains=_ALL),
    Key("clock.resolution", "Resolution", "clock", "s", explains=_ALL),
    Key("clock.read_cost", "One read, from Python", "clock", "s", nature=True),
)
_DEVICES = (
    Key("scratch.filesystem", "File system", "scratch", explains=("disk",), matters=True),
    Key("scratch.mount_options", "Mount options (known words)", "scratch", "list", explains=("disk",)),
    Key("scratch.direct", "O_DIRECT works", "scratch", "yes/no", explains=("disk",), matters=True),
    Key("scratch.device", "Device", "scratch", nature=True),
    Key("scratch.driver", "Driver", "scratch", nature=True),
    Key("scratch.model", "Model", "scratch", nature=True, free=True),
    Key("scratch.scheduler", "I/O scheduler", "scratch", explains=("disk",), matters=True),
    Key("scratch.rotational", "Rotational", "scratch", "yes/no", explains=("disk",)),
    Key("scratch.queue_requests", "Queue requests", "scratch", explains=("disk",)),
    Key("scratch.read_ahead", "Read-ahead", "scratch", "B", explains=("disk",)),
    Key("scratch.logical_block", "Logical block", "scratch", "B", explains=("disk",)),
    Key("scratch.write_cache", "Write cache", "scratch", explains=("disk",)),
    Key("network.drivers", "Interfaces", "network", "list", nature=True),
    Key("network.bench.driver", "Driver of the measured interface", "network", nature=True),
    Key("network.bench.mtu", "MTU of the measured interface", "network", "B", explains=_NETWORK),
    Key("network.bench.offloads", "Offloads of the measured interface", "network", "list", explains=_NETWORK),
    Key("network.congestion_control", "TCP congestion control", "network", explains=_NETWORK, matters=True),
    Key("network.queue_discipline", "Queue discipline", "network", explains=_NETWORK),
)
_SOFTWARE = (
    Key("libc.version", "C library", "software", explains=_ALL, matters=True),
    Key("python.version", "Python", "software", explains=("python", "start")),
    Key("python.compiler", "Python's compiler", "software", explains=("python",)),
    Key("tool.fio", "fio", "software", explains=("disk",)),
    Key("tool.iperf3", "iperf3", "software", explains=("network",)),
    Key("tool.pyperf", "pyperf", "software", explains=_CODE),
    Key("tool.psutil", "psutil", "software"),
    Key("tool.*", "Engine", "software", explains=_ALL),  # what starts environments, by its name
    Key("tool.compilers", "Compilers on the path", "software", "list", nature=True),
    Key("image.digest", "Image", "software", explains=_ALL, matters=True),
    Key("engine.argv", "Exact command that started it", "software", "list", nature=True),
)
KEYS: tuple[Key, ...] = (
    *_PROCESSOR,
    *_MEMORY,
    *_KERNEL_KEYS,
    *_LAYERS,
    *_LIMITS,
    *_CLOCK,
    *_DEVICES,
    *_SOFTWARE,
)
RESERVED = frozenset(
    {
        "image.digest",
        "engine.argv",
        "limits.cpus.requested",
        "limits.cpus.configured",
        "limits.memory.requested",
        "limits.memory.configured",
    }
)
"""Keys that the runner fills, since the probe cannot read them."""

_BY_NAME = {key.name: key for key in KEYS}
OF_HOST = frozenset({"cpu.kinds"})
"""Keys of the host alone: an environment sees its own processors only."""

STATIC = tuple(key.name for key in KEYS if not key.name.endswith(".*") and key.name not in RESERVED | OF_HOST)


def key_of(name: str) -> Key:
    """The table's entry for a fact. Raises KeyError for a name that the table does not have."""
    return _BY_NAME[name if name in _BY_NAME else _family(name)]


def is_known(name: str) -> bool:
    return name in _BY_NAME or _family(name) in _BY_NAME


def _family(name: str) -> str:
    """Key of the nearest family above a name: `tool.*` for `tool.runc-1.2`. Empty if there is none."""
    parts = name.split(".")
    above = (".".join((*parts[:end], "*")) for end in range(len(parts) - 1, 0, -1))
    return next((family for family in above if family in _BY_NAME), "")


def is_free(name: str) -> bool:
    """Whether a fact is free text. A name that the table does not have counts as free text."""
    return not is_known(name) or key_of(name).free


def title_of(name: str) -> str:
    """Title of a fact; for a key of a family as `Vulnerability: spectre_v2`."""
    key = key_of(name)
    return key.title if key.name == name else f"{key.title}: {name.removeprefix(key.name[:-1])}"


def in_order(names: set[str]) -> list[str]:
    """Names in the table's order; names of one family alphabetically."""
    position = {key.name: index for index, key in enumerate(KEYS)}
    return sorted(names, key=lambda name: (position[key_of(name).name], name))


def markdown() -> str:
    """The table in docs/reference/facts.md, as Markdown."""
    head = ["| key | what | unit | can explain | read as |", "|---|---|---|---|---|"]
    rows = []
    for key in KEYS:
        reading = "the layer itself" if key.nature else "a confound" if key.explains else "background"
        reading += ", also when unknown on one side" if key.matters else ""
        rows.append(f"| `{key.name}` | {key.title} | {key.unit} | {', '.join(key.explains)} | {reading} |")
    return "\n".join([*head, *rows]) + "\n"
