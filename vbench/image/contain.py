"""Runs the build's commands so that nothing of them is left running or mounted, even when vbench is killed."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vbench import proc
from vbench.contracts import Completed, program
from vbench.errors import NoSpace, VbenchError
from vbench.image.recipe import EPOCH

_NO_SPACE_HINT = "an image needs about 2 GB while it is built: free some, or set XDG_CACHE_HOME to another disk"
_NO_SPACE = ("No space left on device", "enough free space")
# pdeathsig reaches the command when vbench is killed -9; kill-child and the namespaces end all it started and mounted.
_CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)


def contained(argv: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None) -> Completed:
    """The command's successful end. Raises NoSpace, CommandFailed, CommandTimeout."""
    done = proc.run([*_CONTAINED, *argv], timeout_s=timeout_s, env={"SOURCE_DATE_EPOCH": EPOCH, **(env or {})})
    said = (done.stderr + done.stdout).decode(errors="replace")
    if done.status and any(words in said for words in _NO_SPACE):
        raise NoSpace(f"no space left while {Path(program(argv)).name} was writing the image", hint=_NO_SPACE_HINT)
    return done.check()


def in_root(root: Path, argv: Sequence[str], *, timeout_s: float) -> Completed:
    """`contained`, with `root` as the root folder."""
    return contained(["chroot", str(root), *argv], timeout_s=timeout_s, env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin"})


@contextmanager
def writing() -> Iterator[None]:
    """Turns what a full or closed disk says to our own writing into NoSpace and VbenchError."""
    try:
        yield
    except OSError as error:
        where = error.filename or "the image"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(f"no space left while writing {where}", hint=_NO_SPACE_HINT) from None
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            hint = "images are written by root: use sudo, or set XDG_CACHE_HOME to a folder that can be written"
            raise VbenchError(f"{where} cannot be written: {error.strerror}", hint=hint) from None
        raise
