"""What the agent gives a command: the same, whatever the process has that started it."""

import os
import sys
from typing import Any

import pytest

from vbench import facts
from vbench.facts.evidence import Evidence, Process
from vbench.facts.process import read
from vbench.host import proc
from vbench.host.proc import GUEST, LocalSession
from vbench.model import Facts, Status

USUAL = [sys.executable, "-I", "-S", str(GUEST / "surroundings.py")]
GIVEN = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/tmp",
    "TMPDIR=/tmp",
    "LC_ALL=C.UTF-8",
    "TZ=UTC",
}
RT_SIGACTION = {"x86_64": 13, "aarch64": 134}
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max stack size            8388608              unlimited            bytes
Max open files            1024                 16384                files
"""


def shell(words: str, *, env: dict[str, str] | None = None) -> str:
    return proc.run([*USUAL, "sh", "-c", words], timeout_s=30, env=env).check().text


def test_a_command_gets_the_fixed_variables_and_no_others() -> None:
    secret = {"https_proxy": "http://user:password@x", "PIP_INDEX_URL": "y", "TMPDIR": "/nowhere", "TZ": "Asia/Tokyo"}
    done = proc.run([*USUAL, "env"], timeout_s=30, env=secret).check()
    assert set(done.text.splitlines()) == GIVEN


def test_the_dose_of_a_known_fault_is_the_only_variable_that_passes() -> None:
    assert "VBENCH_DOSE=0.02" in shell("env", env={"VBENCH_DOSE": "0.02"}).splitlines()


def test_limits_mask_signals_and_folder_are_the_usual_ones() -> None:
    odd = "umask 077; ulimit -S -n 700; ulimit -c unlimited; trap '' HUP USR1; cd /var/tmp; exec \"$@\""
    look = "pwd; umask; ulimit -S -n; ulimit -c; ulimit -s; grep -E 'SigIgn|SigBlk' /proc/self/status"
    done = proc.run(["sh", "-c", odd, "sh", *USUAL, "sh", "-c", look], timeout_s=30).check()
    folder, mask, files, cores, stack, blocked, ignored = done.text.splitlines()
    assert (folder, mask, files, cores, stack) == ("/", "0022", "1024", "0", "8192")
    assert blocked.split() == ["SigBlk:", "0" * 16]
    assert ignored.split() == ["SigIgn:", "0" * 16]


@pytest.mark.skipif(os.uname().machine not in RT_SIGACTION, reason="the number of the system call is not known")
def test_signals_that_only_the_c_library_sets_are_not_ignored_either() -> None:
    """A command of make has one of them ignored."""
    ignore = f"""import ctypes, os, sys
for number in (32, 33):
    ctypes.CDLL(None).syscall({RT_SIGACTION[os.uname().machine]}, number, (ctypes.c_ulong * 4)(1), None, 8)
os.execvp(sys.argv[1], sys.argv[1:])
"""
    look = ["grep", "SigIgn", "/proc/self/status"]
    caller = [sys.executable, "-c", ignore]
    assert proc.run([*caller, *look], timeout_s=30).check().text.split()[1][-8:] != "0" * 8
    assert proc.run([*caller, *USUAL, *look], timeout_s=30).check().text.split() == ["SigIgn:", "0" * 16]


def test_a_limit_that_may_not_be_raised_stays_as_near_as_it_can() -> None:
    low = 'ulimit -n 300; exec "$@"'
    unprivileged = "ulimit -S -n; ulimit -H -n"
    drop = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"] if os.geteuid() == 0 else []
    done = proc.run(["sh", "-c", low, "sh", *drop, *USUAL, "sh", "-c", unprivileged], timeout_s=30).check()
    assert done.text.split() == ["300", "300"]


def test_a_command_that_is_not_there_is_status_127_in_its_own_words() -> None:
    done = proc.run([*USUAL, "no-such-command", "x"], timeout_s=30)
    assert done.status == 127
    with pytest.raises(Exception, match=r"^no-such-command was not found: no-such-command: No such file"):
        done.check()


def test_commands_of_a_run_get_nothing_of_the_caller_but_where_programs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "PIP_INDEX_URL", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "DOCKER_HOST", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/x")
    words = dict(line.split("=", 1) for line in LocalSession().run(["env"], timeout_s=30).text.splitlines())
    assert set(words) == {"PATH", "LC_ALL"}
    with LocalSession().spawn(["env"]) as process:
        assert {line.split(b"=")[0] for line in process.stdout.read().splitlines()} == {b"PATH", b"LC_ALL"}


def test_what_fetches_keeps_proxy_and_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("SSL_CERT_FILE", "/x")
    assert {"https_proxy=http://proxy", "SSL_CERT_FILE=/x"} <= set(proc.run(["env"], timeout_s=30).text.splitlines())


def test_a_callers_priority_is_put_aside_and_given_back() -> None:
    script = (
        "import ctypes, os; from vbench.host import priority\n"
        "prctl = ctypes.CDLL(None).prctl; prctl(29, 123456, 0, 0, 0); prctl(41, 1, 0, 0, 0)\n"
        "os.nice(7); os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\n"
        "given = lambda: (prctl(30, 0, 0, 0, 0), prctl(42, 0, 0, 0, 0))\n"
        "look = lambda: (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), *given())\n"
        "with priority.usual(): inside = look()\n"
        "print(*inside, *look())"
    )
    said = proc.run([sys.executable, "-c", script], timeout_s=30).check().text.split()
    may = os.geteuid() == 0
    before, inside = ["7", str(os.SCHED_BATCH), "123456", "1"], ["0" if may else "7", str(os.SCHED_OTHER), "50000", "0"]
    assert said == [*inside, *before]


def given(limits: str | None = LIMITS, **process: Any) -> Facts:
    files: dict[str, Any] = {} if limits is None else {"/proc/self/limits": limits}
    return read(Evidence(1, files=files, process=Process(**process)))


def test_limits_and_priority_are_facts_in_the_kernels_own_words() -> None:
    found = given(nice=5, policy=3, environment_b=116)
    values = {name: fact.value for name, fact in found.items() if fact.status == Status.OK}
    assert values == {
        "process.nice": 5,
        "process.scheduling": "batch",
        "process.environment": 116,
        "process.limits.cpu": "unlimited:unlimited",
        "process.limits.stack": "8388608:unlimited",
        "process.limits.nofile": "1024:16384",
    }


@pytest.mark.parametrize("limits", [None, "", "Max open files   many  few\n", "x" * 100])
def test_a_limit_that_cannot_be_read_is_no_number(limits: str | None) -> None:
    found = given(limits)["process.limits.nofile"]
    assert found.value is None
    assert found.status == (Status.ABSENT if limits is None else Status.ERROR)
    assert given(policy=99)["process.scheduling"].status == Status.ERROR


def test_an_arm_with_another_limit_or_priority_has_a_confound_by_name() -> None:
    base, other = given(nice=0, environment_b=116), given(LIMITS.replace("1024 ", "256  "), nice=5, environment_b=116)
    assert [found.key for found in facts.confounds("arm", base, other)] == ["process.nice", "process.limits.nofile"]
