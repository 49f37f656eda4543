"""The harness's end of the guest channel: a Session over the agent's JSON lines, by any carrier."""

import base64
import errno
import io
import json
import os
import queue
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar, cast

from vbench.beneath import DESCENDANTS, ServedBy, Uplink
from vbench.contracts import Completed, Process, Session, StartTiming, Workplace
from vbench.environments.messages import Clock, Data, Done, Envelope, Event, Hello, Ran, Spawned
from vbench.errors import CommandFailed, CommandTimeout, OutputTooLarge, SessionLost, StartFailed, VbenchError
from vbench.gates import ClockReading
from vbench.guest.collecting import MOST_B, TAIL_B, TooMuch, lines
from vbench.host import foreign
from vbench.host.inbox import Inbox
from vbench.model import Layer
from vbench.text import program

CHUNK_B = 48 * 1024
CLOCK_READINGS = 5
GRACE_S = 15.0  # what the channel may add to a command's own limit before the environment counts as gone
STOP_S = 10.0  # for an agent to stop everything and to end, before it is killed
FILE_S = 60.0  # of one part of a file, on a busy disk
LARGEST_FILE_B = 2**30  # of a file that is fetched; the largest that vbench writes inside is one of 1 GiB
LONGEST_WORDS = 1000
R = TypeVar("R")


Replies = Inbox[bytes | None]  # lines of one conversation; None: the environment went away


class Channel:
    """Sends requests over a process's stdin and sorts its replies by their id; one passive reader thread."""

    def __init__(self, carrier: Process, describe_loss: Callable[[], str]) -> None:
        self.carrier = carrier
        self.describe_loss = describe_loss
        self.grace_s = GRACE_S
        self.file_s = FILE_S
        self.garbage: deque[bytes] = deque(maxlen=100)  # lines that are no messages, such as boot noise
        self._waiting: dict[int, Replies] = {0: Replies(foreign.LARGEST_B)}
        self._numbers = iter(range(1, 2**62))
        self._lock = threading.Lock()
        self._ended = False
        self._excess = ""
        with suppress(io.UnsupportedOperation):  # a process behind another channel has no pipe of its own
            os.set_blocking(carrier.stdin.fileno(), False)
        threading.Thread(target=self._read, args=(_own(carrier.stdout),), name="guest channel", daemon=True).start()

    def _read(self, stdout: BinaryIO) -> None:
        with suppress(OSError, ValueError), stdout:  # ValueError: closed while reading
            try:
                for line in lines(lambda: stdout.read(65536), foreign.LARGEST_B):
                    self._sort(line)
            except TooMuch as error:
                self._excess = f"it sent {error}; "
        self._ended = True
        for waiting in list(self._waiting.values()):
            waiting.put(None)

    def _sort(self, line: bytes) -> None:
        try:
            number = foreign.decode(line, Envelope).id
        except ValueError:
            self.garbage.append(line[:200])
            return
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.put(line, len(line))

    def hello(self, *, timeout_s: float) -> None:
        """Waits for the agent's first message. Raises StartFailed with the evidence if none comes."""
        try:
            line = self._waiting[0].get(timeout_s=timeout_s)
        except queue.Empty:
            raise StartFailed(f"no answer from the agent within {timeout_s:g} s; {self.describe_loss()}") from None
        self.close(0)  # from here on a message without a number belongs to no conversation
        if line is None:
            raise StartFailed(f"it ended before its agent answered; {self._excess}{self.describe_loss()}")
        try:
            foreign.decode(line, Hello)
        except ValueError as error:
            raise StartFailed(f"its agent's first message cannot be read: {error}; {self.describe_loss()}") from None

    def converse(self) -> tuple[int, Replies]:
        """Opens a conversation. Returns its id and the lines of its replies."""
        waiting = Replies(foreign.LARGEST_B)
        with self._lock:
            number = next(self._numbers)
        self._waiting[number] = waiting
        if self._ended:
            waiting.put(None)
        return number, waiting

    def close(self, number: int) -> None:
        self._waiting.pop(number, None)

    def send(self, message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        try:
            with self._lock:
                while data:
                    data = data[self._write(data) :]
        except (OSError, ValueError):
            raise SessionLost(f"the environment went away; {self.describe_loss()}") from None

    def _write(self, data: memoryview) -> int:
        """Writes as much as the pipe takes at once. Returns 0 after waiting for a full pipe. Raises SessionLost."""
        written: int | None = self.carrier.stdin.write(data)
        if written is None and not select.select([], [self.carrier.stdin], [], self.grace_s)[1]:
            raise SessionLost(f"the environment took no input for {self.grace_s:g} s; {self.describe_loss()}")
        return written or 0

    def receive(self, waiting: Replies, kind: type[R], *, timeout_s: float) -> R:
        """The next reply. Raises SessionLost, also for one that no agent sends, and CommandFailed for an error."""
        try:
            line = waiting.get(timeout_s=timeout_s)
        except queue.Empty:
            raise SessionLost(
                f"the environment did not answer within {timeout_s:g} s; {self.describe_loss()}"
            ) from None
        if line is None:
            raise self.lost()
        try:
            done = foreign.decode(line, Done)
            if done.error is None:
                return foreign.decode(line, kind)
        except ValueError as error:
            raise SessionLost(f"the agent's answer cannot be read: {error}: {line[:200]!r}") from None
        if done.errno == errno.ENOENT:
            raise FileNotFoundError(done.error[:LONGEST_WORDS])
        raise CommandFailed(f"inside the environment: {done.error[:LONGEST_WORDS]}")

    def lost(self) -> SessionLost:
        return SessionLost(f"the environment went away; {self._excess}{self.describe_loss()}")

    def ask(self, message: dict[str, Any], kind: type[R], *, timeout_s: float) -> R:
        number, waiting = self.converse()
        try:
            self.send({"id": number, **message})
            return self.receive(waiting, kind, timeout_s=timeout_s)
        except FileNotFoundError as error:
            raise CommandFailed(f"inside the environment: {error}") from None
        finally:
            self.close(number)


def _own(stream: BinaryIO) -> BinaryIO:
    """A duplicate that only the reader closes: otherwise its next read could be from a reused descriptor."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "rb", 0)
    except io.UnsupportedOperation:  # a process behind another channel has no pipe of its own
        return stream


class _Stdin(io.RawIOBase):
    """Writes to a process behind the channel."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel, self._number = channel, number

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = bytes(data)
        for start in range(0, len(view), CHUNK_B):
            self._send(view[start : start + CHUNK_B])
        return len(view)

    def close(self) -> None:
        if not self.closed:
            super().close()
            with suppress(SessionLost):
                self._send(None)

    def __del__(self) -> None:
        """Not `close`, as of other files: garbage is collected anywhere, so within `send` too, which holds its lock."""

    def _send(self, data: bytes | None) -> None:
        text = None if data is None else base64.b64encode(data).decode()
        self._channel.send({"id": 0, "op": "in", "to": self._number, "data": text})


class _Stdout(io.RawIOBase):
    """Reads from a process behind the channel; the end is its exit."""

    def __init__(self, process: "RemoteProcess") -> None:
        self._process, self._pending = process, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._pending:
            data = self._process.next_output()
            if data is None:
                return 0
            self._pending = data
        size = min(len(buffer), len(self._pending))
        buffer[:size], self._pending = self._pending[:size], self._pending[size:]
        return size


@dataclass
class RemoteProcess:
    """A command that runs behind the channel."""

    argv: tuple[str, ...]
    channel: Channel
    number: int
    events: Replies
    pid: int

    def __post_init__(self) -> None:
        self.stdin = cast(BinaryIO, _Stdin(self.channel, self.number))
        self.stdout = cast(BinaryIO, _Stdout(self))
        self._status: int | None = None
        self._errors = b""
        self._output: Inbox[bytes | None] = Inbox()
        self._problem: VbenchError | None = None
        self._over = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with suppress(VbenchError):  # the caller learns of the end from the stored problem
            while (event := self._event()) is not None and event.exit is None:
                self._heard(event.out or b"")
            if event is not None:
                self._status, self._errors = event.exit, event.stderr[-TAIL_B:]
        self._output.put(None)
        self._over.set()

    def _event(self) -> Event | None:
        """The next reply. None when the environment ended."""
        line = self.events.get()
        if line is None:
            return None
        try:
            return foreign.decode(line, Event)
        except ValueError as error:
            self._problem = SessionLost(f"the agent's event cannot be read: {error}: {line[:200]!r}")
            return None

    def _heard(self, data: bytes) -> None:
        """A part of the output for who reads it; a command that prints too much is killed, and its rest is dropped."""
        if self._problem is not None:
            return
        try:
            self._output.put(data, len(data))
        except TooMuch as error:
            self._problem = OutputTooLarge(f"{program(self.argv)} printed {error} and was killed")
            self.channel.send({"id": 0, "op": "kill", "to": self.number})

    def next_output(self) -> bytes | None:
        """None at its end. Raises what ended it before."""
        data = self._output.get()
        if data is None:
            self._output.put(None)
            if self._problem is not None:
                raise self._problem
        return data

    def poll(self) -> int | None:
        return self._status

    def wait(self, *, timeout_s: float) -> int:
        if not self._over.wait(timeout_s):
            raise CommandTimeout(f"{program(self.argv)} was still running after {timeout_s:g} s")
        if self._problem is not None:
            raise self._problem
        if self._status is None:
            raise self.channel.lost()
        return self._status

    def kill(self) -> None:
        if not self._over.is_set():
            self.channel.send({"id": 0, "op": "kill", "to": self.number})
            self._over.wait(self.channel.grace_s)

    def stderr(self) -> bytes:
        return self._errors


@dataclass
class AgentSession:
    """A started environment, reached through its agent."""

    channel: Channel
    workplace: Workplace
    layers: tuple[Layer, ...]
    timing: StartTiming
    argv: tuple[tuple[str, ...], ...]
    mechanisms: tuple[str, ...]
    memory_limit_b: int | None = None
    no_network: str = ""
    served_by: ServedBy = DESCENDANTS
    uplink: Uplink | None = None
    network: Callable[[], Session] | None = None  # another way in, for what is native otherwise
    logs: Callable[[], dict[str, bytes]] = dict
    stop_s: float = STOP_S

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        words = [str(word) for word in argv]
        message = {"op": "run", "argv": words, "timeout_s": timeout_s, "stdin": base64.b64encode(stdin).decode()}
        reply = self.channel.ask(message, Ran, timeout_s=timeout_s + self.channel.grace_s)
        if reply.timeout:
            raise CommandTimeout(f"{program(words)} did not end within {timeout_s:g} s and was killed")
        if reply.too_much:
            raise OutputTooLarge(f"{program(words)} printed more than {MOST_B // 2**20} MiB and was killed")
        return Completed(tuple(words), reply.status, reply.stdout, reply.stderr)

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[RemoteProcess]:
        words = [str(word) for word in argv]
        number, events = self.channel.converse()
        try:
            self.channel.send({"id": number, "op": "spawn", "argv": words})
            reply = self.channel.receive(events, Spawned, timeout_s=self.channel.grace_s)
            process = RemoteProcess(tuple(words), self.channel, number, events, reply.pid)
            try:
                yield process
            finally:
                with suppress(SessionLost):  # then it died with the environment
                    process.kill()
        finally:
            self.channel.close(number)

    def put(self, source: Path, target: PurePosixPath) -> None:
        mode, append = source.stat().st_mode & 0o777, False
        with source.open("rb") as file:
            while (data := file.read(CHUNK_B)) or not append:
                text = base64.b64encode(data).decode()
                message = {"op": "put", "path": str(target), "append": append, "mode": mode, "data": text}
                self.channel.ask(message, Done, timeout_s=self.channel.file_s)
                append = True

    def get(self, source: PurePosixPath, target: Path) -> None:
        with target.open("wb") as file:
            while True:
                message = {"op": "get", "path": str(source), "offset": file.tell()}
                data = self.channel.ask(message, Data, timeout_s=self.channel.file_s).data
                if not data:
                    return
                if file.tell() + len(data) > LARGEST_FILE_B:
                    raise CommandFailed(f"{source} is larger than {LARGEST_FILE_B // 2**20} MiB")
                file.write(data)

    def clock(self) -> ClockReading:
        """The quickest of a few exchanges: the first ones wait for an agent that still loads, or for a busy host."""
        return min((self._clock() for _ in range(CLOCK_READINGS)), key=lambda r: r.after_s - r.before_s)

    def _clock(self) -> ClockReading:
        before_s = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        reply = self.channel.ask({"op": "clock"}, Clock, timeout_s=self.channel.grace_s)
        return ClockReading(before_s, reply.raw_ns * 1e-9, time.clock_gettime(time.CLOCK_MONOTONIC_RAW))

    def on_network(self) -> Session:
        return self.network() if self.network else self

    def evidence(self) -> dict[str, bytes]:
        return self.logs()

    def end(self) -> None:
        """Asks the agent to stop everything and to end. The caller waits for the carrier."""
        with suppress(SessionLost):
            self.channel.send({"id": 0, "op": "off"})
