"""The console script as a test calls it, and how it ended."""

from collections.abc import Callable
from typing import NamedTuple

GOOD = """
name = "small"
benchmarks = ["cpu.hash"]
[method]
baseline = "a"
blocks = 1
trial = "1 ms"
warmup = "1 ms"
budget = "10 min"
[environments.a]
kind = "fake"
"""


class Ended(NamedTuple):
    status: int
    stdout: str
    stderr: str


Vbench = Callable[..., Ended]


def refused(ended: Ended) -> str:
    assert ended.status == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr
