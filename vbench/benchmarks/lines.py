"""Waits for lines of a process with a limit and without polling, and hears those that mark a moment as they come."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from vbench.contracts import Completed, Process, Session
from vbench.errors import CommandTimeout, VbenchError

# What a tool says on lines of their own, directly before its first operation and after its last.
BEGUN, ENDED = b"vbench: begun", b"vbench: ended"

_End = VbenchError | None
Hear = Callable[[bytes], None]


class Lines:
    """The lines of one process's standard output, read by one passive thread, which lets `hear` have each at once."""

    def __init__(self, process: Process, hear: Hear = lambda line: None) -> None:
        self._process = process
        self._hear = hear
        self._queue: queue.SimpleQueue[bytes | _End] = queue.SimpleQueue()
        threading.Thread(target=self._read, name=f"lines of {process.argv[0]}", daemon=True).start()

    def _read(self) -> None:
        pending, end = b"", None
        try:
            with suppress(OSError, ValueError):  # ValueError: closed while reading
                while chunk := self._process.stdout.read(65536):
                    *whole, pending = (pending + chunk).split(b"\n")
                    for line in whole:
                        self._hear(line)
                        self._queue.put(line)
        except VbenchError as error:
            end = error
        finally:
            self._queue.put(end)

    def next(self, *, timeout_s: float) -> bytes | None:
        """The next whole line, None at the end. Raises CommandTimeout, and SessionLost if the session said so."""
        try:
            line = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            raise CommandTimeout(f"{self._process.argv[0]} said nothing for {timeout_s:g} s") from None
        if isinstance(line, bytes):
            return line
        self._queue.put(line)
        if line is not None:
            raise line
        return None

    def rest(self, *, timeout_s: float) -> None:
        """Until the output ends; each line may take `timeout_s`. Raises as `next`, but for one that says nothing."""
        with suppress(CommandTimeout):
            while self.next(timeout_s=timeout_s) is not None:
                pass

    def until(self, wanted: bytes, *, timeout_s: float) -> bool:
        """Whether a line with `wanted` came before the end."""
        while (line := self.next(timeout_s=timeout_s)) is not None:
            if wanted in line:
                return True
        return False


def moments(begin: Callable[[], None], end: Callable[[], None]) -> Hear:
    """Calls these when BEGUN and ENDED are heard."""
    calls = {BEGUN: begin, ENDED: end}
    return lambda line: calls[line]() if line in calls else None


def told(done: Completed) -> bool:
    """Whether both moments were."""
    return {BEGUN, ENDED} <= set(done.stdout.splitlines())


def listen(session: Session, argv: Sequence[str], hear: Hear, *, timeout_s: float, stdin: bytes = b"") -> Completed:
    """As `session.run`, and each whole line of the output is heard when it comes; a torn one at the end is left out."""
    deadline, said = time.monotonic() + timeout_s, []
    with session.spawn(argv) as process:
        lines = Lines(process, hear)
        with suppress(OSError, ValueError):  # it has ended: its status tells
            process.stdin.write(stdin)
            process.stdin.close()
        try:
            while (line := lines.next(timeout_s=max(0.0, deadline - time.monotonic()))) is not None:
                said.append(line + b"\n")
            status = process.wait(timeout_s=max(1.0, deadline - time.monotonic()))
        except CommandTimeout:
            raise CommandTimeout(f"{argv[0]} did not end within {timeout_s:g} s and was killed") from None
        return Completed(tuple(argv), status, b"".join(said), process.stderr())
