"""This host's own processes, looked at for real."""

import os
import subprocess
import sys

import psutil
import pytest

from vbench.host import processes
from vbench.host.processes import TICKS, Task

STAT = "4711 ({}) S 12 4711 4711 0 -1 4194304 1 2 3 4 5 6 {} {} 20 0 1 0 99 1000 50 " + "0 " * 14 + "1 0 0 0 0 0 0"


@pytest.mark.parametrize("name", ["sh", "a b", ") S 1 (", "(((", "\udcff"])
def test_a_process_is_read_whatever_it_calls_itself(name: str) -> None:
    stat = STAT.format(name, 3 * TICKS, TICKS).encode("utf-8", "surrogateescape")
    assert processes.parse(stat) == Task(4711, 12, 4.0, 1)


def test_a_look_agrees_with_psutil() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 100 & wait"]) as child:
        try:
            own = psutil.Process(child.pid)
            while not own.children():
                pass
            tasks, _ = processes.snapshot()
            found = processes.below(tasks, os.getpid())
            expected = {child.pid, own.children()[0].pid}
            assert set(found) >= expected
            assert {found[pid] for pid in expected} == {child.pid}
            order = list(found)
            assert order.index(child.pid) < order.index(own.children()[0].pid)
            assert tasks[child.pid].parent == os.getpid()
            assert processes.is_pinned(child.pid, sorted(own.cpu_affinity() or ()))
            assert not processes.is_pinned(child.pid, ())
        finally:
            for process in (*own.children(), own):
                process.kill()


def test_the_time_of_a_child_that_ended_is_its_own_until_it_is_waited_for_and_then_its_parents() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10**7))']); print(flush=True)"
    argv = [sys.executable, "-c", f"{script}; input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        parent.stdout.readline()
        tasks, _ = processes.snapshot()
        assert tasks[parent.pid].ended_s > 0.01
        parent.communicate(b"\n")
    with pytest.raises(OSError, match=r"Invalid argument|No such process"):
        processes.spent_s(parent.pid)
