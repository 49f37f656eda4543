"""Reads control groups of this host: processor time and threads of a group and the groups below it (cgroups(7))."""

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
        """Folder of the group. None if the group is not below the mounted one."""
        return self.mount / group.relative_to(self.root) if group.is_relative_to(self.root) else None

    def usage_s(self, folder: Path) -> float:
        """Processor time so far of the group and the groups below it. Raises OSError, ValueError."""
        if self.version == 1:
            return int((folder / "cpuacct.usage").read_text(encoding="utf-8")) * 1e-9
        return usage_s((folder / "cpu.stat").read_text(encoding="utf-8"))

    @property
    def threads(self) -> str:
        return "tasks" if self.version == 1 else "cgroup.threads"


def hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """Hierarchies in /proc/self/mountinfo. v1's come first: a controller counts in one hierarchy only."""
    mounted: list[Hierarchy] = []
    for line in mountinfo.splitlines():
        point, _, kind = line.partition(" - ")
        fields, words = point.split(), kind.split()
        if len(fields) < 5 or len(words) < 3:
            continue
        version = {"cgroup": 1, "cgroup2": 2}.get(words[0])
        if version == 2 or (version == 1 and "cpuacct" in words[2].split(",")):
            root, mount = (_ESCAPED.sub(lambda code: chr(int(code[1], 8)), text) for text in fields[3:5])
            mounted.append(Hierarchy(Path(mount), PurePosixPath(root), version))
    return tuple(sorted(mounted, key=lambda one: one.version))


def usage_s(cpu_stat: str) -> float:
    """Processor time in v2's cpu.stat, which has `usage_usec` without any controller. Raises ValueError."""
    for line in cpu_stat.splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) * 1e-6
    raise ValueError("cpu.stat has no usage_usec")


def spent_s(group: PurePosixPath, mounted: tuple[Hierarchy, ...]) -> float | None:
    """Processor time so far of a group and the groups below it. None if no hierarchy has it."""
    for hierarchy in mounted:
        if folder := hierarchy.folder(group):
            with suppress(OSError, ValueError):
                return hierarchy.usage_s(folder)
    return None


def threads(group: PurePosixPath, mounted: tuple[Hierarchy, ...]) -> Iterator[int]:
    """Threads in a group and the groups below it, by the first hierarchy that has the group."""
    for hierarchy in mounted:
        folder = hierarchy.folder(group)
        if folder and folder.is_dir():
            for group_folder, _, _ in os.walk(folder):
                with suppress(OSError):  # the group has just been removed
                    text = Path(group_folder, hierarchy.threads).read_text(encoding="utf-8")
                    yield from (int(word) for word in text.split() if word != "0")  # 0: not in this namespace
            return
