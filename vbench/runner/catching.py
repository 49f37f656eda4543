"""Turns unexpected errors of environments and benchmarks into failed trials, so that the run goes on."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from vbench.errors import CommandTimeout, SessionLost, StartFailed, StopFailed, VbenchError
from vbench.model import Failed
from vbench.reasons import Reason, ReasonKind

Keep = Callable[[str, bytes], object]  # stores a file under a name
T = TypeVar("T")
FILE = "error.txt"
HINT = f"please report this fault of vbench with the file raw/…-{FILE}"
_LONGEST_WORDS = 200
_LONGEST_FILE_B = 64 * 1024


@contextmanager
def caught(kind: type[VbenchError], keep: Keep) -> Iterator[None]:
    """Raises `kind` for every error that is no VbenchError, and keeps its traceback as a file."""
    try:
        yield
    except VbenchError:
        raise
    except Exception as error:
        keep(FILE, details(error))
        raise kind(words(error), hint=HINT) from error


@dataclass
class guarded(Generic[T]):
    """Raises StartFailed for an unexpected error of the start, and `stops_as` for one of the stop.

    An error that was raised between the two stays as it is.
    """

    start: AbstractContextManager[T]
    keep: Keep
    stops_as: type[VbenchError] = StopFailed

    def __enter__(self) -> T:
        with caught(StartFailed, self.keep):
            return self.start.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self.start.__exit__(kind, error, trace)
        except VbenchError:
            raise
        except Exception as other:
            if other is error:  # raised while it ran, and its stop was in order
                raise
            self.keep(FILE, details(other))
            raise self.stops_as(f"it was not stopped in order: {words(other)}", hint=HINT) from other


def failed(error: VbenchError) -> Failed:
    """The outcome of a trial that ended with this error."""
    match error:
        case SessionLost():
            kind = ReasonKind.LOST
        case CommandTimeout():
            kind = ReasonKind.TIMED_OUT
        case _:
            kind = ReasonKind.ERROR
    return Failed(Reason(kind, value=error.message), error.hint)


def words(error: Exception) -> str:
    """`a fault of vbench: KeyError: 'bins' (fio.py:190 in _counts)`."""
    message = " ".join(str(error).split())[:_LONGEST_WORDS].encode(errors="replace").decode()
    calls = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(calls[-1].filename).name}:{calls[-1].lineno} in {calls[-1].name})" if calls else ""
    return f"a fault of vbench: {type(error).__name__}{': ' if message else ''}{message}{where}"


def details(error: Exception) -> bytes:
    """The traceback; of a long one, its end."""
    return "".join(traceback.format_exception(error)).encode(errors="replace")[-_LONGEST_FILE_B:]
