"""A container's config.json (OCI runtime specification) with what Docker and podman give a container by default.

From moby's daemon/pkg/oci and profiles, and containers/common's containers.conf. Where the two differ: capabilities
are Docker's, the limit of processes podman's (Docker has none). Environment and limits of a process are the agent's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from vbench.environments.seccomp import PROFILE, Filter
from vbench.units import show_bytes

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP"),
        *("SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    )
)
NAMESPACES = ("pid", "ipc", "uts", "mount")
MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"),
    *("/sys/devices/virtual/powercap", "/sys/firmware"),
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
MOST_PROCESSES = 2048
NOT_IN_FORCE = "not in force: AppArmor, SELinux, a user namespace, a cgroup namespace"


@dataclass(frozen=True)
class Limits:
    """Limits of the container's control group; `no_swap` is set where the kernel accounts swap."""

    cpus: Sequence[int]
    memory_b: int
    no_swap: bool
    quota: dict[str, int]


def mechanisms(limits: Limits, seccomp: Filter | None, *, networked: bool) -> tuple[str, ...]:
    """Mechanisms in force, followed by those that are off, in words."""
    cpus = ",".join(map(str, limits.cpus))
    swap = "no swap" if limits.no_swap else "swap, which this kernel does not account"
    return (
        f"cgroup cpuset {cpus}",
        f"cgroup memory limit {show_bytes(limits.memory_b)}, {swap}",
        f"cgroup limit of {MOST_PROCESSES} processes",
        f"namespaces {', '.join(NAMESPACES)}, {network_namespace(networked=networked)}",
        f"{len(CAPABILITIES)} capabilities",
        "no new privileges",
        f"system call filter {PROFILE} (sha256 {seccomp.digest[:12]})" if seccomp else "no system call filter",
        f"{len(MASKED)} masked and {len(READ_ONLY)} read-only paths of /proc and /sys",
        "the devices that every container has, no others",
        "read-only root",
        NOT_IN_FORCE,
    )


def network_namespace(*, networked: bool) -> str:
    """A container's network namespace in words. One without a link is not the host's: it has nothing but loopback."""
    return "network" if networked else "network with loopback alone"


def config(
    *,
    name: str,
    args: Sequence[str],
    root: PurePosixPath,
    scratch: PurePosixPath,
    limits: Limits,
    seccomp: Filter | None,
    netns: PurePosixPath | None,
) -> dict[str, Any]:
    """Content of config.json for one container named `name`. Without `netns` the runtime makes it an empty one.

    Runtimes bring up loopback in a network namespace that they make, and change nothing in one that is given.
    """
    namespaces: list[dict[str, str]] = [{"type": kind} for kind in NAMESPACES]
    namespaces.append({"type": "network", **({"path": str(netns)} if netns else {})})
    return {
        "ociVersion": "1.0.2",
        "hostname": "guest",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"],
            "cwd": "/",
            "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": _mounts(scratch),
        "linux": {
            "namespaces": namespaces,
            # Relative: below the caller's own group in a v1 hierarchy, beside it in v2, under the caller's limits.
            "cgroupsPath": name,
            "resources": _resources(limits),
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
            **({"seccomp": seccomp.rules} if seccomp else {}),
        },
    }


def _resources(limits: Limits) -> dict[str, Any]:
    memory = {"limit": limits.memory_b, **({"swap": limits.memory_b} if limits.no_swap else {})}
    return {
        "memory": memory,
        "cpu": {"cpus": ",".join(map(str, limits.cpus)), **limits.quota},
        "pids": {"limit": MOST_PROCESSES},
        # The runtime allows the few that every container has: null, zero, full, random, urandom, tty, ptmx.
        "devices": [{"allow": False, "access": "rwm"}],
    }


def _mounts(scratch: PurePosixPath) -> list[dict[str, Any]]:
    def mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
        return {"destination": target, "type": kind, "source": source, "options": list(options)}

    plain = ("nosuid", "noexec", "nodev")
    return [
        mount("/proc", "proc", "proc", *plain),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        mount("/dev/shm", "tmpfs", "shm", *plain, "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", *plain),
        mount("/sys", "sysfs", "sysfs", *plain, "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", *plain, "relatime", "ro"),
        mount("/tmp", "tmpfs", "tmpfs", "mode=1777"),
        mount("/run", "tmpfs", "tmpfs", "mode=755"),
        mount("/scratch", "bind", str(scratch), "bind", "rw"),
    ]
