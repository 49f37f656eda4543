"""The agent's replies (guest/serving.py) as structs. A reply that lacks a field is refused."""

from msgspec import Struct

from vbench.host.foreign import Count


class Envelope(Struct, frozen=True):
    """The field that every line of the agent has: the number of its request."""

    id: int = 0


class Hello(Struct, frozen=True):
    hello: int


class Done(Struct, frozen=True):
    """A request was carried out; `error` when it was not."""

    error: str | None = None
    errno: int = 0


class Ran(Struct, frozen=True):
    """How a command ended; an output that was too much, or that came too late, is not sent."""

    status: int
    stdout: bytes
    stderr: bytes
    timeout: bool = False
    too_much: bool = False


class Spawned(Struct, frozen=True):
    pid: int


class Event(Struct, frozen=True):
    """A message about a spawned command: a part of its output or, at the end, its status and the end of its stderr."""

    out: bytes | None = None
    exit: int | None = None
    stderr: bytes = b""


class Data(Struct, frozen=True):
    """A part of a file, empty at its end."""

    data: bytes


class Clock(Struct, frozen=True):
    raw_ns: Count
