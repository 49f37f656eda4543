"""Measures with one fio in slices: its jobs wait for a line each, and other arms are measured between two of them."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from vbench.benchmarks import fio
from vbench.benchmarks.lines import BEGUN, ENDED, Lines
from vbench.contracts import Completed, Process, Session, Start
from vbench.errors import CommandTimeout, OutputTooLarge, TrialFailed
from vbench.guest.collecting import MOST_B
from vbench.model import Measured

KILL_S = 30.0  # limit of `kill`, which an emulated machine starts slowly
_OURS = (BEGUN, ENDED, fio.READY)
_PID = re.compile(re.escape(fio.PID) + rb"([1-9][0-9]{0,9})")
_FAILED = re.compile(rb"^fio: pid=\d+, err=\d+|, got signal=\d+")  # of one job


@dataclass
class FioSlices:
    """A running fio whose jobs wait."""

    session: Session
    process: Process
    limit_s: float
    finished: Callable[[Completed], Measured]  # what fio's output says
    pid: int = 0  # of its main process
    _printed: bytearray = field(default_factory=bytearray)
    _lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        self._lines = Lines(self.process)

    def ready(self, rounds: int) -> None:
        """Waits until every slice waits, and stops the main process. Raises TrialFailed, CommandTimeout."""
        for _ in range(rounds):
            self._until(fio.READY)
        if not self.pid:
            raise TrialFailed("fio's process is not known: the shell that starts it did not name it")
        self._signal("STOP")

    def take(self) -> None:
        with suppress(OSError, ValueError):  # fio has ended: `_until` says why
            self.process.stdin.write(b"go\n")
            self.process.stdin.flush()
        self._until(ENDED)

    def measured(self) -> Measured:
        self._signal("CONT")
        return self.finished(self._ended())

    def _until(self, word: bytes) -> None:
        """Reads until fio says this word. Raises TrialFailed, with fio's reason, where it ends before."""
        deadline = time.monotonic() + self.limit_s
        while (line := self._next(deadline)) is not None:
            if line == word:
                return
        self.finished(self._completed())
        raise TrialFailed("fio ended before its last slice")

    def _next(self, deadline: float) -> bytes | None:
        line = self._lines.next(timeout_s=max(0.0, deadline - time.monotonic()))
        if line is not None and (named := _PID.fullmatch(line)):
            self.pid = int(named[1])
        elif line is not None and line not in _OURS:
            self._printed += line + b"\n"
            if len(self._printed) > MOST_B:
                self.process.kill()
                raise OutputTooLarge(f"fio printed more than {MOST_B // 2**20} MiB and was killed")
            if _FAILED.search(line):  # the other jobs go on waiting, and fio with them
                self.process.kill()
                raise fio.refused(self._completed())
        return line

    def _ended(self) -> Completed:
        deadline = time.monotonic() + self.limit_s
        while self._next(deadline) is not None:
            pass
        return self._completed()

    def _completed(self) -> Completed:
        status = self.process.wait(timeout_s=self.limit_s)
        return Completed(("fio",), status, bytes(self._printed), self.process.stderr())

    def _signal(self, name: str) -> None:
        self.session.run(["kill", f"-{name}", str(self.pid)], timeout_s=KILL_S).check()


@contextmanager
def fio_slices(
    start: Start, argv: Sequence[str], limit_s: float, finished: Callable[[Completed], Measured]
) -> Iterator[FioSlices]:
    """A trial of `start.rounds` slices by this command of `fio.jobs`; `finished` makes a result of fio's output."""
    try:
        with start.session.spawn(argv) as process:
            slices = FioSlices(start.session, process, limit_s, finished)
            slices.ready(start.rounds)
            yield slices
    except FileNotFoundError as error:
        raise TrialFailed(f"fio could not be started: {error}") from None
    except CommandTimeout:
        raise CommandTimeout(f"fio did not end within {limit_s:g} s and was killed") from None
