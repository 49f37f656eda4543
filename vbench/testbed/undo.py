"""Records in the run's folder what could outlive a killed harness, before it is made, and undoes it from there.

The journal lies beside the folders that environments can write to, never in one of them. A record holds a kind and
names that match its patterns. It holds no command: what removes a thing stands in the code of its kind.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from vbench import __version__
from vbench.contracts import Leftover
from vbench.environments import KINDS
from vbench.errors import FULL, NoSpace, StartFailed, StopFailed, VbenchError
from vbench.host import untrusted
from vbench.host.interrupts import held
from vbench.host.proc import LocalSession
from vbench.host.untrusted import Untrusted

OWNER, JOURNAL = "owner.json", "undo.jsonl"
_MOST_OWNER_B = 4096
_MOST_JOURNAL_B = 2**24  # a start has two lines of less than 300 bytes
_KINDS: Any = reduce(or_, (one for kind in KINDS.values() for one in kind.leaves))
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_BY_HAND = "remove by hand what it names, then the folder"


class Owner(Struct, frozen=True):
    """The process that a run's folder belongs to: pid and start time name it for ever within its namespace."""

    pid: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    started: Annotated[int, Meta(ge=0, le=2**63 - 1)]  # clock ticks since boot
    namespace: Annotated[str, Meta(max_length=64)]
    vbench: Annotated[str, Meta(max_length=64)] = ""


class _Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line with `made` is written before a thing is made, one with the same number alone after it is gone."""

    number: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    made: msgspec.Raw = msgspec.Raw()


def owner_of_this_process() -> Owner:
    pid = os.getpid()
    return Owner(pid, _started(pid) or 0, _namespace(), __version__)


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def _started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (proc(5), field 22), None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])  # killed, and not waited for yet
    except (OSError, IndexError, ValueError):
        return None


def claim(folder: Path) -> None:
    """Writes whose the folder is."""
    (folder / OWNER).write_bytes(msgspec.json.encode(owner_of_this_process()))


@dataclass
class Undoing:
    """The undo journal of a run that goes on, in the run's own folder."""

    folder: Path
    is_stuck: bool = False  # something could not be removed: it is still recorded, and may still use its folders
    _last: int = field(default=0)

    @contextmanager
    def of(self, left: Leftover, remove: Callable[[], None]) -> Iterator[None]:
        """Records `left` before it is made, and removes it on the way out. Raises StartFailed, NoSpace, StopFailed."""
        number = self._record(left)
        try:
            yield
        finally:
            with held():
                self._undo(number, remove)

    def _undo(self, number: int, remove: Callable[[], None]) -> None:
        try:
            remove()
        except VbenchError:
            self.is_stuck = True
            raise
        with suppress(VbenchError):  # on a full disk: a thing that is gone may be recorded for longer
            self._append(_Line(number))

    def _record(self, left: Leftover) -> int:
        text = msgspec.json.encode(left)
        try:
            msgspec.json.decode(text, type=_KINDS)
        except msgspec.ValidationError as error:
            raise StartFailed(f"{left.words()} cannot be recorded for its removal: {error}") from None
        self._last += 1
        self._append(_Line(self._last, msgspec.Raw(text)))
        return self._last

    def _append(self, line: _Line) -> None:
        path, text = self.folder / JOURNAL, msgspec.json.encode(line) + b"\n"
        try:
            descriptor = os.open(path, _APPENDING, 0o600)
            try:
                if os.write(descriptor, text) < len(text):  # one write: a kill leaves all of it or nothing
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)
        except OSError as error:
            kind = NoSpace if error.errno in FULL else StartFailed
            raise kind(f"{path} cannot be written: {error.strerror or error}") from error


def abandoned(scratch: Path) -> tuple[Path, ...]:
    """This user's run folders whose owner is dead; nothing else in `scratch` is ever named.

    Another user's are left alone, and not opened either: anybody may write to /var/tmp.
    """
    try:
        found = sorted(scratch.glob("vbench-*"))
    except OSError:
        return ()
    return tuple(folder for folder in found if _is_abandoned(folder))


def _is_abandoned(folder: Path) -> bool:
    if not untrusted.is_own_folder(folder):
        return False
    try:
        data = untrusted.read(folder / OWNER, most_b=_MOST_OWNER_B, ours=True)
        owner = untrusted.decode(data, Owner, OWNER)
    except (FileNotFoundError, Untrusted):
        return False  # without a readable owner nothing is removed
    return owner.namespace == _namespace() and _started(owner.pid) != owner.started


def recorded(folder: Path) -> tuple[tuple[Leftover, ...], tuple[str, ...]]:
    """What a journal says is still there, in the order in which it was made, and what in it was not understood.

    A last line without its end is left out: it was torn while it was written, so its thing was never made.
    """
    try:
        data = untrusted.read(folder / JOURNAL, most_b=_MOST_JOURNAL_B, ours=True)
    except FileNotFoundError:
        return (), ()
    except Untrusted as error:
        return (), (error.message,)
    there: dict[int, Leftover] = {}
    odd: list[str] = []
    for at, text in enumerate(data.split(b"\n")[:-1], 1):
        try:
            line = untrusted.decode(text, _Line, f"{folder / JOURNAL} line {at}")
            if bytes(line.made):
                there[line.number] = untrusted.decode(bytes(line.made), _KINDS, f"{folder / JOURNAL} line {at}")
            else:
                there.pop(line.number, None)
        except Untrusted as error:
            odd.append(error.message)
    return tuple(there.values()), tuple(odd)


def sweep(host: LocalSession, folder: Path) -> Iterator[str]:
    """Undoes what one abandoned folder records, the last first, and removes it; what was removed, in words as it goes.

    Raises StopFailed at the end when something is left. The folder then stays.
    """
    there, problems = recorded(folder)
    hints = {_BY_HAND} if problems else set()
    failed = list(problems)
    for left in reversed(there):
        try:
            left.remove(host, folder)
            yield left.words()
        except VbenchError as error:
            failed.append(error.message)
            hints |= {error.hint or _BY_HAND}
    if failed:
        raise StopFailed(f"{folder} was left as it is: {'; '.join(failed)}", hint="; ".join(sorted(hints)))
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StopFailed(f"{folder} could not be removed: {error.strerror or error}") from error
    yield str(folder)
