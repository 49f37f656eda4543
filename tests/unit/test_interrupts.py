"""One Ctrl-C or closed terminal ends what can be ended, never what is being stored; a second one disturbs nothing."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from vbench.host import interrupts


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in interrupts.SIGNALS}
    yield
    assert {name: signal.getsignal(name) for name in before} == before


def interrupt(number: int = signal.SIGINT) -> None:
    """To the calling thread, whose handler has run when this returns."""
    signal.raise_signal(number)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
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
            interrupt(signal.SIGHUP)
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


def test_within_another_one_only_the_words_are_new(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.once():
        with interrupts.once("stopping"):
            pass
        with interrupts.once("stopping more"):
            try:
                interrupt()
            finally:
                interrupt()
    assert capfd.readouterr().err == "\nstopping more\n"


def test_a_signal_after_the_first_disturbs_nothing_outside_the_inner_one_either() -> None:
    told = []
    with interrupts.once():
        try:
            with interrupts.once("stopping"):
                interrupt()
        except KeyboardInterrupt:
            interrupt()
            told.append("interrupted")
    assert told == ["interrupted"]


def test_the_next_one_begins_anew() -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), interrupts.once():
            interrupt()


def test_a_terminal_that_is_gone_is_told_nothing() -> None:
    """Writing to it fails; the stopping begins all the same."""
    kept = os.dup(2)
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 2)
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"):
            interrupt(signal.SIGHUP)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writer)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.once("stopping"):
            interrupt(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                interrupt(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_holds_nothing() -> None:
    """A signal comes to the main thread: what another thread holds would never let it through."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with interrupts.held():
            entered.set()
            leave.wait()

    other = threading.Thread(target=hold)
    other.start()
    entered.wait()
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.once():
            interrupt()
    finally:
        leave.set()
        other.join()


def test_the_words_stand_below_what_was_being_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"), interrupts.drawing() as may_erase:
        assert may_erase
        os.write(2, b"half a ")
        interrupt()
        os.write(2, b"picture")
    assert capfd.readouterr().err == "half a picture\nstopping\n"


def test_nothing_is_erased_after_the_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.once("stopping"), interrupts.held():
        interrupt()
        with interrupts.drawing() as may_erase:
            assert not may_erase
    assert capfd.readouterr().err == "\nstopping\n"
    with interrupts.once("stopping"), interrupts.drawing() as may_erase:
        assert may_erase, "the next verb draws again"
