"""Reads what commands of an environment inherit: limits, priority and the like. A container inherits much of it."""

import re

from vbench.facts.evidence import Evidence, fact_from, line_value, number, then, word
from vbench.model import Fact, Facts

LIMITS = "/proc/self/limits"
_TITLES = {
    "as": "Max address space",
    "core": "Max core file size",
    "cpu": "Max cpu time",
    "data": "Max data size",
    "fsize": "Max file size",
    "memlock": "Max locked memory",
    "msgqueue": "Max msgqueue size",
    "nice": "Max nice priority",
    "nofile": "Max open files",
    "nproc": "Max processes",
    "rss": "Max resident set",
    "rtprio": "Max realtime priority",
    "rttime": "Max realtime timeout",
    "sigpending": "Max pending signals",
    "stack": "Max stack size",
}
_POLICIES = {0: "other", 1: "fifo", 2: "round robin", 3: "batch", 5: "idle", 6: "deadline", 7: "ext"}


def read(evidence: Evidence) -> Facts:
    """All facts of this area."""
    attributes = evidence.process
    return {
        "process.nice": fact_from("getpriority", attributes.nice, int),
        "process.scheduling": fact_from("sched_getscheduler", attributes.policy, lambda policy: _POLICIES[policy]),
        "process.oom_score_adj": evidence.file("/proc/self/oom_score_adj", number),
        "process.umask": evidence.file("/proc/self/status", then(line_value("Umask"), word)),
        "process.environment": fact_from("/proc/self/environ", attributes.environment_b, int),
        **{f"process.limits.{name}": _limit(evidence, title) for name, title in _TITLES.items()},
    }


def _limit(evidence: Evidence, title: str) -> Fact:
    """Soft and hard limit as `soft:hard`, in the kernel's words."""

    def pair(text: str) -> str:
        match = re.search(rf"^{title} +(unlimited|[0-9]+) +(unlimited|[0-9]+)\b", text, re.MULTILINE)
        if match is None:
            raise ValueError(f"no {title!r}")
        return f"{match[1]}:{match[2]}"

    return evidence.file(LIMITS, pair)
