"""Ends a command in order on the first Ctrl-C, SIGTERM or closed terminal.

A write or a stop that is in progress is finished first. Further signals are ignored.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, FrameType | None], Any] | int | None


@dataclass
class _State:
    holds: int = 0
    has_come: bool = False  # the first signal came, and further ones are ignored
    waiting: bool = False  # it came inside `held`
    drawing: bool = False  # a picture is being written to the terminal, and words wait for its end
    unsaid: bool = False  # a signal came while a picture was written, and its words are still to be printed
    words: list[str] = field(default_factory=list)  # printed at the first signal: the last of them


_state = _State()


@contextmanager
def once(words: str = "") -> Iterator[None]:
    """The first signal prints `words` on stderr and raises KeyboardInterrupt. Further signals are ignored.

    Inside another `once` only the words change. A SIGHUP that is ignored, as under nohup, stays ignored.
    """
    _state.words.append(words)
    before: list[tuple[signal.Signals, Handler]] = []
    if len(_state.words) == 1:
        _state.has_come = False
        before = [(name, signal.getsignal(name)) for name in SIGNALS]
        for name, handler in before:
            if (name, handler) != (signal.SIGHUP, signal.SIG_IGN):
                signal.signal(name, _come)
    try:
        yield
    finally:
        _state.words.pop()
        for name, handler in before:
            signal.signal(name, handler)
        if not _state.words:
            _state.has_come = False


def _come(number: int, frame: object) -> None:
    """Handles every signal. SIG_IGN would not do, since the commands that undo things would inherit it."""
    del number, frame
    if _state.has_come:
        return
    _state.has_come = True
    if _state.drawing:
        _state.unsaid = True
    else:
        _say()
    if _state.holds:
        _state.waiting = True
    else:
        raise KeyboardInterrupt


def _say() -> None:
    if _state.words[-1]:
        with suppress(OSError):  # the terminal may be gone
            os.write(2, f"\n{_state.words[-1]}\n".encode())  # a buffered stream may be in the middle of a write


@contextmanager
def drawing() -> Iterator[bool]:
    """Delays a signal's words until a picture is written. Yields whether lines may still be erased."""
    with held():
        may_erase = not _state.has_come
        _state.drawing = may_erase
        try:
            yield may_erase
        finally:
            _state.drawing = False
            if _state.unsaid:
                _state.unsaid = False
                _say()


@contextmanager
def held() -> Iterator[None]:
    """Delays KeyboardInterrupt to the end of this context, which must not be left half done.

    Signals reach the main thread only, so that other threads need no delay.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.holds += 1
    try:
        yield
    finally:
        _state.holds -= 1
        if _state.waiting and not _state.holds:
            _state.waiting = False
            raise KeyboardInterrupt


@dataclass(frozen=True)
class unwinding:
    """A stack of contexts that is unwound completely, even if a signal comes meanwhile."""

    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> ExitStack:
        return self.stack

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with held():
            return self.stack.__exit__(kind, error, trace)
