"""What a command sees of its surroundings, and what it must see in every environment."""

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vbench.contracts import Session, Started

LOOK = """
import json, os, resource, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
json.dump({
    "environment": dict(os.environ),
    "bytes": len(open("/proc/self/environ", "rb").read()),
    "folder": os.getcwd(),
    "umask": status["Umask"].strip(),
    "blocked": status["SigBlk"].strip(),
    "ignored": int(status["SigIgn"], 16) & ~(1 << 12 | 1 << 24),
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in names},
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "class": os.sched_getscheduler(0),
    "killed first": open("/proc/self/oom_score_adj").read().strip(),
    "personality": open("/proc/self/personality").read().strip(),
    "groups": [os.getgid(), *os.getgroups()],
    "session": os.getsid(0) == os.getpid(),
    "open": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:3],
    "inherited": sum(os.path.exists(f"/proc/self/fd/{number}") for number in range(100, 200)),
}, sys.stdout)
"""  # Python itself ignores SIGPIPE and SIGXFSZ
EXPECTED: dict[str, Any] = {
    "environment": {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    },
    "bytes": 110,
    "folder": "/",
    "umask": "0022",
    "blocked": "0000000000000000",
    "ignored": 0,
    "nice": 0,
    "class": os.SCHED_OTHER,
    "killed first": "0",
    "personality": "00000000",
    "groups": [0],
    "session": True,
    "open": [0, 1, 2],
    "inherited": 0,
}


def variables_of(session: Session) -> dict[str, str]:
    """What the environment's own words set: the dose of a known fault, which is all that it differs by."""
    words = session.argv[-1] if isinstance(session, Started) and session.argv else ()
    return dict(word.split("=", 1) for word in words if word.startswith("VBENCH_"))


def seen(session: Session, own: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """What a command sees, without the variables that its environment sets itself: each must be there."""
    result: dict[str, Any] = json.loads(
        session.run([session.workplace.python, "-I", "-S", "-c", LOOK], timeout_s=60).check().stdout
    )
    for name, value in own.items():
        assert result["environment"].pop(name) == value
        result["bytes"] -= len(f"{name}={value}\0")
    return result


def assert_usual(session: Session) -> dict[str, Any]:
    """What a command sees there, which is what it must see, on the network too."""
    own = variables_of(session)
    mine = seen(session, own)
    assert {name: mine[name] for name in EXPECTED} == EXPECTED
    assert session.run(["mktemp", "-u"], timeout_s=60).check().text.startswith("/tmp/tmp.")
    networked = session.on_network()
    assert networked is session or seen(networked, own) == mine
    return mine
