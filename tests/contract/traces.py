"""What a start could leave behind on the host: processes, mounts, namespaces, interfaces, cgroups, files."""

import time
from contextlib import suppress
from pathlib import Path


def traces() -> dict[str, frozenset[str]]:
    return {
        "processes": frozenset(_processes()),
        "mounts": frozenset(line for line in Path("/proc/self/mounts").read_text().splitlines()),
        "named namespaces": frozenset(path.name for path in Path("/run/netns").glob("*")),
        "interfaces": frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        "cgroups": frozenset(str(path) for path in Path("/sys/fs/cgroup").glob("**/vbench*")),
        "files": frozenset(str(path) for path in Path("/var/tmp").glob("vbench-*/*")),
    }


def left_by(scratch: Path) -> list[str]:
    """What runs with this scratch folder have left: processes, mounts, namespaces, containers, files."""
    found = [f"{name}: {line}" for name, lines in traces().items() for line in lines if str(scratch) in line]
    return [*found, *_idle(), *(str(path) for path in scratch.glob("*"))]


def _idle(looks: int = 20) -> list[str]:
    """Control groups that stay empty: one of another run is empty for a moment, before its process and after it."""
    seen = _empty()
    while seen and looks:
        time.sleep(0.1)
        seen &= _empty()
        looks -= 1
    return sorted(seen)


def _empty() -> set[str]:
    found = set()
    for path in Path("/sys/fs/cgroup").glob("**/vbench-*/cgroup.procs"):
        with suppress(OSError):  # it has just been removed
            if not path.read_text():
                found.add(str(path))
    return found


def _processes() -> list[str]:
    ours = ("/var/tmp/vbench-", "vbench-holder", "agent.py", "driver.py")
    return [words for words in command_lines() if any(mark in words for mark in ours)]


def command_lines() -> list[str]:
    """`pid words` of every process on the host."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(f"{path.parent.name} {words}")
    return found
