"""Commands of a user, and the start in which a test measures one."""

import msgspec
import pytest

from vbench import units
from vbench.benchmarks.command import Command
from vbench.contracts import Start
from vbench.errors import TrialFailed
from vbench.model import Measured

RATE = {"unit": "MB/s", "better": "higher"}
NUMBER = {"regex": "x=(.*)", "unit": "1", "better": "lower"}


def command(*argv: str, **keys: object) -> Command:
    return msgspec.convert({"argv": list(argv), **keys}, Command, dec_hook=units.decode)


def shell(script: str, **keys: object) -> Command:
    return command("sh", "-c", script, **keys)


EVERYWHERE = pytest.mark.parametrize("start", ["agent", "fake"], indirect=True)


def measure(command: Command, start: Start) -> Measured:
    command.prepare(start)
    return command.measure(start)


def failure(command: Command, start: Start) -> TrialFailed:
    with pytest.raises(TrialFailed) as caught:
        measure(command, start)
    return caught.value
