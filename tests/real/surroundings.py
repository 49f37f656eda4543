"""Odd surroundings of a process, and the program in each: as a process of its own, or as children of one process."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.real.program import LIMIT_S, VBENCH
from vbench.host.lock import VARIABLE

FORKING = Path(__file__).with_name("forking.py")
POSIX = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


class Ended(NamedTuple):
    status: int
    said: str


@dataclass(frozen=True)
class Surrounding:
    """What differs from a usual process. `before` are words in front; `streams` opens other standard streams."""

    before: tuple[str, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    streams: "Callable[[ExitStack], dict[str, int]] | None" = None
    writes: bool = True  # whether anything can be written there


def shell(script: str) -> tuple[str, ...]:
    return "sh", "-c", f'{script} exec "$@"', "sh"


def redirected(to: str) -> tuple[str, ...]:
    return "sh", "-c", f'exec "$@" {to}', "sh"


def unread_pipe(stack: ExitStack) -> dict[str, int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stack.callback(os.close, writer)
    return {"stdout": writer}


def slow_pipe(stack: ExitStack) -> dict[str, int]:
    """A pipe that takes one page, does not block, and is emptied by a reader of its own."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    _drained(stack, reader, writer)
    return {"stdout": writer}


def terminal(stack: ExitStack) -> dict[str, int]:
    master, slave = os.openpty()
    _drained(stack, master, slave)
    return {"stdout": slave, "stderr": slave}


def lost_terminal(stack: ExitStack) -> dict[str, int]:
    """The window was closed: reading and writing fail."""
    master, slave = os.openpty()
    os.close(master)
    stack.callback(os.close, slave)
    return {"stdin": slave, "stdout": slave, "stderr": slave}


def _drained(stack: ExitStack, reader: int, writer: int) -> None:
    def drain() -> None:
        try:
            while os.read(reader, 4096):
                pass
        except OSError:  # a terminal ends with an error
            pass
        os.close(reader)

    thread = threading.Thread(target=drain)
    thread.start()
    stack.callback(thread.join)
    stack.callback(os.close, writer)  # the other end is then the command's alone, and ends with it


READ_ONLY = """
for folder in /tmp /var/tmp /dev/shm "$HOME" "$PWD"; do
    mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder" || exit 99
done
"""
IN_NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "--")
AS_NOBODY_KNOWN = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")

STREAMS = {
    "stdout closed": Surrounding(redirected(">&-")),
    "stderr closed": Surrounding(redirected("2>&-")),
    "all streams closed": Surrounding(redirected("<&- >&- 2>&-")),
    "stderr full": Surrounding(redirected("2>/dev/full")),
    "stderr not writable": Surrounding(redirected("2</dev/null")),
    "a pipe that nobody reads": Surrounding(streams=unread_pipe),
    "a pipe that does not block": Surrounding(streams=slow_pipe),
    "a terminal that went away": Surrounding(streams=lost_terminal),
    "a terminal of one column": Surrounding(env={"COLUMNS": "1", "LINES": "1", "TERM": "xterm"}, streams=terminal),
    "a terminal that nobody knows": Surrounding(env={"TERM": "no\x1bsuch", "COLUMNS": "-5"}, streams=terminal),
    "a dumb terminal": Surrounding(env={"TERM": "dumb", "COLUMNS": "x", "LINES": "0"}, streams=terminal),
}
# Where one cannot hide what another does, two odd things are tried at once.
REST = {
    "latin-1 with a home that is no path": Surrounding(
        env={"PYTHONIOENCODING": "latin-1", "HOME": "relative", "XDG_CACHE_HOME": None}
    ),
    "ascii with a cache that is a file": Surrounding(
        env={"PYTHONIOENCODING": "ascii:strict", "XDG_CACHE_HOME": "/dev/null"}
    ),
    "ascii for files too in a working folder that was deleted": Surrounding(
        shell('gone=$(mktemp -d); cd "$gone"; rmdir "$gone";'), env=POSIX
    ),
    "stdin closed with a home that cannot be written": Surrounding(
        redirected("<&-"), env={"HOME": "/proc", "XDG_CACHE_HOME": "/proc/cache"}
    ),
    "no environment": Surrounding(("sh", "-c", f'exec env -i {VARIABLE}="${VARIABLE}" "$@"', "sh")),
    "no home and no entry in passwd": Surrounding(AS_NOBODY_KNOWN, env={"HOME": None, "XDG_CACHE_HOME": None}),
    "nothing can be written": Surrounding((*IN_NAMESPACES, *shell(READ_ONLY)), writes=False),
}


def end(words: Sequence[str], surrounding: Surrounding, folder: Path) -> Ended:
    """The program as a process of its own."""
    with started([VBENCH, *words], surrounding, folder) as process:
        said = b"".join(text or b"" for text in process.communicate(timeout=LIMIT_S))
    return Ended(process.returncode, said.decode(errors="replace"))


@contextmanager
def started(
    words: Sequence[str], surrounding: Surrounding, folder: Path, **more: Any
) -> "Iterator[subprocess.Popen[bytes]]":
    usual = {**os.environ, VARIABLE: str(folder / "lock")}
    env = {name: value for name, value in (usual | surrounding.env).items() if value is not None}
    with ExitStack() as stack:
        streams = surrounding.streams(stack) if surrounding.streams else {}
        to = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        with subprocess.Popen([*surrounding.before, *words], env=env, cwd=folder, **to, **more) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise


@dataclass
class Forking:
    """A process of forking.py: `end` runs the program in a child of it."""

    control: socket.socket
    pipes: "list[IO[bytes]]"  # the streams of all children, as far as they lead here

    def end(self, words: Sequence[str]) -> Ended:
        """What a child says stands in the pipes when its status comes: the next child is started later."""
        self.control.sendall(json.dumps([VBENCH, *words]).encode() + b"\n")
        said, status, deadline = b"", b"", time.monotonic() + LIMIT_S
        while not status.endswith(b"\n"):
            ready, _, _ = select.select([self.control, *self.pipes], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no status within {LIMIT_S:g} s: {said!r}"
            said += self._read([pipe for pipe in self.pipes if pipe in ready])
            if self.control in ready:
                more = self.control.recv(64)
                assert more, f"the process that forks has ended: {said.decode(errors='replace')}"
                status += more
        return Ended(int(status), (said + self._read(list(self.pipes))).decode(errors="replace"))

    def _read(self, pipes: "list[IO[bytes]]") -> bytes:
        """All that is there now; a closed pipe is read no more."""
        found = b""
        for pipe in pipes:
            while (data := pipe.read(65536)) is not None:
                if not data:
                    self.pipes.remove(pipe)
                    break
                found += data
        return found


@contextmanager
def forking(surrounding: Surrounding, folder: Path) -> Iterator[Forking]:
    ours, theirs = socket.socketpair()
    words = [sys.executable, str(FORKING), str(theirs.fileno())]
    with started(words, surrounding, folder, pass_fds=[theirs.fileno()], bufsize=0) as process:
        theirs.close()
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
        with ours:
            yield Forking(ours, pipes)
