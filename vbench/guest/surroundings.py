"""Gives each workload the same surroundings in every environment, whatever the surroundings of vbench itself.

Environment variables, limits, signals and the working folder pass through chroot and container, but not into a virtual
machine. Without this module they would differ between the arms, and a user's secrets would get inside.

Standard library only.  Usage: surroundings.py WORD...   replaces itself by that command in these surroundings
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

# Wherever the image is the root, /tmp is a file system in memory. Everyone can write to it.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}
DOSE = "VBENCH_DOSE"  # a known fault, which an environment of that kind gives its agent

NO_LIMIT = resource.RLIM_INFINITY
MIB = 2**20
# Soft and hard limit. None is above the default of a kernel or a login, so that few callers have less.
LIMITS = {
    "AS": (NO_LIMIT, NO_LIMIT),
    "CORE": (0, 0),
    "CPU": (NO_LIMIT, NO_LIMIT),
    "DATA": (NO_LIMIT, NO_LIMIT),
    "FSIZE": (NO_LIMIT, NO_LIMIT),
    "MEMLOCK": (8 * MIB, 8 * MIB),
    "MSGQUEUE": (819200, 819200),
    "NICE": (0, 0),
    "NOFILE": (1024, 16384),
    "NPROC": (16384, 16384),
    "RSS": (NO_LIMIT, NO_LIMIT),
    "RTPRIO": (0, 0),
    "RTTIME": (NO_LIMIT, NO_LIMIT),
    "SIGPENDING": (16384, 16384),
    "STACK": (8 * MIB, NO_LIMIT),
}

PR_SET_TIMERSLACK, USUAL_SLACK_NS = 29, 50_000
PR_SET_THP_DISABLE = 41
# Signals of the C library, which its functions refuse to set. A command started by make ignores the first one, because
# posix_spawn of glibc 2.36 ignores them in the child.
LIBC_SIGNALS = (32, 33)
RT_SIGACTION = {"x86_64": 13, "aarch64": 134}  # number of the system call
USUAL_PERSONALITY = 0  # `setarch -R` sets another: without address randomization


def environment():
    """All environment variables of a command."""
    return ENVIRONMENT | ({DOSE: os.environ[DOSE]} if DOSE in os.environ else {})


def take():
    """Gives this process the usual surroundings, which its children inherit, as far as it may change them."""
    os.umask(0o022)
    os.chdir("/")
    for name, (soft, hard) in LIMITS.items():
        limit(getattr(resource, "RLIMIT_" + name), soft, hard)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(0)
    unblock()
    schedule()
    libc = ctypes.CDLL(None)
    libc.personality(USUAL_PERSONALITY)
    libc.prctl(PR_SET_TIMERSLACK, USUAL_SLACK_NS, 0, 0, 0)
    libc.prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("0")


def limit(kind, soft, hard):
    """Sets both limits. If the hard limit may not be raised, the present one is the upper bound of both."""
    most = resource.getrlimit(kind)[1]
    for pair in ((soft, hard), (least(soft, most), least(hard, most))):
        with contextlib.suppress(ValueError, OSError):  # Python raises ValueError for EPERM
            resource.setrlimit(kind, pair)
            return


def least(one, other):
    """The lower of two limits."""
    return min((one, other), key=lambda value: float("inf") if value == NO_LIMIT else value)


def unblock():
    """Blocks no signal and ignores only those that Python ignores itself and resets in its children."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    libc, call = ctypes.CDLL(None), RT_SIGACTION.get(os.uname().machine)
    for number in LIBC_SIGNALS if call else ():
        action = (ctypes.c_ulong * 4)()
        libc.syscall(call, number, None, action, 8)
        if action[0] == signal.SIG_IGN:
            libc.syscall(call, number, (ctypes.c_ulong * 4)(), None, 8)


def schedule():
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def main(words):
    take()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environment())
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        sys.exit(127 if isinstance(error, FileNotFoundError | PermissionError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
