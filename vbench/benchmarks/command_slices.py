"""Measures a command in slices: what times it waits for a line, and other arms are measured meanwhile."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from vbench.benchmarks.command_replies import Reply, operations_of_slices, parse, progress, survived
from vbench.benchmarks.lines import Lines, send
from vbench.contracts import Completed, Process, Start
from vbench.errors import CommandTimeout, TrialFailed, VbenchError
from vbench.model import Measured

END_S = 30.0  # limit for the end of a process that closed its output, under emulation on a busy host

Finished = Callable[[Reply, float, int | None], Measured]
"""Makes a result of the reply, of the host's time of all its steps in s, and of the number of operations if known."""


@dataclass(frozen=True)
class Limits:
    """Time limits in s: of the start with its warm-up, and of one slice."""

    begin_s: float
    slice_s: float


@dataclass
class CommandSlices:
    """A running guest/timed.py. Between two slices it has no child and waits for a line."""

    process: Process
    limits: Limits
    raw: Callable[[str, bytes], None]
    finished: Finished
    _lines: Lines = field(init=False)
    _warm_up_s: float = 0.0
    _slices_s: float = 0.0

    def __post_init__(self) -> None:
        self._lines = Lines(self.process)

    def begin(self, request: Mapping[str, object]) -> None:
        """Waits until the warm-up is over. Raises TrialFailed, CommandTimeout."""
        # In a thread: a process that does not read would block the harness.
        said = json.dumps(request).encode() + b"\n"
        threading.Thread(target=send, args=(self.process, said), daemon=True).start()
        with self._killing():
            self._warm_up_s = self._passed(self.limits.begin_s)

    def take(self) -> None:
        with self._killing():
            send(self.process, b"next\n")
            self._slices_s += self._passed(self.limits.slice_s)

    def measured(self) -> Measured:
        with self._killing():
            send(self.process, b"end\n")
            reply = parse(self._next(self.limits.slice_s), self.raw)
        return self.finished(reply, self._warm_up_s + self._slices_s, operations_of_slices(reply, self._slices_s))

    def _passed(self, limit_s: float) -> float:
        """Waits for the answer to one step. The time that it took in s."""
        begun_s = time.monotonic()
        line = self._next(limit_s)
        took_s = time.monotonic() - begun_s
        progress(line, self.raw)
        return took_s

    def _next(self, limit_s: float) -> bytes:
        try:
            line = self._lines.next(timeout_s=limit_s)
        except CommandTimeout:
            raise CommandTimeout(f"what times the command did not answer within {limit_s:g} s and was killed") from None
        if line is None:
            status = self.process.wait(timeout_s=END_S)
            survived(Completed(self.process.argv, status, b"", self.process.stderr()))
            raise TrialFailed("what times the command ended before its last slice")
        return line

    @contextmanager
    def _killing(self) -> Iterator[None]:
        """After a failure nothing may run on: the slices of the other arms are still to come."""
        try:
            yield
        except VbenchError:
            with suppress(VbenchError):  # the session was lost, and what ran in it
                self.process.kill()
            raise


@contextmanager
def command_slices(
    start: Start, argv: Sequence[str], request: Mapping[str, object], limits: Limits, finished: Finished
) -> Iterator[CommandSlices]:
    """A trial of `start.rounds` slices by guest/timed.py, whose words are `argv`, warmed up."""
    try:
        with start.session.spawn(argv) as process:
            slices = CommandSlices(process, limits, start.raw, finished)
            slices.begin({**request, "rounds": start.rounds})
            yield slices
    except FileNotFoundError as error:
        raise TrialFailed(f"what times the command could not be started: {error}") from None
