"""A container is held as Docker and podman hold one: proved inside a real one, by trying what must not work."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.stacks import Stack
from vbench import facts
from vbench.benchmarks.disk import RandRead
from vbench.contracts import Session, Start, Started
from vbench.environments.bare import Bare
from vbench.environments.oci import Oci
from vbench.errors import TrialFailed
from vbench.units import Bytes

pytestmark = pytest.mark.parametrize("stack", ["oci-runc"], indirect=True, scope="package")
IO_URING_SETUP = 425  # the same on every architecture
CALL = f"""
import ctypes, os
library = ctypes.CDLL(None, use_errno=True)
library.syscall({IO_URING_SETUP}, 0, None)
print(ctypes.get_errno())
"""


def shell(session: Session, words: str) -> str:
    done = session.run(["sh", "-c", words], timeout_s=60)
    return f"{done.status} {done.text}{done.stderr.decode()}"


def io_uring(session: Session) -> int:
    return int(session.run([session.workplace.python, "-c", CALL], timeout_s=60).check().text)


def test_the_hosts_kernel_settings_cannot_be_written(session: Session) -> None:
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness"):
        assert "Read-only file system" in shell(session, f"echo x >{path}")
    assert shell(session, "echo h >/proc/sysrq-trigger")[0] != "0"  # a kernel may have none


def test_masked_paths_show_nothing(session: Session) -> None:
    for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"):
        assert shell(session, f"head -c 1 {path} 2>/dev/null | wc -c") == "0 0\n", path
    for path in ("/sys/firmware", "/proc/acpi", "/proc/scsi"):
        assert shell(session, f"ls -A {path} 2>/dev/null | wc -l") == "0 0\n", path


def test_namespaces_and_mounts_cannot_be_made(session: Session) -> None:
    for words in ("unshare -m true", "unshare -n true", "mount -t tmpfs x /tmp", "mount --bind / /tmp"):
        assert shell(session, words)[0] != "0"


def test_a_device_of_the_host_can_be_named_and_not_opened(session: Session) -> None:
    said = shell(session, "mknod /tmp/disk b 8 0 && head -c 1 /tmp/disk; mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem")
    assert said.count("Operation not permitted") == 2
    assert (
        shell(session, "head -c 1 /dev/urandom | wc -c; echo x >/dev/null; head -c 3 /dev/zero | wc -c") == "0 1\n3\n"
    )


def test_processes_and_swap_are_limited_and_the_facts_say_so(session: Session) -> None:
    found = facts.collect(session)
    assert found["cgroup.pids.max"].value == 2048
    assert found["cgroup.memory.max"].value == 2**30
    assert found["cgroup.memory.swap_max"].value == 0
    assert found["limits.memory.measured"].value == 2**30


def test_a_filter_is_in_force_and_turns_no_speculation_control_on(stack: Stack, session: Session) -> None:
    inside = facts.collect(session)
    with Bare().start(stack.host, stack.testbed) as native:
        outside = facts.collect(native)
    assert (inside["process.seccomp"].value, outside["process.seccomp"].value) == ("filter", "off")
    for key in ("process.speculation_store_bypass", "process.speculation_indirect_branch"):
        assert inside[key].value == outside[key].value, key
    assert io_uring(session) == errno.ENOSYS
    assert isinstance(session, Started)
    (said,) = [words for words in session.mechanisms if "system call filter" in words]
    assert said.startswith("system call filter /usr/share/containers/seccomp.json (sha256 ")


def test_without_the_filter_the_same_call_reaches_the_kernel(stack: Stack) -> None:
    with Oci(seccomp=False).start(stack.host, stack.testbed) as session:
        assert facts.collect(session)["process.seccomp"].value == "off"
        assert io_uring(session) not in (0, errno.ENOSYS)
        assert isinstance(session, Started)
        assert "no system call filter" in session.mechanisms


@pytest.fixture
def start(stack: Stack, session: Session) -> Iterator[Start]:
    with ExitStack() as exits:
        yield Start(session, stack.testbed, 100, 0.1, 0.0, None, lambda name, data: None, exits)


def test_an_engine_that_the_filter_refuses_fails_its_trial_and_says_what_to_do(start: Start) -> None:
    with pytest.raises(TrialFailed, match="fio") as caught:
        RandRead(size=Bytes(2**22), depth=4, engine="io_uring").measure(start)
    assert "system call filter" in caught.value.hint
    assert "iops" in RandRead(size=Bytes(2**22), depth=4).measure(start).samples
