"""Collects the output of a command up to a bound, for the agent inside and for the harness outside.

Standard library only. It has type annotations, unlike its neighbours, because the harness imports it.
"""

import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

# Limit of both outputs together. The longest outputs of real tools: fio's json+ 0.7 MB (29 × 64 bins of three latencies
# in four directions), wrk 1.3 MB (100,000 different latencies), the driver 10 MB (2^20 round trips, the most it keeps),
# the probe 0.2 MB. A guest of 256 MiB has room for five copies, which base64 and JSON need.
MOST_B = 16 * 2**20
TAIL_B = 64 * 1024  # kept of the stderr of a spawned command
PIPE_B = 65536


class TooMuch(Exception):
    """An output or a line is larger than its bound."""


def communicate(
    process: "subprocess.Popen[bytes]", stdin: bytes, timeout_s: float, most_b: int = MOST_B
) -> tuple[bytes, bytes]:
    """Writes stdin and reads stdout and stderr to their ends, as Popen.communicate does.

    Raises TimeoutExpired and TooMuch. It never kills the process.
    """
    assert process.stdin and process.stdout and process.stderr
    deadline_s = time.monotonic() + timeout_s
    out, err, feed = process.stdout.fileno(), process.stderr.fileno(), process.stdin.fileno()
    outputs = {out: bytearray(), err: bytearray()}
    unwritten = memoryview(stdin)
    poll = select.poll()
    open_ends = {out, err, feed}
    for descriptor in (out, err):
        poll.register(descriptor, select.POLLIN)
    poll.register(feed, select.POLLOUT)
    while open_ends:
        remaining_s = deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        for descriptor, _ in poll.poll(remaining_s * 1000):
            if descriptor == feed:
                unwritten = _write_some(feed, unwritten)
                more = bool(unwritten)
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
    process.wait(max(0.0, deadline_s - time.monotonic()))
    return bytes(outputs[out]), bytes(outputs[err])


def _write_some(descriptor: int, data: memoryview) -> memoryview:
    """Writes the first bytes of `data` and returns the rest. The rest is empty if the command has closed its stdin."""
    try:
        return data[os.write(descriptor, data[: select.PIPE_BUF]) :]  # after POLLOUT, PIPE_BUF bytes never block
    except BrokenPipeError:
        return data[:0]


def lines(read: Callable[[], bytes], most_b: int) -> Iterator[bytes]:
    """Complete lines without their newlines, until `read` returns b"". An incomplete last line is dropped.

    Raises TooMuch for a line of more than `most_b` bytes.
    """
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
    """Keeps the last TAIL_B bytes of a pipe. A thread reads as the pipe fills, so that no writer waits long."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._stop_reader, self._stop_writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def begin(self) -> None:
        """Closes this process's copy of the writing end. Call it after the command was started or could not be."""
        os.close(self.writer)
        self._thread.start()

    def text(self) -> bytes:
        """The last TAIL_B bytes written so far."""
        with self._lock:
            if self.reader >= 0:
                self._take()
            return bytes(self._kept)

    def close(self) -> None:
        """Stops reading. Processes that still write to the pipe get EPIPE."""
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
        """Reads 1 MiB at most, the largest size of a pipe: a process that writes without end cannot hold the caller.

        Returns False at the end of the stream.
        """
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
