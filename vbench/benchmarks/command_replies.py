"""Reads what guest/timed.py answers about a command: its runs, or why a run failed."""

import json
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from vbench.benchmarks.kernel_driver import NotNegative
from vbench.contracts import Completed
from vbench.errors import TrialFailed
from vbench.host import foreign
from vbench.host.foreign import Count
from vbench.text import printable
from vbench.units import show_bytes

SEEN_B = 2**20  # of an output, its beginning and end: guest/timed.py
STDERR_SHOWN = 300
BUSY = 0.95  # least share of the runs in the time from the first to the last, to count the processor time as theirs
LONGEST = 1000
T = TypeVar("T")


class Reply(msgspec.Struct, frozen=True):
    """What guest/timed.py answers."""

    walls: Annotated[tuple[Annotated[float, Meta(gt=0)], ...], Meta(min_length=1, max_length=LONGEST)]
    picked: tuple[float, ...] | None
    warmups: Count
    spent_s: NotNegative
    span_s: NotNegative
    clock: Annotated[str, Meta(max_length=100)]
    padding: Count
    printed_b: Count


class Progress(msgspec.Struct, frozen=True):
    """What guest/timed.py answers to a step of a trial in slices: the counted runs so far."""

    runs: Count


class Streams(msgspec.Struct, frozen=True):
    """Beginning and end of the last run's output. `error` and `hint` are set where there is no Reply."""

    stdout: bytes = b""
    stderr: bytes = b""
    error: str | None = None
    hint: str = ""


def parse(line: bytes, raw: Callable[[str, bytes], None]) -> Reply:
    """The reply of a trial. Stores it as a raw file, and the last run's output too. Raises TrialFailed."""
    _stored(_decoded(line, Streams), raw)
    reply = _decoded(line, Reply)
    if reply.picked is not None and len(reply.picked) != len(reply.walls):
        raise TrialFailed(f"the answer about its runs has {len(reply.picked)} numbers of {len(reply.walls)} runs")
    raw("runs.json", json.dumps(msgspec.to_builtins(reply)).encode())
    return reply


def progress(line: bytes, raw: Callable[[str, bytes], None]) -> Progress:
    """The answer to a step. Stores the last run's output if it failed. Raises TrialFailed."""
    _stored(_decoded(line, Streams), raw)
    return _decoded(line, Progress)


def _stored(streams: Streams, raw: Callable[[str, bytes], None]) -> None:
    """Stores both streams. Raises TrialFailed if the run failed."""
    for name, data in (("stdout", streams.stdout), ("stderr", streams.stderr)):
        if data:  # not as JSON: an escape before a host's name would hide it from the store's cleaner
            raw(f"{name}.txt", data)
    if streams.error is not None:
        raise TrialFailed(_epitaph(streams.error[:LONGEST], streams.stderr), hint=streams.hint[:LONGEST])


def survived(done: Completed) -> Completed:
    """What has timed a command and ended with status 0. Raises TrialFailed, CommandFailed."""
    if done.status < 0:
        raise TrialFailed(f"what times the command was killed by signal {-done.status}, with the command")
    return done.check()


def _decoded(line: bytes, kind: type[T]) -> T:
    try:
        return foreign.decode(line, kind)
    except ValueError as error:
        raise TrialFailed(f"the answer about its runs cannot be read: {error}: {line[:200]!r}") from None


def _epitaph(message: str, stderr: bytes) -> str:
    """The message with the end of stderr, on one line and in printable characters."""
    words = " ".join(stderr.decode(errors="replace").split())[-STDERR_SHOWN:]
    return f"{message}: {printable(words)}" if words else message


def operations(reply: Reply) -> int | None:
    """Number of runs. None where the runs are short: the processor time counted then contains much that is no run."""
    return len(reply.walls) + reply.warmups if reply.spent_s >= BUSY * reply.span_s else None


def operations_of_slices(reply: Reply, slices_s: float) -> int | None:
    """Number of runs in the slices, which took `slices_s` by the harness's clock. None as of `operations`."""
    return len(reply.walls) if sum(reply.walls) >= BUSY * slices_s else None


def cut_notes(reply: Reply) -> tuple[str, ...]:
    """A note where a number was looked for in a part of an output."""
    if reply.picked is None or reply.printed_b <= SEEN_B:
        return ()
    seen = f"first and last {show_bytes(SEEN_B / 2)}"
    return (f"a run printed {show_bytes(reply.printed_b)}; the number was looked for in the {seen}",)
