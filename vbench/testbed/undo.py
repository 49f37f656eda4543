"""Records the removal of things that outlive a killed harness, before they are made, and removes them.

The journal is in the run's folder, outside all folders that environments can write to. A container sees its root and
its scratch folder, a machine its disks. Only `bare`, which is not isolated, can reach the journal: its processes are
this user's and may do everything that this user may.
"""

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from vbench.beneath import Owner
from vbench.contracts import NOT_FOUND, Host, Session
from vbench.errors import FULL, CommandFailed, CommandTimeout, NoSpace, StartFailed, StopFailed, VbenchError
from vbench.host import untrusted
from vbench.host.interrupts import held
from vbench.host.untrusted import Untrusted

OWNER, JOURNAL = "owner.json", "undo.jsonl"
PROGRAM = r"\A(?:[A-Za-z0-9][A-Za-z0-9._+-]{0,63}|(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]{1,255}){1,64})\Z"
"""A command's own name, or an absolute path without `.` and `..`."""
LIMIT_S = 60.0
SETTLE_S, LOOK_S = 10.0, 0.05
_MOST_OWNER_B = 4096
_MOST_JOURNAL_B = 2**24  # a start has two lines of less than 1000 bytes
_BY_HAND = "remove by hand what it names, then the folder"

Word = Annotated[str, Meta(max_length=4096, pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z")]
Words = Annotated[tuple[Word, ...], Meta(max_length=64)]


class Removal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Words that remove a thing, and words that print something as long as the thing exists.

    After a kill the thing may exist, be half made, or be gone. Either the removal succeeds in each case, or `there`
    tells a thing that is gone from one that could not be removed. Without `there` a failed removal is always an error.
    """

    words: Annotated[Words, Meta(min_length=1)]
    there: Words = ()

    def __post_init__(self) -> None:
        for words in (self.words, self.there):
            if words:
                msgspec.convert(words[0], Annotated[str, Meta(pattern=PROGRAM)])

    def __str__(self) -> str:
        return shlex.join(self.words)


def removal(words: Sequence[str], there: Sequence[str] = ()) -> Removal:
    """A Removal of these words. Raises StartFailed for words that could not be read back from a journal."""
    try:
        return msgspec.convert({"words": list(words), "there": list(there)}, Removal)
    except msgspec.ValidationError as error:
        raise StartFailed(f"`{shlex.join(words)}` cannot be recorded to be undone: {error}") from None


def remove(host: Session, removal: Removal) -> None:
    """Removes a thing unless it is gone. Raises StopFailed, and SessionLost if its host ended."""
    try:
        ended = host.run(removal.words, timeout_s=LIMIT_S)
        if ended.status == 0 or (removal.there and not is_there(host, removal)):
            return
        why = ended.stderr.decode(errors="replace").strip()[-300:] or f"status {ended.status}"
    except (CommandTimeout, CommandFailed) as error:
        why = error.message
    raise StopFailed(f"what `{removal}` removes is left: {why}", hint=f"run: {removal}")


def is_there(host: Session, removal: Removal) -> bool:
    """Whether `there` prints something. Raises StopFailed if its program is missing."""
    done = host.run(removal.there, timeout_s=LIMIT_S)
    if done.status == NOT_FOUND:
        raise StopFailed(f"whether what `{removal}` removes is left cannot be told: there is no {removal.there[0]}")
    return bool(done.stdout.strip())


class _Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line with `undo` precedes the making of a thing; a line with the number alone follows its removal."""

    number: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    undo: Removal | None = None


def claim(host: Host, folder: PurePosixPath) -> None:
    """Writes this run's process into the folder as its owner. Raises OSError."""
    host.files.append(folder / OWNER, msgspec.json.encode(host.run_owner()), synced=True)


@dataclass
class Undoing:
    """The undo journal of a running run, in the run's folder on its host."""

    host: Host
    folder: PurePosixPath
    is_stuck: bool = False  # a removal failed: the thing is still recorded, and may still use its folders
    _last: int = field(default=0)

    @contextmanager
    def of(self, removal: Removal) -> Iterator[None]:
        """Records a removal, and runs it at the end. The caller makes the thing inside this context.

        The record is on the disk before the thing is made. That of its end may be lost: then it is removed once more.
        Raises NoSpace, StartFailed, StopFailed.
        """
        self._last += 1
        number = self._last
        self._append(_Line(number, removal), synced=True)
        try:
            yield
        finally:
            with held():
                self._undo(number, removal)

    def _undo(self, number: int, removal: Removal) -> None:
        try:
            remove(self.host.session, removal)
        except VbenchError:
            self.is_stuck = True
            raise
        with suppress(VbenchError):  # on a full disk the record of a removed thing may stay
            self._append(_Line(number), synced=False)

    def _append(self, line: _Line, *, synced: bool) -> None:
        path = self.folder / JOURNAL
        try:
            self.host.files.append(path, msgspec.json.encode(line) + b"\n", synced=synced)
        except OSError as error:
            kind = NoSpace if error.errno in FULL else StartFailed
            raise kind(f"{path} cannot be written: {error.strerror or error}") from error


def abandoned(host: Host, scratch: PurePosixPath) -> tuple[PurePosixPath, ...]:
    """This user's run folders in `scratch` whose owner process is dead.

    Folders of other users are not opened, since anybody may write to /var/tmp.
    """
    return tuple(folder for folder in host.files.own_folders(scratch, "vbench-") if _is_abandoned(host, folder))


def _is_abandoned(host: Host, folder: PurePosixPath) -> bool:
    try:
        data = host.files.read(folder / OWNER, most_b=_MOST_OWNER_B)
        owner = untrusted.decode(data, Owner, OWNER)
    except (FileNotFoundError, Untrusted):
        return False  # without a readable owner nothing is removed
    return host.has_ended(owner)


def recorded(host: Host, folder: PurePosixPath) -> tuple[tuple[Removal, ...], tuple[str, ...]]:
    """Removals that are left in a journal, in the order of making, and problems with its lines.

    An incomplete last line is left out: the kill came during its write, so its thing was never made. Nothing is read
    from a folder that another user could have put there.
    """
    try:
        if why := host.files.others_could_swap(folder):
            return (), (why,)
        data = host.files.read(folder / JOURNAL, most_b=_MOST_JOURNAL_B)
    except FileNotFoundError:
        return (), ()
    except Untrusted as error:
        return (), (error.message,)
    left: dict[int, Removal] = {}
    odd: list[str] = []
    for at, text in enumerate(data.split(b"\n")[:-1], 1):
        try:
            line = untrusted.decode(text, _Line, f"{folder / JOURNAL} line {at}")
        except Untrusted as error:
            odd.append(error.message)
            continue
        if line.undo is None:
            left.pop(line.number, None)
        else:
            left[line.number] = line.undo
    return tuple(left.values()), tuple(odd)


def sweep(host: Host, folder: PurePosixPath) -> Iterator[str]:
    """Runs the removals of an abandoned folder, the last first, then removes the folder. Yields each removal's words.

    Raises StopFailed at the end if a removal failed. The folder then stays.
    """
    _await_ends(host, folder)
    left, problems = recorded(host, folder)
    hints = {_BY_HAND} if problems else set()
    failed = list(problems)
    for removal in reversed(left):
        try:
            _sweep(host, removal)
            yield str(removal)
        except VbenchError as error:
            failed.append(error.message)
            hints |= {error.hint or _BY_HAND}
    if failed:
        raise StopFailed(f"{folder} was left as it is: {'; '.join(failed)}", hint="; ".join(sorted(hints)))
    try:
        host.files.remove_folder(folder)
    except OSError as error:
        raise StopFailed(f"{folder} could not be removed: {error.strerror or error}") from error
    yield str(folder)


def _await_ends(host: Host, folder: PurePosixPath) -> None:
    """Waits until no process names the folder, at most for SETTLE_S.

    An engine that was started in the very moment of a kill goes on for a moment, and makes the folder again.
    """
    try:
        words = _trusted(host, ["pgrep", "--full", "--", re.escape(str(folder))])
    except (VbenchError, Untrusted):  # without pgrep nothing can be waited for
        return
    deadline = time.monotonic() + SETTLE_S
    while host.session.run(words, timeout_s=LIMIT_S).stdout.strip() and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def _sweep(host: Host, removal: Removal) -> None:
    """Runs one removal unless its thing is gone, which needs no program. Raises StopFailed, Untrusted."""
    if removal.there:
        removal = Removal(removal.words, _trusted(host, removal.there))
        if not is_there(host.session, removal):
            return
    remove(host.session, Removal(_trusted(host, removal.words), removal.there))


def _trusted(host: Host, words: Sequence[str]) -> tuple[str, ...]:
    """The words with the full path of their program. Raises StopFailed, and Untrusted if others can change it."""
    program = host.files.program(words[0])
    if program is None:
        raise StopFailed(f"there is no {words[0]} here to run `{shlex.join(words)}`", hint=f"install {words[0]} again")
    return (str(program), *words[1:])
