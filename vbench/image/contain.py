"""Runs the build's commands so that they leave nothing running or mounted, even when vbench is killed.

Without root rights the commands run in a user namespace, where they are root over the user's files.
"""

import errno
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from vbench.contracts import Completed
from vbench.errors import CommandFailed, EnvironmentUnavailable, NoSpace, VbenchError
from vbench.host import proc, rights
from vbench.image import one_user
from vbench.image.recipe import EPOCH
from vbench.text import program

_NO_SPACE_HINT = "an image needs about 2 GB while it is built: free some, or set XDG_CACHE_HOME to another disk"
_NO_SPACE = ("No space left on device", "enough free space")
# pdeathsig kills the command when vbench dies of SIGKILL; kill-child and the namespaces end all it started and mounted.
_DYING = ("setpriv", "--pdeathsig", "KILL", "--")
_ONE_USER = ("--user", "--map-root-user")
_MANY_USERS = (*_ONE_USER, "--map-auto")
_APART = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_NAMESPACES = ("setpriv: ", "unshare: ", "newuidmap: ", "newgidmap: ")  # begin of stderr where no namespace was made
# The host's /dev is mounted while a command runs in a root file system, whose own /dev is empty: users make no devices.
_IN_ROOT = 'mount --rbind /dev "$1/dev" && root=$1 && shift && exec chroot "$root" "$@"'


def contained(
    argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None, users: bool = False
) -> Completed:
    """Runs a command to its successful end. With `users` its chown to users other than root succeeds, or seems to.

    Raises NoSpace, CommandFailed, CommandTimeout, and EnvironmentUnavailable where namespaces cannot be made.
    """
    pretending = (sys.executable, "-I", one_user.__file__) if users and is_one_user() else ()
    words = [*_DYING, "unshare", *_as_root(users=users), *_APART, *pretending, *argv]
    done = proc.run(words, timeout_s=timeout_s, env={"SOURCE_DATE_EPOCH": EPOCH, **(env or {})})
    output = (done.stderr + done.stdout).decode(errors="replace")
    if done.status and any(words in output for words in _NO_SPACE):
        raise NoSpace(f"no space left while {Path(program(argv)).name} was writing the image", hint=_NO_SPACE_HINT)
    if done.status and output.startswith(_NAMESPACES):
        raise EnvironmentUnavailable(
            f"the image cannot be built here, since namespaces cannot be made: {output.strip()[-300:]}",
            hint=rights.namespaces_hint(),
        )
    return replace(done, argv=tuple(argv)).check()


def _as_root(*, users: bool) -> tuple[str, ...]:
    if os.geteuid() == 0:
        return ()
    return _MANY_USERS if users and not is_one_user() else _ONE_USER


@cache
def is_one_user() -> bool:
    """Whether a user namespace can hold this user only, since newuidmap(1) or the ids in /etc/subuid are missing."""
    return os.geteuid() != 0 and proc.run(["unshare", *_MANY_USERS, "--", "true"], timeout_s=30).status != 0


def in_root(root: Path, argv: Sequence[str], *, timeout_s: float) -> Completed:
    """`contained`, with `root` as the root folder."""
    words = ["sh", "-c", _IN_ROOT, "sh", str(root), *argv]
    try:
        return contained(words, timeout_s=timeout_s, env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin"})
    except CommandFailed as error:
        raise CommandFailed(error.message.replace("sh ", f"{argv[0]} ", 1), hint=error.hint) from None


def delete(folder: Path) -> None:
    """Removes a folder of a build, including files of other users that a killed build left. Ignores failures."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists() and os.geteuid() != 0:
        words = [*_DYING, "unshare", *_as_root(users=True), *_APART, "rm", "-rf", str(folder)]
        proc.run(words, timeout_s=300)


@contextmanager
def plain_umask() -> Iterator[None]:
    """Sets umask 022 for this context: all can read the files created in it, their owner can write them."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def writing() -> Iterator[None]:
    """Turns an OSError of vbench's own writing into NoSpace (disk full) or VbenchError (not permitted)."""
    try:
        yield
    except OSError as error:
        where = error.filename or "the image"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(f"no space left while writing {where}", hint=_NO_SPACE_HINT) from None
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            hint = "use sudo where it is root's; or set XDG_CACHE_HOME to a folder that you can write"
            raise VbenchError(f"{where} cannot be written: {error.strerror}", hint=hint) from None
        raise
