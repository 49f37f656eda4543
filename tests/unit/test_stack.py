"""Every session of a stack is kept: its commands, its mechanisms, its limit and what it printed."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest
from msgspec import structs

from vbench import suite as suites
from vbench.contracts import Missing, Session
from vbench.environments.fake import Fake, FakeSession
from vbench.errors import EnvironmentUnavailable, SessionLost
from vbench.host.local import LocalHost
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.runner import start
from vbench.runner.asking import refuse_missing_above
from vbench.runner.stack import Stack
from vbench.testbed.host import open_testbed

SUITE = """
name = "s"
benchmarks = ["cpu.hash"]
[environments.low]
kind = "fake"
[environments.mid]
kind = "fake"
on = "low"
network = "none"
[environments.top]
kind = "fake"
on = "mid"
"""


@dataclass
class Talking(FakeSession):
    """A session that left files, or went away."""

    files: dict[str, bytes] = field(default_factory=dict)

    def evidence(self) -> dict[str, bytes]:
        self._alive()
        return self.files


def talking(number: int, *, lost: bool = False) -> Session:
    return Talking(
        LocalSession(),
        Fake(),
        PurePosixPath("/"),
        mechanisms=(f"mechanism {number}",),
        argv=(("start", str(number)),),
        memory_limit_b=number * 2**30 or None,
        lost=lost,
        files={"console.log": b"%d" % number},
    )


def a_stack(*sessions: Session) -> Stack:
    nothing: object = None
    return Stack(("low", "mid", "top")[: len(sessions)], sessions, nothing)  # type: ignore[arg-type]


def test_each_layer_is_described_by_its_own_session() -> None:
    suite = suites.parse(SUITE, source="s")
    layers = list(a_stack(talking(2), talking(1), talking(0)).described(suite))
    assert [layer.environment for layer in layers] == ["low", "mid", "top"]
    assert [layer.argv for layer in layers] == [(("start", "2"),), (("start", "1"),), (("start", "0"),)]
    assert [layer.mechanisms for layer in layers] == [("mechanism 2",), ("mechanism 1",), ("mechanism 0",)]
    assert [layer.memory_limit_b for layer in layers] == [2 * 2**30, 2**30, None]


def test_the_least_limit_of_a_stack_holds_for_all_of_it() -> None:
    assert a_stack(talking(2), talking(1), talking(0)).memory_limit_b == 2**30
    assert a_stack(talking(0)).memory_limit_b is None


def test_a_file_of_a_lower_layer_names_the_layer() -> None:
    (file,) = a_stack(talking(1)).evidence()
    assert file == ("low", "console.log", b"1")
    names = [(layer, name) for layer, name, _ in a_stack(talking(2), talking(1)).evidence()]
    assert names == [("low", "on-low-console.log"), ("mid", "console.log")]


def test_a_layer_that_went_away_leaves_the_files_of_the_others() -> None:
    gone = talking(1, lost=True)
    with pytest.raises(SessionLost):
        gone.run(["true"], timeout_s=1)
    assert [layer for layer, _, _ in a_stack(talking(2), gone).evidence()] == ["low"]


def test_a_stack_starts_from_the_lowest_and_loses_the_network_where_an_arm_has_none(tmp_path: Path) -> None:
    suite, host = suites.parse(SUITE, source="s"), LocalHost()
    processors = Processors((0,), (0,))
    opened = open_testbed(host=host, image=None, processors=processors, memory_b=2**20, scratch=tmp_path, name="unit")
    with opened as testbed, ExitStack() as exits:
        testbed.peer_address, testbed.no_network = "198.18.0.1", ""
        started = start(suite, "top", testbed, exits.enter_context)
        assert started.names == ("low", "mid", "top")
        assert len(started.session.layers) == 3
        assert started.testbed.peer_address is None
        assert started.testbed.no_network == "environments.top has network = 'none'"
        assert start(suite, "low", testbed, exits.enter_context).testbed.peer_address == "198.18.0.1"


class Picky(Fake, frozen=True, kw_only=True):
    """A fake that lacks something wherever it is asked."""

    def missing(self, host: Session) -> tuple[Missing, ...]:
        assert [layer.name for layer in host.layers] == ["fake", "fake"]  # low and mid are started
        return (Missing("a tool", "get it"),)


def refused(suite: suites.Suite, scratch: Path) -> EnvironmentUnavailable:
    with pytest.raises(EnvironmentUnavailable) as caught:
        asked(suite, scratch)
    return caught.value


def asked(suite: suites.Suite, scratch: Path) -> None:
    host, processors = LocalHost(), Processors((0,), (0,))
    opened = open_testbed(host=host, image=None, processors=processors, memory_b=2**20, scratch=scratch, name="unit")
    with opened as testbed:
        refuse_missing_above(suite, testbed)
    assert list(scratch.iterdir()) == []


def test_what_a_stacked_arm_lacks_is_asked_where_it_stands_before_the_first_block(tmp_path: Path) -> None:
    suite = suites.parse(SUITE, source="s")
    asked(suite, tmp_path)
    picky = suite.environments | {"top": structs.replace(suite.arm("top"), environment=Picky())}
    error = refused(structs.replace(suite, environments=picky), tmp_path)
    assert error.message == "environment top (fake slowdown=1) cannot run on mid, missing: a tool"
    assert error.hint == "get it; or measure the others: --env mid"


def test_nothing_is_asked_on_an_environment_that_does_not_start(tmp_path: Path) -> None:
    suite = suites.parse(SUITE.replace('on = "low"', 'on = "low"\nfails = "start"'), source="s")
    picky = suite.environments | {"top": structs.replace(suite.arm("top"), environment=Picky())}
    asked(structs.replace(suite, environments=picky), tmp_path)
