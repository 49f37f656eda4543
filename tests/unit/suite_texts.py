"""Texts of suites, good ones and what is said of bad ones."""

import pytest

from vbench import suite as suites
from vbench.errors import SuiteError

GOOD = """
name = "small"
about = "two fakes"
benchmarks = ["cpu.hash", {kind = "disk.randread", name = "disk.small", size = "1 MiB"}, "start.ready"]
[method]
baseline = "a"
blocks = 2
trial = "200 ms"
warmup = 0.1
budget = "10 min"
[testbed]
memory = "512 MiB"
[environments.a]
kind = "fake"
[environments.b]
kind = "fake"
slowdown = 1.25
[environments.c]
kind = "fake"
on = "b"
"""


ADAPTIVE = 'confirmatory = ["b cpu.hash"]\n'


METHOD = '[method]\nbaseline = "a"\nblocks = 2\ntrial = 1\nwarmup = 1\nbudget = "1 h"\n'


def refused(text: str) -> SuiteError:
    with pytest.raises(SuiteError) as caught:
        suites.parse(text, source="s.toml")
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("s.toml: ")
    return caught.value
