"""Ends a verb in order on the first Ctrl-C, SIGTERM or closed terminal.

What is being stored or stopped at that moment is finished first. Further signals are ignored.
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
    has_come: bool = False  # a signal: those that follow it are ignored
    waiting: bool = False  # it came while something was held
    drawing: bool = False  # the words wait until what is being written to the terminal is whole
    unsaid: bool = False  # the words of a signal that came meanwhile
    words: list[str] = field(default_factory=list)  # what the first signal says, the innermost last


_state = _State()


@contextmanager
def once(said: str = "") -> Iterator[None]:
    """The first signal says `said` on stderr and raises KeyboardInterrupt; further ones do not disturb the stopping.

    Within another `once` only the words are new. A SIGHUP that is ignored, as under nohup, stays so.
    """
    _state.words.append(said)
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
    """A function for every signal, since SIG_IGN would be inherited by every command that is started to undo things."""
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
    """Around writing a picture: a signal says its words after it. Gives whether lines may still be erased."""
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
    """What must not be left half done: a signal that comes meanwhile is raised at the end.

    Signals come to the main thread alone, so nothing is to be held in another one.
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
    """A stack that is unwound whole, whenever the signal comes."""

    stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> ExitStack:
        return self.stack

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with held():
            return self.stack.__exit__(kind, error, trace)
