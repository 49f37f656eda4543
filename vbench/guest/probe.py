"""Prints raw evidence about this machine as one JSON object, which vbench.facts turns into facts.

It runs inside every environment, also under emulation, so it imports little and starts few processes. The probe's files
name everything that it reads: it asks for no serial, UUID, hardware address, host name or user name.
Caches, frequency and model are those of processor CPU; the default is the first one that this process may use.
Python 3.9 and later, standard library only.  Usage: probe.py [SCRATCH [CPU]], or probe.py --network
"""

import json
import os
import select
import signal
import sys
import time

sys.dont_write_bytecode = True  # the folder is part of the image, whose content must keep matching its digest

from probe_devices import network, scratch  # noqa: E402
from probe_layers import acpi, cgroups, container, cpuid, namespaces  # noqa: E402
from probe_reading import MAX_TABLE, MAX_TEXT, failure, lines_of, names, read, read_bytes  # noqa: E402

CPU = "/sys/devices/system/cpu"
OF_NETWORK = ("/proc/sys/net/core/default_qdisc", "/proc/sys/net/ipv4/tcp_congestion_control")
FILES = (
    *OF_NETWORK,
    "/proc/cmdline",
    "/proc/loadavg",
    "/proc/sys/kernel/nmi_watchdog",
    "/proc/sys/kernel/numa_balancing",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/vm/nr_hugepages",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/swappiness",
    "/sys/devices/system/clocksource/clocksource0/available_clocksource",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/node/online",
    "/sys/kernel/mm/ksm/run",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/security/lsm",
    "/sys/kernel/debug/sched/preempt",
    "/sys/hypervisor/type",
    "/sys/hypervisor/guest_type",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/bios_vendor",
    "/sys/class/dmi/id/bios_version",
    "/sys/class/dmi/id/board_vendor",
    "/proc/device-tree/model",
    "/proc/device-tree/hypervisor/compatible",
    "/proc/self/attr/current",
    "/proc/self/limits",
    "/proc/self/oom_score_adj",
    CPU + "/online",
    CPU + "/isolated",
    CPU + "/nohz_full",
    CPU + "/smt/active",
    CPU + "/smt/control",
    CPU + "/cpuidle/current_driver",
    CPU + "/cpufreq/boost",
    CPU + "/intel_pstate/no_turbo",
)
OF_PROCESSOR = ("cpufreq/scaling_driver", "cpufreq/scaling_governor", "cpufreq/scaling_max_freq")
COMMANDS = (
    (("systemd-detect-virt", "--vm"), 10.0),
    (("systemd-detect-virt", "--container"), 10.0),
    (("virt-what",), 20.0),
    (("fio", "--version"), 10.0),
    (("iperf3", "--version"), 10.0),
)
STATUS_LINES = (
    "Umask",
    "Speculation_Store_Bypass",
    "SpeculationIndirectBranch",
    "Seccomp",
    "Seccomp_filters",
    "NoNewPrivs",
    "CapEff",
    "Cpus_allowed_list",
    "Mems_allowed_list",
)
MEMORY_LINES = ("MemTotal", "SwapTotal", "HugePages_Total", "Hugepagesize")
CONFIG_LINES = ("CONFIG_HZ=", "CONFIG_PREEMPT", "CONFIG_NO_HZ", "CONFIG_MITIGATION", "CONFIG_PAGE_TABLE_ISOLATION")
AZURE_CHASSIS = "7783-7084-3265-9085-8269-3286-77"  # the same on every Azure machine, so it identifies none


def cpuinfo(cpu):
    """The block of this processor in full, and of each other processor only its number, socket, core and part."""
    try:
        text = read_bytes("/proc/cpuinfo", MAX_TABLE).decode("utf-8", "replace")
    except OSError as error:
        return failure(error)
    others = text.strip().split("\n\n")
    first = others.pop(next((i for i, block in enumerate(others) if number_of(block) == str(cpu)), 0))
    # aarch64 and s390 have a block about the machine. It can hold the board's serial number.
    kept = [line for line in first.splitlines() if not line.lower().startswith("serial")]
    blocks = ["\n".join(kept)]
    for other in others:
        wanted = ("processor", "physical id", "core id", "CPU part")
        lines = [line for line in other.splitlines() if line.split(":")[0].strip() in wanted]
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def number_of(block):
    """Number of the processor that a block of /proc/cpuinfo describes. None for a block about the machine."""
    for line in block.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "processor":
            return value.strip()
    return None


def kernel_config():
    try:
        import zlib

        text = zlib.decompress(read_bytes("/proc/config.gz", 1 << 20), 31).decode("ascii", "replace")
    except (ImportError, OSError, ValueError):
        try:
            text = read_bytes("/boot/config-" + os.uname().release, 1 << 20).decode("ascii", "replace")
        except OSError as error:
            return failure(error)
    except zlib.error:
        return {"error": "EIO"}
    return "\n".join(line for line in text.splitlines() if line.startswith(CONFIG_LINES))


def files(cpu):
    """Text of each file by its path. A file that cannot be read has {"error": errno's name} instead."""
    own = CPU + "/cpu" + str(cpu) + "/"
    texts = {path: read(path) for path in (*FILES, *(own + name for name in OF_PROCESSOR))}
    texts["/proc/cpuinfo"] = cpuinfo(cpu)
    texts["/proc/self/status"] = lines_of("/proc/self/status", STATUS_LINES)
    texts["/proc/meminfo"] = lines_of("/proc/meminfo", MEMORY_LINES)
    texts["kernel config"] = kernel_config()
    for name in names(CPU + "/vulnerabilities"):
        texts[CPU + "/vulnerabilities/" + name] = read(CPU + "/vulnerabilities/" + name)
    for index in names(own + "cache"):
        if index.startswith("index"):
            for part in ("level", "type", "size", "shared_cpu_list"):
                path = own + "cache/" + index + "/" + part
                texts[path] = read(path)
    for supply in names("/sys/class/power_supply"):
        kind = read("/sys/class/power_supply/" + supply + "/type")
        if kind == "Mains":
            texts["mains"] = read("/sys/class/power_supply/" + supply + "/online")
    return texts


def run(argv, timeout_s):
    """Status and outputs of a command, or {"error": errno's name}.

    It does without subprocess: importing that takes longer than everything the probe reads, under emulation ten times.
    """
    path = which(argv[0])
    if path is None:
        return {"error": "ENOENT"}
    out_r, out_w = os.pipe()
    err_r, err_w = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, out_w, 1), (os.POSIX_SPAWN_DUP2, err_w, 2)]
    actions.insert(0, (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0))
    try:
        pid = os.posix_spawn(path, list(argv), {"PATH": PATH, "LC_ALL": "C"}, file_actions=actions, setpgroup=0)
    except OSError as error:
        os.close(out_r)
        os.close(err_r)
        return failure(error)
    finally:
        os.close(out_w)
        os.close(err_w)
    texts, in_time = drain(out_r, err_r, timeout_s)
    if not in_time:
        os.killpg(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if not in_time:
        return {"error": "ETIMEDOUT"}
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    if "--version" in argv:  # the next line of iperf3 holds the host's name
        texts = [text.split("\n")[0] for text in texts]
    return {"status": code, "stdout": texts[0], "stderr": texts[1]}


def drain(out, err, timeout_s):
    """Both outputs as text, cut at MAX_TEXT bytes, and whether they ended in time."""
    data = {out: b"", err: b""}
    waiting = select.poll()
    for descriptor in data:
        waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    open_ends, deadline_s = len(data), time.monotonic() + timeout_s
    while open_ends and time.monotonic() < deadline_s:
        for descriptor, _ in waiting.poll(max(0, int((deadline_s - time.monotonic()) * 1000))):
            part = os.read(descriptor, 4096)
            data[descriptor] = (data[descriptor] + part)[:MAX_TEXT]
            if not part:
                waiting.unregister(descriptor)
                open_ends -= 1
    os.close(out)
    os.close(err)
    return [data[d].decode("utf-8", "replace").strip() for d in (out, err)], not open_ends


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def which(name):
    for folder in PATH.split(":"):
        path = folder + "/" + name
        if os.access(path, os.X_OK):
            return path
    return None


def python(cpu):
    uname = os.uname()
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):
        libc = None
    return {
        "release": uname.release,
        "version": uname.version,
        "machine": uname.machine,
        "libc": libc,
        "python": " ".join([sys.implementation.name, ".".join(map(str, sys.version_info[:3]))]),
        "compiler": sys.version.split("[")[-1].rstrip("]"),
        "page_b": os.sysconf("SC_PAGE_SIZE"),
        "affinity": sorted(os.sched_getaffinity(0)),
        "processor": cpu,
        "processors": os.cpu_count(),
        "byteorder": sys.byteorder,
        "packages": packages(),
        "compilers": [name for name in ("gcc", "cc", "clang") if which(name)],
    }


def packages():
    """Version of each package that a measurement uses, from the name of its metadata folder."""
    here = os.path.dirname(os.path.abspath(__file__))
    versions = {}
    for folder in [here + "/site", *sys.path]:
        for name in names(folder) if folder else []:
            package, _, rest = name.partition("-")
            if package in ("pyperf", "psutil") and rest.endswith((".dist-info", ".egg-info")):
                versions.setdefault(package, rest.rsplit(".", 1)[0].split("-")[0])
    return versions


def clocks():
    """Resolution of the clock in s, and the shortest time of one read from Python in ns.

    The time tells whether a read enters the kernel.
    """
    clock = time.CLOCK_MONOTONIC_RAW
    shortest_ns = None
    for _ in range(5):
        start_ns = time.perf_counter_ns()
        for _ in range(200):
            time.clock_gettime(clock)
        spent_ns = (time.perf_counter_ns() - start_ns) / 200
        shortest_ns = spent_ns if shortest_ns is None else min(shortest_ns, spent_ns)
    return {"resolution_s": time.clock_getres(clock), "read_ns": shortest_ns}


def process():
    """Priority, scheduling policy and size of the environment variables that the probe's caller gave it."""
    try:
        size = len(read_bytes("/proc/self/environ", 1 << 20))
    except OSError:
        size = None
    policy = os.sched_getscheduler(0)
    return {"nice": os.getpriority(os.PRIO_PROCESS, 0), "policy": policy, "environment_b": size}


def devices():
    tag = read("/sys/class/dmi/id/chassis_asset_tag")
    present = {"kvm": os.path.exists("/dev/kvm"), "vhost_net": os.path.exists("/dev/vhost-net")}
    return {"azure": tag == AZURE_CHASSIS, **present}


def evidence(scratch_path, cpu):
    return {
        "format": 1,
        "files": files(cpu),
        "commands": {" ".join(argv): run(argv, limit) for argv, limit in COMMANDS},
        "python": python(cpu),
        "calls": clocks(),
        "process": process(),
        "namespaces": namespaces(),
        "container": container(),
        "cgroup": cgroups(),
        "acpi": acpi(),
        "cpuid": cpuid(),
        "devices": devices(),
        "network": network(),
        "scratch": scratch(scratch_path) if scratch_path else {"error": "ENOENT"},
    }


def evidence_of_network():
    """What differs where a session has another network."""
    return {"format": 1, "files": {path: read(path) for path in OF_NETWORK}, "network": network()}


if __name__ == "__main__":
    words = sys.argv[1:] + [None] * 2
    if words[0] == "--network":
        seen = evidence_of_network()
    else:
        seen = evidence(words[0], min(os.sched_getaffinity(0)) if words[1] is None else int(words[1]))
    json.dump(seen, sys.stdout)
