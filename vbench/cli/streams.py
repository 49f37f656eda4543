"""Makes the standard streams safe to write to: closed, in any encoding, with a reader or a terminal that goes away."""

import errno
import io
import os
import select
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Sink(io.FileIO):
    """A standard stream whose reader may go away: what is written afterwards goes nowhere.

    A verb then ends with the same exit code as with a reader.
    """

    def __init__(self, descriptor: int, *, forgives: set[int] | None) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._forgives = forgives if forgives is not None else set(errno.errorcode)

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            while (written := super().write(data)) is None:  # another program has made the stream non-blocking
                select.select([], [self], [])
            return written
        except OSError as error:
            if error.errno not in self._forgives:
                raise
            discard(self.fileno())
            return memoryview(data).nbytes


def prepare() -> None:
    """Replaces the standard streams before anything is opened. Those of a test or another program stay as they are."""
    for descriptor in (0, 1, 2):
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(1, sys.stdout, forgives=_gone(1), by_line=os.isatty(1))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(2, sys.stderr, forgives=None, by_line=True)  # no complaint is worth a second one


def in_utf8() -> None:
    """Starts this process again in UTF-8 mode where files would have their names and texts in another encoding.

    Suites, results and the outputs of tools are UTF-8 on every host. The standard streams keep the encoding of the
    user's choice.
    """
    of_files = sys.getfilesystemencoding()
    own_words = sys.orig_argv[len(sys.orig_argv) - len(sys.argv) + 1 :] == sys.argv[1:]  # not those of a test's call
    if of_files != "utf-8" and own_words and sys.executable and not sys.flags.utf8_mode:
        os.environ.setdefault("PYTHONIOENCODING", f"{of_files}:replace")
        with suppress(OSError):
            os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def discard(descriptor: int) -> None:
    """Lets the descriptor lead nowhere from now on, so that writing buffered text cannot fail."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _open_if_closed(descriptor: int) -> None:
    """Opens a closed standard descriptor, so that no file opened later becomes standard output."""
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if nowhere == descriptor:
            os.set_inheritable(descriptor, True)
        else:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def _gone(descriptor: int) -> set[int]:
    """Errors that mean that the reader has gone; EIO comes from a terminal that was hung up."""
    is_device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
    return {errno.EPIPE, errno.EIO} if is_device else {errno.EPIPE}


def _text(descriptor: int, before: TextIO | None, *, forgives: set[int] | None, by_line: bool) -> TextIO:
    """A text stream in the encoding of the user's choice; a sign that it lacks becomes a question mark."""
    encoding = before.encoding if before is not None else "utf-8"
    buffer = io.BufferedWriter(_Sink(descriptor, forgives=forgives))
    return io.TextIOWrapper(buffer, encoding=encoding, errors="replace", line_buffering=by_line)
