"""The peer's side of a benchmark over the network: its address, and servers that have said they listen."""

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
    """Without its prefix length. Raises TrialFailed."""
    if testbed.peer_address is None:
        raise TrialFailed(f"no network: {testbed.no_network}")
    return testbed.peer_address.partition("/")[0]


@contextmanager
def server(
    session: Session, argv: Sequence[str], ready: bytes, *, called: str = "", hear: Hear = lambda line: None
) -> Iterator[Lines]:
    """A server that has said on its standard output that it listens, and what else it says; its group dies with this.

    `hear` is as in `Lines`.
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
    said = (process.stderr() or heard).decode(errors="replace").strip()[-300:]
    raise TrialFailed(f"{name} ended before it listened: {said}")
