"""Control groups of this host: what one and those below it have used, and the threads in them (cgroups(7))."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_ESCAPED = re.compile(r"\\([0-7]{3})")  # proc_pid_mountinfo(5): blanks and the like in a path


class Hierarchy(NamedTuple):
    """A mounted hierarchy that counts processor time, and the group that its mount point shows."""

    mount: Path
    root: PurePosixPath
    version: int

    def folder(self, group: PurePosixPath) -> Path | None:
        """Where the group is; None for one that is not below what is mounted."""
        return self.mount / group.relative_to(self.root) if group.is_relative_to(self.root) else None

    def usage_s(self, folder: Path) -> float:
        """Of the group and those below it, so far. Raises OSError, ValueError."""
        if self.version == 1:
            return int((folder / "cpuacct.usage").read_text(encoding="utf-8")) * 1e-9
        return usage_s((folder / "cpu.stat").read_text(encoding="utf-8"))

    @property
    def threads(self) -> str:
        return "tasks" if self.version == 1 else "cgroup.threads"


def hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """From /proc/self/mountinfo: v1's first, since a controller is in one hierarchy, and there it counts."""
    found = []
    for line in mountinfo.splitlines():
        mounted, _, kind = line.partition(" - ")
        fields, words = mounted.split(), kind.split()
        if len(fields) < 5 or len(words) < 3:
            continue
        version = {"cgroup": 1, "cgroup2": 2}.get(words[0])
        if version == 2 or (version == 1 and "cpuacct" in words[2].split(",")):
            root, mount = (_ESCAPED.sub(lambda code: chr(int(code[1], 8)), text) for text in fields[3:5])
            found.append(Hierarchy(Path(mount), PurePosixPath(root), version))
    return tuple(sorted(found, key=lambda one: one.version))


def usage_s(cpu_stat: str) -> float:
    """From cpu.stat of v2, which tells `usage_usec` with no controller on. Raises ValueError."""
    for line in cpu_stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) * 1e-6
    raise ValueError("cpu.stat has no usage_usec")


def spent_s(group: PurePosixPath, known: tuple[Hierarchy, ...]) -> float | None:
    """Processor time so far of a group and those below it; None where no hierarchy tells."""
    for hierarchy in known:
        if folder := hierarchy.folder(group):
            with suppress(OSError, ValueError):
                return hierarchy.usage_s(folder)
    return None


def threads(group: PurePosixPath, known: tuple[Hierarchy, ...]) -> Iterator[int]:
    """Threads in a group and those below it, of the first hierarchy that has it."""
    for hierarchy in known:
        folder = hierarchy.folder(group)
        if folder and folder.is_dir():
            for group_folder, _, _ in os.walk(folder):
                with suppress(OSError):  # the group has just been removed
                    text = Path(group_folder, hierarchy.threads).read_text(encoding="utf-8")
                    yield from (int(word) for word in text.split() if word != "0")  # 0: of no number in this namespace
            return
