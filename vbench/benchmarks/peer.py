"""The peer's side of a benchmark over the network: its address, and servers that have said they listen."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vbench.benchmarks.lines import Lines
from vbench.contracts import Missing, Session, Testbed
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
def server(session: Session, argv: Sequence[str], ready: bytes, *, where: str = "the peer") -> Iterator[None]:
    """A server that has said on its standard output that it listens; its group dies with this context."""
    try:
        with session.spawn(argv) as process:
            if not Lines(process).until(ready, timeout_s=READY_S):
                process.wait(timeout_s=READY_S)
                said = process.stderr().decode(errors="replace").strip()[-300:]
                raise TrialFailed(f"{argv[0]} on {where} ended before it listened: {said}")
            yield
    except FileNotFoundError:
        raise TrialFailed(f"{argv[0]} was not found on {where}", hint="use the image that has it") from None
