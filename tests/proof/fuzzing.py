"""Reads mutated inputs one by one: each is refused with a message, or gives values that are finite; all else is found.

Time and memory of one input are bounded, so that what never ends or fills the machine is found as well.
"""

import math
import resource
import signal
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

import msgspec

from tests.proof.mutating import Mutate
from vbench.errors import VbenchError

LIMIT_S = 30.0  # of one input; most take a millisecond, a page with its charts one second
MEMORY_B = 2**30  # above what the process had
LONGEST_WORDS = 5000  # of a message and its hint


class Read(Protocol):
    def __call__(self, said: bytes, /) -> object: ...


class Target(NamedTuple):
    """One reader of foreign data: good inputs, how they are changed, and its part of all inputs."""

    name: str
    good: tuple[bytes, ...]
    mutate: Mutate
    read: Read
    share: int


class TooSlow(Exception):
    """An input took longer than LIMIT_S."""


@dataclass(frozen=True)
class Finding:
    """An input that was neither refused in order nor read as something sane."""

    target: str
    seed: str
    said: bytes
    what: str
    trace: str


@dataclass
class Count:
    """Of one target: inputs read as something, refused in order, and found."""

    target: str
    accepted: int = 0
    refused: int = 0
    spent_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.accepted + self.refused + len(self.findings)


def said_by(target: Target, seed: str) -> bytes:
    """The input that a seed means."""
    random = Random(seed)
    return target.mutate(random.choice(target.good), random)


def fuzz(target: Target, seeds: Iterable[str]) -> Count:
    """All inputs of these seeds."""
    count, begun = Count(target.name), time.monotonic()
    for seed in seeds:
        said = said_by(target, seed)
        finding = _try(target, seed, said, count)
        if finding is not None:
            count.findings.append(finding)
    count.spent_s = time.monotonic() - begun
    return count


def _try(target: Target, seed: str, said: bytes, count: Count) -> Finding | None:
    try:
        with limited():
            value = target.read(said)
            if odd := next(insane(value), ""):
                return Finding(target.name, seed, said, f"accepted as {odd}", "")
    except VbenchError as error:
        count.refused += 1
        if odd := _badly_said(error):
            count.refused -= 1
            return Finding(target.name, seed, said, odd, "")
        return None
    except Exception as error:  # noqa: BLE001 whatever it is, it is what is looked for
        trace = "".join(traceback.format_exception(error)[-8:])[-4000:]
        return Finding(target.name, seed, said, f"{type(error).__name__}: {str(error)[:200]}", trace)
    count.accepted += 1
    return None


def _badly_said(error: VbenchError) -> str:
    """Why a message is not fit to be shown or stored, if so."""
    for words in (error.message, error.hint):
        if not isinstance(words, str):
            return f"a message that is no text: {words!r:.100}"
        if len(words) > LONGEST_WORDS:
            return f"a message of {len(words)} letters: {words[:100]!r}"
        if not _is_text(words):
            return f"a message that no file can hold: {words[:100]!r}"
    return "" if error.message else "an error without a message"


def _is_text(words: str) -> bool:
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True


def insane(value: object) -> Iterator[str]:
    """What in a value no reader should meet: NaN, infinity, a text that no file can hold."""
    waiting: list[Any] = [value]
    while waiting:
        match waiting.pop():
            case float() as number if not math.isfinite(number):
                yield f"{number}"
            case str() as text if not _is_text(text):
                yield f"a text with half a letter: {text[:100]!r}"
            case dict() as table:
                waiting += [*table.keys(), *table.values()]
            case list() | tuple() | set() | frozenset() as items:
                waiting += items
            case msgspec.Struct() as struct:
                waiting += [getattr(struct, name) for name in struct.__struct_fields__]


@contextmanager
def limited() -> Iterator[None]:
    """Ends in TooSlow or MemoryError what takes too long or too much."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_size_b() + MEMORY_B, hard))
    before = signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _size_b() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _too_slow(*_: object) -> None:
    raise TooSlow(f"longer than {LIMIT_S:g} s")
