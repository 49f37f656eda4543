"""Evidence about hypervisors and containers: marks, namespaces and limits, never a path or an identifier."""

import errno
import os

from probe_reading import failure, mounts, read, read_bytes, read_head

MAX_LEVELS = 256  # the deepest that a path of the kernel can be, at 16 letters a group
CGROUP_FILES = {
    "cgroup2": ("cpu.max", "cpu.weight", "cpuset.cpus.effective", "memory.max", "memory.swap.max", "pids.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares"),
    "cpuset": ("cpuset.effective_cpus", "cpuset.cpus"),
    "memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "pids": ("pids.max",),
}
CGROUP_WORDS = ("docker", "kubepods", "libpod", "containerd", "crio", "lxc", "machine.slice", "garden", "buildkit")


def namespaces():
    """Number of each namespace by its kind. Namespaces whose link cannot be read are left out."""
    numbers = {}
    for kind in ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"):
        try:
            numbers[kind] = int(os.readlink("/proc/self/ns/" + kind).split("[")[1].rstrip("]"))
        except (OSError, IndexError, ValueError):
            continue
    return numbers


def container():
    """Marks of container engines: files, `container=` of the first process, and known words in the cgroup's path."""
    marks = {"dockerenv": os.path.exists("/.dockerenv"), "containerenv": os.path.exists("/run/.containerenv")}
    try:
        words = read_bytes("/proc/1/environ", 1 << 20).split(b"\0")
        values = [word[10:].decode("ascii", "replace") for word in words if word.startswith(b"container=")]
        marks["environ"] = values[0] if values else ""
    except OSError as error:
        marks["environ"] = failure(error)
    path = read("/proc/self/cgroup")
    marks["cgroup"] = path if isinstance(path, dict) else [word for word in CGROUP_WORDS if word in path]
    return marks


def cgroups():
    """Limit files of the process's cgroups by controller, from its own group up to the mounted root."""
    paths = {}
    text = read("/proc/self/cgroup")
    for line in [] if isinstance(text, dict) else text.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        for controller in ["cgroup2"] if number == "0" else controllers.split(","):
            paths[controller] = path
    limits = {}
    for _, root, point, _, kind, _, options in mounts():
        held = ["cgroup2"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for controller in set(held) & set(paths) & set(CGROUP_FILES):
            limits[controller] = levels(point, below(root, paths[controller]), CGROUP_FILES[controller])
    return limits


def below(root, path):
    """The path below the mounted root. Empty where a container's mount shows only its own group."""
    root = root.rstrip("/")
    return path[len(root) :].strip("/") if (path + "/").startswith(root + "/") else ""


def levels(point, path, wanted):
    """The wanted files of each group on the way up from `path`. Missing files are left out."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    groups = []
    for depth in range(len(parts), -1, -1):
        folder = "/".join([point, *parts[:depth]])
        present = {name: read(folder + "/" + name) for name in wanted}
        groups.append({name: text for name, text in present.items() if text != {"error": "ENOENT"}})
    return groups[:MAX_LEVELS]


def acpi():
    """Makers named in the headers of ACPI tables. Some hypervisors name themselves there and have no DMI."""
    makers = set()
    for table in ("FACP", "APIC", "DSDT"):
        try:
            header = read_head("/sys/firmware/acpi/tables/" + table, 36)
        except OSError as error:
            if error.errno != errno.ENOENT:
                return failure(error)
            continue
        makers.add(header[10:16].decode("ascii", "replace").strip(" \0"))
    return sorted(makers)


def cpuid():
    """Signature of the hypervisor leaf, 0x40000000. CPUID runs in a child process, which may be killed for it."""
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
    """EBX, ECX and EDX of CPUID leaf 0x40000000: 12 bytes."""
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
