"""The peer's side of a network benchmark: its address, and servers that are ready to answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vbench.benchmarks.lines import Hear, Lines
from vbench.benchmarks.tools import REBUILD
from vbench.contracts import Missing, Process, Session, Testbed
from vbench.errors import TrialFailed

READY_S = 15.0


def no_network(testbed: Testbed) -> tuple[Missing, ...]:
    return () if testbed.peer_address else (Missing("a network to the peer", testbed.no_network),)


def peer_address(testbed: Testbed) -> str:
    """The peer's address without its prefix length. Raises TrialFailed without a network."""
    if testbed.peer_address is None:
        raise TrialFailed(f"no network: {testbed.no_network}")
    return testbed.peer_address.partition("/")[0]


@contextmanager
def server(
    session: Session, argv: Sequence[str], ready: bytes, *, called: str = "", hear: Hear = lambda line: None
) -> Iterator[Lines]:
    """Starts a server, waits until its output contains `ready`, and yields its further lines. Kills its group at exit.

    `hear` is as in `Lines`. Raises TrialFailed when the server is missing or ends before it is ready.
    """
    name = called or f"{argv[0]} on the peer"
    try:
        with session.spawn(argv) as process:
            lines = Lines(process, hear)
            _listening(process, lines, ready, name)
            yield lines
    except FileNotFoundError:
        raise TrialFailed(f"{name} was not found", hint=REBUILD) from None


def _listening(process: Process, lines: Lines, ready: bytes, name: str) -> None:
    heard = b""
    while (line := lines.next(timeout_s=READY_S)) is not None:
        if ready in line:
            return
        heard += line + b"\n"
    process.wait(timeout_s=READY_S)
    output = (process.stderr() or heard).decode(errors="replace").strip()[-300:]
    raise TrialFailed(f"{name} ended before it listened: {output}")
