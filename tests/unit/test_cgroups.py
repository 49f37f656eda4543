"""What a control group used is read from the hierarchy that counts it; what cannot be read is unknown."""

from pathlib import Path, PurePosixPath

import pytest

from vbench.beneath import Cgroup
from vbench.gates import Spent
from vbench.host import cgroups
from vbench.host.cgroups import Hierarchy
from vbench.host.local import LocalHost

HYBRID = r"""31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 /outer /sys/fs/cgroup/cpu\040acct rw,relatime - cgroup cgroup rw,cpuacct,cpu
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
"""
CPU_STAT = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
GROUP = PurePosixPath("/vbench/container")


def test_hierarchies_that_count_are_found_and_version_1_comes_first() -> None:
    assert cgroups.hierarchies(HYBRID) == (
        Hierarchy(Path("/sys/fs/cgroup/cpu acct"), PurePosixPath("/outer"), 1),
        Hierarchy(Path("/sys/fs/cgroup/unified"), PurePosixPath("/"), 2),
    )
    assert cgroups.hierarchies("") == ()
    assert cgroups.hierarchies("31 23 0:28 / /sys/fs/cgroup - cgroup2\n") == ()


def test_a_group_that_is_not_below_what_is_mounted_has_no_folder() -> None:
    hierarchy = Hierarchy(Path("/mnt"), PurePosixPath("/outer"), 1)
    assert hierarchy.folder(PurePosixPath("/outer/inner")) == Path("/mnt/inner")
    assert hierarchy.folder(PurePosixPath("/other")) is None


@pytest.mark.parametrize("text", ["", "user_usec 1\n", "usage_usec many\n"])
def test_a_cpu_stat_without_usage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"usage_usec|invalid literal"):
        cgroups.usage_s(text)


@pytest.fixture(params=[1, 2])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> LocalHost:
    """A host with one hierarchy, of either version, and a group in it that used 2.5 s."""
    mount, group = tmp_path / "mounted", tmp_path / "mounted/vbench/container"
    (group / "below").mkdir(parents=True)
    kind = "cgroup cgroup rw,cpuacct" if request.param == 1 else "cgroup2 cgroup2 rw"
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(f"33 31 0:30 / {mount} rw - {kind}\n")
    if request.param == 1:
        (group / "cpuacct.usage").write_text("2500000000\n")
    else:
        (group / "cpu.stat").write_text(CPU_STAT)
    threads = "tasks" if request.param == 1 else "cgroup.threads"
    (group / threads).write_text("7\n")
    (group / "below" / threads).write_text("8\n0\n9\n")
    return LocalHost(procfs=tmp_path)


def test_the_processor_time_of_a_group_is_what_its_hierarchy_counts(host: LocalHost) -> None:
    assert host.spent((), Cgroup(GROUP)) == Spent(2.5, {})


def test_the_threads_of_a_group_are_those_of_the_groups_below_it_too(host: LocalHost) -> None:
    known = cgroups.hierarchies((host.procfs / "self/mountinfo").read_text())
    assert list(cgroups.threads(GROUP, known)) == [7, 8, 9]
    assert list(cgroups.threads(PurePosixPath("/vbench/none"), known)) == []


@pytest.mark.parametrize("path", ["/vbench/none", "/vbench/container/below"])
def test_a_group_that_is_gone_or_does_not_tell_is_unknown_and_not_zero(host: LocalHost, path: str) -> None:
    assert host.spent((), Cgroup(PurePosixPath(path))).ours_s is None


def test_a_host_without_control_groups_knows_nothing_of_one(tmp_path: Path) -> None:
    host = LocalHost(procfs=tmp_path)
    assert host.spent((), Cgroup(GROUP)).ours_s is None
    assert host.counters((), Cgroup(GROUP)).ours_s is None
