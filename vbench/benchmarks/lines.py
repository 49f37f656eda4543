"""Reads lines of a process with a time limit and without polling, and passes each line to a listener at once."""

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

# Lines that a tool prints directly before its first operation and directly after its last.
BEGUN, ENDED = b"vbench: begun", b"vbench: ended"
# Tolerances of the time between both lines against the tool's own: fio prints them by a shell, 30 ms under emulation.
_LESS, _LESS_S = 0.1, 0.01
_MORE, _MORE_S = 0.05, 0.1

MOST_LINES = 2**18  # seven times the lines of fio's longest output, which has a line for each bin
LINE_COST_B = 64  # counted for each queued line in addition to its bytes, so that empty lines are bounded too
_End = VbenchError | None
Hear = Callable[[bytes], None]


class Lines:
    """Lines of one process's standard output. A thread reads them and calls `hear` with each line at once."""

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
        """The next complete line. None at the end. Raises CommandTimeout, and SessionLost if the session was lost."""
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
        """Waits until the output ends, at most for `timeout_s`. Raises as `next` does, but no CommandTimeout."""
        deadline = time.monotonic() + timeout_s
        with suppress(CommandTimeout):
            while self.next(timeout_s=max(0.0, deadline - time.monotonic())) is not None:
                pass

    def until(self, wanted: bytes, *, timeout_s: float) -> bool:
        """Reads until a line contains `wanted`. False if the output ended before."""
        while (line := self.next(timeout_s=timeout_s)) is not None:
            if wanted in line:
                return True
        return False


class Moments:
    """Calls `begin` and `end` when BEGUN and ENDED arrive, and keeps the time between them in `lasted_s`."""

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
        if self._begun is None:  # `begin` reads every process of the host, so it is called once
            self._begin()
            self._begun = self._clock()

    def ended(self) -> None:
        if self._begun is not None and self.lasted_s is None:
            self.lasted_s = self._clock() - self._begun
            self._end()

    def between(self, operations: int | None, own_s: float | None) -> int | None:
        """The tool's count of operations, which took `own_s` by its clock, if it is the count between both calls.

        None if `lasted_s` disagrees with `own_s`: lines can arrive late, or all at once.
        """
        if self.lasted_s is None or own_s is None:
            return None
        agree = own_s * (1 - _LESS) - _LESS_S <= self.lasted_s <= own_s * (1 + _MORE) + _MORE_S
        return operations if agree else None


def listen(session: Session, argv: Sequence[str], hear: Hear, *, timeout_s: float, stdin: bytes = b"") -> Completed:
    """Runs a command as `session.run` does, and calls `hear` with each complete line of its output as it arrives.

    The returned output lacks BEGUN, ENDED, an incomplete last line, and all but the last 64 KiB of stderr.
    """
    try:
        with session.spawn(argv) as process:
            threading.Thread(target=_feed, args=(process, stdin), daemon=True).start()
            return _followed(process, hear, timeout_s)
    except FileNotFoundError as error:
        return Completed(tuple(argv), 127, b"", str(error).encode())


def _followed(process: Process, hear: Hear, timeout_s: float) -> Completed:
    deadline, stdout, count, lines = time.monotonic() + timeout_s, bytearray(), 0, Lines(process, hear)
    try:
        while (line := lines.next(timeout_s=max(0.0, deadline - time.monotonic()))) is not None:
            stdout += line + b"\n" if line not in (BEGUN, ENDED) else b""
            count += 1
            if len(stdout) > MOST_B or count > MOST_LINES:
                bound = f"{MOST_B // 2**20} MiB or {MOST_LINES} lines"
                raise OutputTooLarge(f"{program(process.argv)} printed more than {bound} and was killed")
        status = process.wait(timeout_s=max(1.0, deadline - time.monotonic()))
    except CommandTimeout:
        raise CommandTimeout(f"{program(process.argv)} did not end within {timeout_s:g} s and was killed") from None
    return Completed(process.argv, status, bytes(stdout), process.stderr())


def _feed(process: Process, stdin: bytes) -> None:
    """Writes the input and closes it. It needs its own thread, since a process that does not read blocks the writer."""
    send(process, stdin)
    with suppress(OSError, ValueError, VbenchError):
        process.stdin.close()


def send(process: Process, data: bytes) -> None:
    """Writes to a process. One that has ended, or whose session was lost, gets nothing: its status says why."""
    left = memoryview(data)
    with suppress(OSError, ValueError, VbenchError):
        while left:
            left = left[process.stdin.write(left) :]
        process.stdin.flush()
