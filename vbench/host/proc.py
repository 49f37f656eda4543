"""Runs commands on the local machine: the only module that imports subprocess."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from vbench.contracts import NOT_FOUND, Completed, Session, Workplace
from vbench.errors import FULL, CommandFailed, CommandTimeout, NoSpace, OutputTooLarge
from vbench.guest.collecting import Tail, TooMuch, communicate
from vbench.host.interrupts import held
from vbench.model import Layer
from vbench.text import program

GUEST = Path(__file__).parents[1] / "guest"
# What image builds need to find their files and the archive, through a site's proxy and by its certificates.
_PASSED = {
    "PATH",
    "HOME",
    "TMPDIR",
    "DEBIAN_FRONTEND",
    "SOURCE_DATE_EPOCH",
    "DOCKER_HOST",
    "VBENCH_LOCK",
    "VBENCH_SYSTEM_CACHE",
}
_PASSED_PREFIXES = ("XDG_", "SSL_CERT", "PIP_", "REQUESTS_CA")
_SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"  # a user's PATH often lacks the folders of mke2fs and ip


def fetching() -> dict[str, str]:
    """The environment of commands that fetch and build, with messages in English. It can hold a user's secrets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES) or name.lower().endswith("_proxy")
    }
    return kept | measuring()


def measuring() -> dict[str, str]:
    """The environment of commands that a run starts on its host: engines, tools, the way to an agent.

    Of the caller it has nothing but where programs are found. What a workload gets is in guest/surroundings.py.
    """
    return {"PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin") + _SBIN, "LC_ALL": "C.UTF-8"}


def which(name: str) -> str | None:
    """Path of a command as `run` would find it."""
    return shutil.which(name, path=measuring()["PATH"])


def temporary() -> str:
    """The folder for temporary files; where none can be written, the one that would be it."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return "/tmp"


@dataclass
class LocalProcess:
    """A running command in a session (process group) of its own."""

    argv: tuple[str, ...]
    popen: "subprocess.Popen[bytes]"
    errors: Tail

    @property
    def stdin(self) -> BinaryIO:
        return cast(BinaryIO, self.popen.stdin)

    @property
    def stdout(self) -> BinaryIO:
        return cast(BinaryIO, self.popen.stdout)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def poll(self) -> int | None:
        return self.popen.poll()

    def wait(self, *, timeout_s: float) -> int:
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise CommandTimeout(f"{program(self.argv)} was still running after {timeout_s:g} s") from None

    def kill(self) -> None:
        """SIGKILL to the whole group; a command that has ended takes its left-over children with it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stderr(self) -> bytes:
        return self.errors.text()


@contextmanager
def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    base: Callable[[], dict[str, str]] = fetching,
    cwd: Path | None = None,
) -> Iterator[LocalProcess]:
    """A running command with binary pipes; its group is killed on the way out.

    Raises FileNotFoundError, and CommandFailed for what is there and cannot be started.
    """
    process: LocalProcess | None = None
    errors = Tail()
    try:
        with held():  # a signal between its start and its name would leave it running
            try:
                popen = _started(argv, errors.writer, {**base(), **(env or {})}, cwd)
                process = LocalProcess(tuple(argv), popen, errors)
            finally:
                errors.begin()
        yield process
    finally:
        with held():
            if process is not None:
                process.kill()
                _close(process.popen)
            errors.close()


def _started(argv: Sequence[str], stderr: int, env: Mapping[str, str], cwd: Path | None) -> "subprocess.Popen[bytes]":
    """Starts a command in a session of its own: only the harness gets Ctrl-C, and it can kill the whole group."""
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=env,
            cwd=cwd,
            start_new_session=True,
            bufsize=0,
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a word with a null byte
        why = getattr(error, "strerror", None) or error
        raise CommandFailed(f"{program(argv)} could not be started: {why}") from error


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    base: Callable[[], dict[str, str]] = fetching,
    cwd: Path | None = None,
) -> Completed:
    """The command's end; status 127 when it is not found or may not be executed.

    Raises CommandTimeout and OutputTooLarge after killing its group, CommandFailed for what cannot be started.
    """
    popen: subprocess.Popen[bytes] | None = None
    hint = f"command: {' '.join(argv)[:200]}"
    try:
        with held():  # a signal between its start and its name would leave it running
            popen = _started(argv, subprocess.PIPE, {**base(), **(env or {})}, cwd)
        stdout, stderr = communicate(popen, stdin, timeout_s)
        _close(popen)
        return Completed(tuple(argv), popen.returncode, stdout, stderr)
    except BaseException as error:
        if popen is not None:
            with held():
                _kill_group(popen)
        match error:
            case FileNotFoundError():
                return Completed(tuple(argv), NOT_FOUND, b"", str(error).encode())
            case CommandFailed(__cause__=PermissionError() as denied):
                return Completed(tuple(argv), NOT_FOUND, b"", str(denied).encode())
            case subprocess.TimeoutExpired():
                message = f"{program(argv)} did not end within {timeout_s:g} s and was killed"
                raise CommandTimeout(message, hint=hint) from None
            case TooMuch():
                raise OutputTooLarge(f"{program(argv)} printed {error} and was killed", hint=hint) from None
        raise


def _kill_group(popen: "subprocess.Popen[bytes]") -> None:
    """Closes the pipes without reading to their end: a daemon that left the group may keep them open for ever."""
    with suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()
    _close(popen)


def _close(popen: "subprocess.Popen[bytes]") -> None:
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copy(source, target)
    except OSError as error:
        kind = NoSpace if error.errno in FULL else CommandFailed
        raise kind(f"{source} could not be copied to {target}: {error.strerror or error}") from error


@dataclass(frozen=True)
class LocalSession:
    """The local machine as a session: the lowest one of every stack."""

    workplace: Workplace = field(
        default_factory=lambda: Workplace(sys.executable, PurePosixPath(GUEST), PurePosixPath(temporary()), "host")
    )
    layers: tuple[Layer, ...] = ()
    prefix: tuple[str, ...] = ()  # words before every command: nsenter, taskset, chroot

    def prefixed(self, *words: str, workplace: Workplace | None = None) -> "LocalSession":
        return replace(self, prefix=(*self.prefix, *words), workplace=workplace or self.workplace)

    def layered(self, layers: Sequence[Layer]) -> "LocalSession":
        return replace(self, layers=tuple(layers))

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        return run([*self.prefix, *argv], timeout_s=timeout_s, stdin=stdin, base=measuring)

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[LocalProcess]:
        with spawn([*self.prefix, *argv], base=measuring) as process:
            yield process

    def put(self, source: Path, target: PurePosixPath) -> None:
        _copy(source, Path(target))

    def get(self, source: PurePosixPath, target: Path) -> None:
        _copy(Path(source), target)

    def on_network(self) -> Session:
        return self
