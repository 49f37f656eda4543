"""Collects what a command prints, up to a bound: one way for the agent inside and for the harness outside.

Standard library only; annotated, unlike its neighbours, since the harness imports it too.
"""

import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

# Of both outputs together. The longest that a real tool prints: fio's json+ 0.7 MB (29 × 64 bins of three latencies in
# four directions), wrk 1.3 MB (100,000 different latencies), the driver 10 MB (2^20 round trips, all that it keeps),
# the probe 0.2 MB. A guest of 256 MiB can hold this five times over, as base64 and JSON need.
MOST_B = 16 * 2**20
TAIL_B = 64 * 1024  # of stderr, where a command's output is followed while it runs
PIPE_B = 65536


class TooMuch(Exception):
    """What is to be kept is larger than its bound."""


def communicate(
    process: "subprocess.Popen[bytes]", stdin: bytes, timeout_s: float, most_b: int = MOST_B
) -> tuple[bytes, bytes]:
    """As Popen.communicate: both outputs to their ends. Raises TimeoutExpired and TooMuch, and kills nothing."""
    assert process.stdin and process.stdout and process.stderr
    ends = time.monotonic() + timeout_s
    out, err, feed = process.stdout.fileno(), process.stderr.fileno(), process.stdin.fileno()
    outputs = {out: bytearray(), err: bytearray()}
    left = memoryview(stdin)
    poll = select.poll()
    open_ends = {out, err, feed}
    for descriptor in (out, err):
        poll.register(descriptor, select.POLLIN)
    poll.register(feed, select.POLLOUT)
    while open_ends:
        passed = ends - time.monotonic()
        if passed <= 0:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        for descriptor, _ in poll.poll(passed * 1000):
            if descriptor == feed:
                left = _fed(feed, left)
                more = bool(left)
            else:
                chunk = os.read(descriptor, PIPE_B)
                outputs[descriptor] += chunk
                more = bool(chunk)
            if not more:
                poll.unregister(descriptor)
                open_ends.discard(descriptor)
                if descriptor == feed:
                    with contextlib.suppress(OSError):
                        process.stdin.close()
        if sum(map(len, outputs.values())) > most_b:
            raise TooMuch(f"more than {most_b // 2**20} MiB")
    process.wait(max(0.0, ends - time.monotonic()))
    return bytes(outputs[out]), bytes(outputs[err])


def _fed(descriptor: int, left: memoryview) -> memoryview:
    """What is still to be written; nothing once the command reads no more."""
    try:
        return left[os.write(descriptor, left[: select.PIPE_BUF]) :]  # so much never blocks where poll says so
    except BrokenPipeError:
        return left[:0]


def lines(read: Callable[[], bytes], most_b: int) -> Iterator[bytes]:
    """Whole lines of what `read` gives until it gives nothing; a torn last one is left out. Raises TooMuch."""
    pending = bytearray()
    while chunk := read():
        first, *others = chunk.split(b"\n")
        pending += first
        if len(pending) > most_b:
            raise TooMuch(f"a line of more than {most_b // 2**20} MiB")
        for part in others:
            yield bytes(pending)
            pending = bytearray(part)


class Tail:
    """The end of what goes into a pipe, taken by a thread that else waits: no writer is ever held up for long."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._stop_reader, self._stop_writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def begin(self) -> None:
        """The command has its own copy of the writing end, or could not be started."""
        os.close(self.writer)
        self._thread.start()

    def text(self) -> bytes:
        """The last TAIL_B of all that was written so far."""
        with self._lock:
            if self.reader >= 0:
                self._take()
            return bytes(self._kept)

    def close(self) -> None:
        """Whoever still writes to it is left alone with a closed pipe."""
        os.close(self._stop_writer)
        self._thread.join()

    def _follow(self) -> None:
        poll = select.poll()
        for descriptor in (self.reader, self._stop_reader):
            poll.register(descriptor, select.POLLIN)
        going = True
        while going:
            woken = {descriptor for descriptor, _ in poll.poll()}
            with self._lock:
                if self.reader in woken and not self._take():
                    poll.unregister(self.reader)
                going = self._stop_reader not in woken
        with self._lock:
            os.close(self.reader)
            os.close(self._stop_reader)
            self.reader = -1

    def _take(self) -> bool:
        """Whether there can be more. No more than a pipe can hold at once: who writes on and on ends no wait."""
        for _ in range(2**20 // PIPE_B):
            try:
                chunk = os.read(self.reader, PIPE_B)
            except BlockingIOError:
                break
            if not chunk:
                return False
            self._kept += chunk
            del self._kept[:-TAIL_B]
        return True
