"""Waits for lines of a process with a limit and without polling, and hears those that mark a moment as they come."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from vbench.contracts import Completed, Process, Session
from vbench.errors import CommandTimeout, OutputTooLarge, VbenchError
from vbench.guest.collecting import MOST_B, TooMuch, lines
from vbench.host.inbox import Inbox
from vbench.text import program

# What a tool says on lines of their own, directly before its first operation and after its last.
BEGUN, ENDED = b"vbench: begun", b"vbench: ended"
# How much less or more than the tool's own time may lie between: a shell says so for fio, 30 ms under emulation.
_LESS, _LESS_S = 0.1, 0.01
_MORE, _MORE_S = 0.05, 0.1

MOST_LINES = 2**18  # seven times those of the longest output of fio, which has a line for each bin
LINE_COST_B = 64  # of a queued line beside its bytes, so that empty ones are bounded too
_End = VbenchError | None
Hear = Callable[[bytes], None]


class Lines:
    """The lines of one process's standard output, read by one passive thread, which lets `hear` have each at once."""

    def __init__(self, process: Process, hear: Hear = lambda line: None) -> None:
        self._process = process
        self._hear = hear
        self._queue: Inbox[bytes | _End] = Inbox()
        threading.Thread(target=self._read, name=f"lines of {process.argv[0]}", daemon=True).start()

    def _read(self) -> None:
        end: _End = None
        try:
            for line in lines(self._chunk, MOST_B):
                self._hear(line)
                self._queue.put(line, len(line) + LINE_COST_B)
        except TooMuch as error:
            end = OutputTooLarge(f"{program(self._process.argv)} printed {error} and was killed")
            with suppress(VbenchError):  # its environment may have gone meanwhile
                self._process.kill()
        except VbenchError as error:
            end = error
        finally:
            self._queue.put(end)

    def _chunk(self) -> bytes:
        with suppress(OSError, ValueError):  # ValueError: closed while reading
            return self._process.stdout.read(65536)
        return b""

    def next(self, *, timeout_s: float) -> bytes | None:
        """The next whole line, None at the end. Raises CommandTimeout, and SessionLost if the session said so."""
        try:
            line = self._queue.get(timeout_s=timeout_s)
        except queue.Empty:
            raise CommandTimeout(f"{program(self._process.argv)} said nothing for {timeout_s:g} s") from None
        if isinstance(line, bytes):
            return line
        self._queue.put(line)
        if line is not None:
            raise line
        return None

    def rest(self, *, timeout_s: float) -> None:
        """Until the output ends, at most for `timeout_s`. Raises as `next`, but for one that says nothing."""
        deadline = time.monotonic() + timeout_s
        with suppress(CommandTimeout):
            while self.next(timeout_s=max(0.0, deadline - time.monotonic())) is not None:
                pass

    def until(self, wanted: bytes, *, timeout_s: float) -> bool:
        """Whether a line with `wanted` came before the end."""
        while (line := self.next(timeout_s=timeout_s)) is not None:
            if wanted in line:
                return True
        return False


class Moments:
    """Calls `begin` and `end` when BEGUN and ENDED are heard, and keeps how far these came apart."""

    def __init__(
        self, begin: Callable[[], None], end: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._begin, self._end, self._clock = begin, end, clock
        self._begun: float | None = None
        self.lasted_s: float | None = None

    def hear(self, line: bytes) -> None:
        if line == BEGUN:
            self.begun()
        elif line == ENDED:
            self.ended()

    def begun(self) -> None:
        if self._begun is None:  # once: it looks at every process of the host
            self._begin()
            self._begun = self._clock()

    def ended(self) -> None:
        if self._begun is not None and self.lasted_s is None:
            self.lasted_s = self._clock() - self._begun
            self._end()

    def fit(self, own_s: float | None) -> bool:
        """Whether they came as far apart as the tool's own clock says: lines can arrive late, and all at once."""
        if self.lasted_s is None or own_s is None:
            return False
        return own_s * (1 - _LESS) - _LESS_S <= self.lasted_s <= own_s * (1 + _MORE) + _MORE_S


def listen(session: Session, argv: Sequence[str], hear: Hear, *, timeout_s: float, stdin: bytes = b"") -> Completed:
    """As `session.run`, and each whole line of the output is heard when it comes.

    Left out of what it returns are BEGUN, ENDED, a torn last line, and all but the last 64 KiB of stderr.
    """
    try:
        with session.spawn(argv) as process:
            threading.Thread(target=_feed, args=(process, stdin), daemon=True).start()
            return _followed(process, hear, timeout_s)
    except FileNotFoundError as error:
        return Completed(tuple(argv), 127, b"", str(error).encode())


def _followed(process: Process, hear: Hear, timeout_s: float) -> Completed:
    deadline, said, count, spoken = time.monotonic() + timeout_s, bytearray(), 0, Lines(process, hear)
    try:
        while (line := spoken.next(timeout_s=max(0.0, deadline - time.monotonic()))) is not None:
            said += line + b"\n" if line not in (BEGUN, ENDED) else b""
            count += 1
            if len(said) > MOST_B or count > MOST_LINES:
                bound = f"{MOST_B // 2**20} MiB or {MOST_LINES} lines"
                raise OutputTooLarge(f"{program(process.argv)} printed more than {bound} and was killed")
        status = process.wait(timeout_s=max(1.0, deadline - time.monotonic()))
    except CommandTimeout:
        raise CommandTimeout(f"{program(process.argv)} did not end within {timeout_s:g} s and was killed") from None
    return Completed(process.argv, status, bytes(said), process.stderr())


def _feed(process: Process, stdin: bytes) -> None:
    """By a thread of its own: a process that does not read would hold up whoever writes."""
    left = memoryview(stdin)
    with suppress(OSError, ValueError, VbenchError):  # it has ended: its status tells
        while left:
            left = left[process.stdin.write(left) :]
        process.stdin.close()
