"""Reads what this machine is and prints the raw evidence as one JSON object; vbench.facts turns it into facts.

Runs inside every environment, also under emulation, so it imports little and starts few processes. Everything it reads
stands in this file by name: no serial, UUID, hardware address, host name or user name is asked for.
Python 3.9 and later, standard library only.  Usage: probe.py [SCRATCH]
"""

import errno
import json
import os
import select
import signal
import sys
import time

MAX_TEXT = 65536
MAX_LEVELS = 32
MAX_INTERFACES = 64

CPU = "/sys/devices/system/cpu"
FILES = (
    "/proc/cmdline",
    "/proc/loadavg",
    "/proc/sys/kernel/nmi_watchdog",
    "/proc/sys/kernel/numa_balancing",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/net/core/default_qdisc",
    "/proc/sys/net/ipv4/tcp_congestion_control",
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
    CPU + "/online",
    CPU + "/isolated",
    CPU + "/nohz_full",
    CPU + "/smt/active",
    CPU + "/smt/control",
    CPU + "/cpuidle/current_driver",
    CPU + "/cpufreq/boost",
    CPU + "/intel_pstate/no_turbo",
    CPU + "/cpu0/cpufreq/scaling_driver",
    CPU + "/cpu0/cpufreq/scaling_governor",
    CPU + "/cpu0/cpufreq/scaling_max_freq",
)
COMMANDS = (
    (("systemd-detect-virt", "--vm"), 10.0),
    (("systemd-detect-virt", "--container"), 10.0),
    (("virt-what",), 20.0),
    (("fio", "--version"), 10.0),
    (("iperf3", "--version"), 10.0),
)
STATUS_LINES = (
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
CGROUP_FILES = {
    "cgroup2": ("cpu.max", "cpu.weight", "cpuset.cpus.effective", "memory.max", "memory.swap.max", "pids.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares"),
    "cpuset": ("cpuset.effective_cpus", "cpuset.cpus"),
    "memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "pids": ("pids.max",),
}
CGROUP_WORDS = ("docker", "kubepods", "libpod", "containerd", "crio", "lxc", "machine.slice", "garden", "buildkit")
QUEUE_FILES = ("scheduler", "rotational", "nr_requests", "read_ahead_kb", "logical_block_size", "write_cache")
OFFLOADS = {"sg": 0x18, "tso": 0x1E, "gso": 0x23, "gro": 0x2B, "tx-checksum": 0x16, "rx-checksum": 0x14}
AZURE_CHASSIS = "7783-7084-3265-9085-8269-3286-77"  # the same on every Azure machine, so it identifies none


def failure(error):
    return {"error": errno.errorcode.get(error.errno, str(error.errno))}


def read_bytes(path, limit=MAX_TEXT):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = []
        while limit > 0:
            part = os.read(descriptor, limit)
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read(path):
    try:
        return read_bytes(path).decode("utf-8", "replace").replace("\0", "\n").strip("\n")
    except OSError as error:
        return failure(error)


def names(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def lines_of(path, keys):
    """The lines of a `key: value` file whose key is asked for."""
    text = read(path)
    if isinstance(text, dict):
        return text
    return "\n".join(line for line in text.splitlines() if line.split(":")[0].strip() in keys)


def cpuinfo():
    """The first processor in full, of the others only where they are: 256 repetitions of the flags say nothing more."""
    try:
        text = read_bytes("/proc/cpuinfo", 8 << 20).decode("utf-8", "replace")
    except OSError as error:
        return failure(error)
    first, *others = text.strip().split("\n\n")
    # aarch64 and s390 name the machine in its own block; a board's "Serial" line stands there too.
    kept = [line for line in first.splitlines() if not line.lower().startswith("serial")]
    blocks = ["\n".join(kept)]
    for other in others:
        wanted = ("processor", "physical id", "core id", "CPU part")
        chosen = [line for line in other.splitlines() if line.split(":")[0].strip() in wanted]
        if chosen:
            blocks.append("\n".join(chosen))
    return "\n\n".join(blocks)


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


def files():
    found = {path: read(path) for path in FILES}
    found["/proc/cpuinfo"] = cpuinfo()
    found["/proc/self/status"] = lines_of("/proc/self/status", STATUS_LINES)
    found["/proc/meminfo"] = lines_of("/proc/meminfo", MEMORY_LINES)
    found["kernel config"] = kernel_config()
    for name in names(CPU + "/vulnerabilities"):
        found[CPU + "/vulnerabilities/" + name] = read(CPU + "/vulnerabilities/" + name)
    for index in names(CPU + "/cpu0/cache"):
        if index.startswith("index"):
            for part in ("level", "type", "size", "shared_cpu_list"):
                path = CPU + "/cpu0/cache/" + index + "/" + part
                found[path] = read(path)
    for supply in names("/sys/class/power_supply"):
        kind = read("/sys/class/power_supply/" + supply + "/type")
        if kind == "Mains":
            found["mains"] = read("/sys/class/power_supply/" + supply + "/online")
    return found


def run(argv, timeout_s):
    """Not subprocess: its import alone costs more than all the reading, ten times so under emulation."""
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
    if "--version" in argv:  # iperf3 goes on with the host's name
        texts = [text.split("\n")[0] for text in texts]
    return {"status": code, "stdout": texts[0], "stderr": texts[1]}


def drain(out, err, timeout_s):
    data = {out: b"", err: b""}
    waiting = select.poll()
    for descriptor in data:
        waiting.register(descriptor, select.POLLIN | select.POLLHUP)
    still, end = len(data), time.monotonic() + timeout_s
    while still and time.monotonic() < end:
        for descriptor, _ in waiting.poll(max(0, int((end - time.monotonic()) * 1000))):
            part = os.read(descriptor, 4096)
            data[descriptor] = (data[descriptor] + part)[:MAX_TEXT]
            if not part:
                waiting.unregister(descriptor)
                still -= 1
    os.close(out)
    os.close(err)
    return [data[d].decode("utf-8", "replace").strip() for d in (out, err)], not still


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def which(name):
    for folder in PATH.split(":"):
        path = folder + "/" + name
        if os.access(path, os.X_OK):
            return path
    return None


def python():
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
        "python": "%s %d.%d.%d" % (sys.implementation.name, *sys.version_info[:3]),
        "compiler": sys.version.split("[")[-1].rstrip("]"),
        "page_b": os.sysconf("SC_PAGE_SIZE"),
        "affinity": sorted(os.sched_getaffinity(0)),
        "processors": os.cpu_count(),
        "byteorder": sys.byteorder,
        "packages": packages(),
        "compilers": [name for name in ("gcc", "cc", "clang") if which(name)],
    }


def packages():
    """Version of each package that takes part in a measurement, from the names of its metadata folders."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = {}
    for folder in [here + "/site", *sys.path]:
        for name in names(folder) if folder else []:
            package, _, rest = name.partition("-")
            if package in ("pyperf", "psutil") and rest.endswith((".dist-info", ".egg-info")):
                found.setdefault(package, rest.rsplit(".", 1)[0].split("-")[0])
    return found


def clocks():
    """Resolution, and the least cost of one read as Python pays it: what counts is whether it enters the kernel."""
    clock = time.CLOCK_MONOTONIC_RAW
    best = None
    for _ in range(5):
        start = time.perf_counter_ns()
        for _ in range(200):
            time.clock_gettime(clock)
        spent = (time.perf_counter_ns() - start) / 200
        best = spent if best is None else min(best, spent)
    return {"resolution_s": time.clock_getres(clock), "read_ns": best}


def namespaces():
    """Only the numbers: links that cannot be read are left out."""
    found = {}
    for kind in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"):
        try:
            found[kind] = int(os.readlink("/proc/self/ns/" + kind).split("[")[1].rstrip("]"))
        except (OSError, IndexError, ValueError):
            continue
    return found


def container():
    """Marks that engines leave; of the first process's environment only `container=`, of the path only known words."""
    marks = {"dockerenv": os.path.exists("/.dockerenv"), "containerenv": os.path.exists("/run/.containerenv")}
    try:
        words = read_bytes("/proc/1/environ").split(b"\0")
        values = [word[10:].decode("ascii", "replace") for word in words if word.startswith(b"container=")]
        marks["environ"] = values[0] if values else ""
    except OSError as error:
        marks["environ"] = failure(error)
    path = read("/proc/self/cgroup")
    marks["cgroup"] = path if isinstance(path, dict) else [word for word in CGROUP_WORDS if word in path]
    return marks


def mounts():
    """(device number, root, mount point, options, type, source, super options) of every mount."""
    text = read("/proc/self/mountinfo")
    for line in [] if isinstance(text, dict) else text.splitlines():
        left, _, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if len(before) >= 6 and len(after) >= 3:
            yield before[2], before[3], before[4], before[5], after[0], after[1], after[2]


def cgroups():
    """The limit files of the process's groups, from its own up to the mounted root; never a path."""
    paths = {}
    text = read("/proc/self/cgroup")
    for line in [] if isinstance(text, dict) else text.splitlines():
        number, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        for controller in ["cgroup2"] if number == "0" else controllers.split(","):
            paths[controller] = path
    found = {}
    for _, root, point, _, kind, _, options in mounts():
        held = ["cgroup2"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for controller in set(held) & set(paths) & set(CGROUP_FILES):
            found[controller] = levels(point, below(root, paths[controller]), CGROUP_FILES[controller])
    return found


def below(root, path):
    """The path under the mounted root; a container's mount may show only its own group."""
    root = root.rstrip("/")
    return path[len(root) :].strip("/") if (path + "/").startswith(root + "/") else ""


def levels(point, path, wanted):
    parts = [part for part in path.split("/") if part not in ("", "..")]
    found = []
    for depth in range(len(parts), -1, -1):
        folder = "/".join([point, *parts[:depth]])
        present = {name: read(folder + "/" + name) for name in wanted}
        found.append({name: text for name, text in present.items() if text != {"error": "ENOENT"}})
    return found[:MAX_LEVELS]


def acpi():
    """Maker's name in each table's header: hypervisors sign there where there is no DMI."""
    found = set()
    for table in ("FACP", "APIC", "DSDT"):
        try:
            header = read_bytes("/sys/firmware/acpi/tables/" + table, 36)
        except OSError as error:
            if error.errno != errno.ENOENT:
                return failure(error)
            continue
        found.add(header[10:16].decode("ascii", "replace").strip(" \0"))
    return sorted(found)


def cpuid():
    """Signature of the hypervisor leaf 0x40000000, by executing CPUID in a child: if that is forbidden, only it dies."""
    if os.uname().machine != "x86_64":
        return {"error": "ENOTSUP"}
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(w, execute_cpuid())
        finally:
            os._exit(0)
    os.close(w)
    data = os.read(r, 16)
    os.close(r)
    os.waitpid(child, 0)
    return {"error": "EPERM"} if len(data) != 12 else data.decode("latin-1")


def execute_cpuid():
    import ctypes
    import mmap

    # mov r8,rdi; push rbx; mov eax,0x40000000; xor ecx,ecx; cpuid; mov [r8],ebx; [r8+4],ecx; [r8+8],edx; pop rbx; ret
    code = bytes.fromhex("4989f8 53 b800000040 31c9 0fa2 418918 41894804 41895008 5b c3")
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    out = ctypes.create_string_buffer(12)
    ctypes.CFUNCTYPE(None, ctypes.c_char_p)(address)(ctypes.cast(out, ctypes.c_char_p))
    return out.raw


def devices():
    tag = read("/sys/class/dmi/id/chassis_asset_tag")
    present = {"kvm": os.path.exists("/dev/kvm"), "vhost_net": os.path.exists("/dev/vhost-net")}
    return {"azure": tag == AZURE_CHASSIS, **present}


def network():
    """Every interface but loopback, without its name or address: driver, MTU, offloads, whether it is on the run's range."""
    try:
        import _socket
        import fcntl
        from array import array

        channel = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    except (ImportError, OSError):
        return {"error": "EACCES"}
    found = []
    try:
        for _, name in _socket.if_nameindex()[:MAX_INTERFACES]:
            one = interface(fcntl.ioctl, channel.fileno(), name.encode()[:15].ljust(16, b"\0"), array)
            if one is not None:
                found.append(one)
    finally:
        channel.close()
    return found


def interface(ioctl, descriptor, name, array):
    def ask(number):
        return ioctl(descriptor, number, name + bytes(24))[16:]

    def ethtool(command, size):
        data = array("B", command.to_bytes(4, sys.byteorder) + bytes(size))
        request = name + data.buffer_info()[0].to_bytes(8, sys.byteorder) + bytes(16)
        ioctl(descriptor, 0x8946, request)  # SIOCETHTOOL
        return data.tobytes()

    try:
        flags = int.from_bytes(ask(0x8913)[:2], sys.byteorder)  # SIOCGIFFLAGS
        mtu = int.from_bytes(ask(0x8921)[:4], sys.byteorder)  # SIOCGIFMTU
    except OSError:
        return None
    if flags & 0x8:  # loopback
        return None
    result = {"up": bool(flags & 1), "mtu": mtu, "driver": None, "offloads": None, "bench": False}
    try:
        result["driver"] = ethtool(0x3, 192)[4:36].split(b"\0")[0].decode("ascii", "replace")
        on = [word for word, command in OFFLOADS.items() if any(ethtool(command, 4)[4:8])]
        result["offloads"] = sorted(on)
    except OSError:
        pass
    try:
        address = ask(0x8915)[4:8]  # SIOCGIFADDR
        result["bench"] = address[0] == 198 and address[1] in (18, 19)
    except OSError:
        pass
    return result


def scratch(path):
    try:
        number = os.stat(path).st_dev
    except OSError as error:
        return failure(error)
    device = "%d:%d" % (os.major(number), os.minor(number))
    result = {"filesystem": None, "options": None, "block": None, "direct": direct(path)}
    real, best = os.path.realpath(path), -1
    for device_of, _, point, options, kind, source, extra in mounts():
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= best:
            best = len(point)
            result["filesystem"] = kind
            result["options"] = sorted(set(options.split(",") + extra.split(",")))
            device = device_of if not device_of.startswith("0:") else behind(source)
    result["block"] = block(device) if device else None
    return result


def behind(source):
    """Number of the block device that a file system without its own (btrfs) is mounted from."""
    try:
        number = os.stat(source).st_rdev if source.startswith("/dev/") else 0
    except OSError:
        return None
    return "%d:%d" % (os.major(number), os.minor(number)) if number else None


def block(device):
    folder = os.path.realpath("/sys/dev/block/" + device)
    if not os.path.isdir(folder):
        return None
    if os.path.exists(folder + "/partition"):
        folder = os.path.dirname(folder)
    found = {name: read(folder + "/queue/" + name) for name in QUEUE_FILES}
    found["name"] = os.path.basename(folder)
    found["model"] = read(folder + "/device/model")
    found["driver"] = None
    for link in ("/device/driver", "/device/device/driver"):
        if os.path.exists(folder + link):
            found["driver"] = os.path.basename(os.path.realpath(folder + link))
            break
    return found


def direct(path):
    """Whether a file here takes an aligned write with O_DIRECT: True, False or the error of making the file."""
    import mmap

    name = path + "/.vbench-probe-%d" % os.getpid()
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return failure(error)
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        try:
            return os.write(descriptor, mmap.mmap(-1, 4096)) == 4096
        finally:
            os.close(descriptor)
    except OSError as error:
        return False if error.errno == errno.EINVAL else failure(error)
    finally:
        os.unlink(name)


def evidence(scratch_path):
    return {
        "format": 1,
        "files": files(),
        "commands": {" ".join(argv): run(argv, limit) for argv, limit in COMMANDS},
        "python": python(),
        "calls": clocks(),
        "namespaces": namespaces(),
        "container": container(),
        "cgroup": cgroups(),
        "acpi": acpi(),
        "cpuid": cpuid(),
        "devices": devices(),
        "network": network(),
        "scratch": scratch(scratch_path) if scratch_path else {"error": "ENOENT"},
    }


if __name__ == "__main__":
    json.dump(evidence(sys.argv[1] if len(sys.argv) > 1 else None), sys.stdout)
