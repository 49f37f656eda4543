"""Sessions that answer by a script, and recorded answers of tools."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from vbench import contracts, units
from vbench.benchmarks import KINDS
from vbench.contracts import Benchmark, Completed, Session, Start, Workplace

DATA = Path(__file__).parent.parent / "data"
REPLY: dict[str, object] = {
    "values": [1.0] * 10,
    "warmups": [[1, 1.0]],
    "loops": 1,
    "clock": "C",
    "padding": 0,
    "spent_s": 15.0,
    "extra": {},
    "pyperf": {},
}


NEEDED: dict[str, dict[str, object]] = {"command": {"argv": ["true"]}}  # what a kind cannot be without


def of_kind(kind: str, **keys: object) -> Benchmark:
    keys = NEEDED.get(kind, {}) | keys
    return msgspec.convert(keys, KINDS[kind], dec_hook=units.decode)


@dataclass
class Said:
    """A process that has said its all and ended."""

    argv: tuple[str, ...]
    stdout: BytesIO
    words: bytes
    status: int
    stdin: BytesIO = field(default_factory=BytesIO)

    def wait(self, *, timeout_s: float) -> int:
        return self.status

    def kill(self) -> None:
        """It has ended."""

    def stderr(self) -> bytes:
        return self.words


@dataclass
class Scripted:
    """A session that answers each command by its first word that is known."""

    answers: dict[str, Completed]
    ran: list[tuple[str, ...]] = field(default_factory=list)
    workplace: Workplace = field(default_factory=Workplace)

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        self.ran.append(tuple(argv))
        for word in argv:
            if word in self.answers:
                return self.answers[word]
        return Completed(tuple(argv), 0, b"", b"")

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[Said]:
        done = self.run(argv, timeout_s=1)
        yield Said(tuple(argv), BytesIO(done.stdout + b"\n"), done.stderr, done.status)

    def on_network(self) -> "Scripted":
        return self


@contextmanager
def start_on(session: object, raw: dict[str, bytes] | None = None, **testbed: Any) -> Iterator[Start]:
    kept = {} if raw is None else raw
    shared = SimpleNamespace(peer_address=None, no_network="no root", **testbed)
    with ExitStack() as stack:
        yield Start(
            cast(Session, session), cast(contracts.Testbed, shared), 10, 0.01, 0.001, None, kept.__setitem__, stack
        )


def recorded(tool: str, name: str) -> Completed:
    return Completed((tool,), 0, (DATA / tool / f"{name}.json").read_bytes(), b"")


def line(**changes: object) -> bytes:
    return json.dumps(REPLY | changes).encode()
