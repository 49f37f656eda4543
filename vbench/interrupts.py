"""One Ctrl-C or SIGTERM ends a run, and what is being stored or stopped when it comes is finished first."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _State:
    holds: int = 0
    waiting: bool = False


_state = _State()


@contextmanager
def once(said: str) -> Iterator[None]:
    """The first signal says `said` on stderr and raises KeyboardInterrupt; further ones do not disturb the stopping."""

    def first(number: int, frame: object) -> None:
        del number, frame
        for name in _SIGNALS:
            signal.signal(name, _ignored)
        os.write(2, f"\n{said}\n".encode())  # a buffered stream may be in the middle of a write
        if _state.holds:
            _state.waiting = True
        else:
            raise KeyboardInterrupt

    before = [(name, signal.signal(name, first)) for name in _SIGNALS]
    try:
        yield
    finally:
        for name, handler in before:
            signal.signal(name, handler)


def _ignored(number: int, frame: object) -> None:
    """A function, since SIG_IGN would be inherited by every command that is started to undo things."""
    del number, frame


@contextmanager
def held() -> Iterator[None]:
    """What must not be left half done: a signal that comes meanwhile is raised at the end."""
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
