"""Waits for lines of a process with a limit and without polling."""

import queue
import threading
from contextlib import suppress

from vbench.contracts import Process
from vbench.errors import CommandTimeout, VbenchError

_End = VbenchError | None


class Lines:
    """The lines of one process's standard output, read by one passive thread."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._queue: queue.SimpleQueue[bytes | _End] = queue.SimpleQueue()
        threading.Thread(target=self._read, name=f"lines of {process.argv[0]}", daemon=True).start()

    def _read(self) -> None:
        pending, end = b"", None
        try:
            with suppress(OSError, ValueError):  # ValueError: closed while reading
                while chunk := self._process.stdout.read(65536):
                    *whole, pending = (pending + chunk).split(b"\n")
                    for line in whole:
                        self._queue.put(line)
        except VbenchError as error:
            end = error
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

    def until(self, wanted: bytes, *, timeout_s: float) -> bool:
        """Whether a line with `wanted` came before the end."""
        while (line := self.next(timeout_s=timeout_s)) is not None:
            if wanted in line:
                return True
        return False
