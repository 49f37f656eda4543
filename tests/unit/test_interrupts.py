"""One Ctrl-C ends what can be ended, never what is being stored or stopped, and a second one disturbs nothing."""

import os
import signal
from collections.abc import Iterator

import pytest

from vbench import interrupts


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {name: signal.getsignal(name) for name in before} == before


def interrupt(number: int = signal.SIGINT) -> None:
    """To the calling thread, whose handler has run when this returns."""
    signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_run_and_says_so(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"):
        interrupt(number)
    assert capfd.readouterr().err == "\nstopping\n"


def test_further_signals_do_not_disturb_the_stopping() -> None:
    stopped = []
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"):
        try:
            interrupt()
        finally:
            interrupt()
            interrupt(signal.SIGTERM)
            stopped.append("whole")
    assert stopped == ["whole"]


def test_what_is_held_is_finished_first() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"):
        with interrupts.held():
            with interrupts.held():
                interrupt()
                done.append("inner")
            done.append("outer")
        done.append("after")
    assert done == ["inner", "outer"]


def test_an_unwinding_is_whole_whether_the_signal_comes_in_it_or_before() -> None:
    for early in (True, False):
        undone: list[int] = []
        with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"), interrupts.unwinding() as stack:
            stack.callback(undone.append, 1)
            stack.callback(interrupt)
            stack.callback(undone.append, 2)
            if early:
                interrupt()
        assert undone == [2, 1]


def test_a_failure_comes_through_an_unwinding() -> None:
    undone: list[int] = []
    with pytest.raises(ZeroDivisionError), interrupts.unwinding() as stack:
        stack.callback(undone.append, 1)
        raise ZeroDivisionError
    assert undone == [1]


def test_commands_that_undo_things_do_not_inherit_deafness() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"):
        try:
            interrupt()
        finally:
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
