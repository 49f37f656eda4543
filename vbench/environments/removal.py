"""How a container is removed, by the run that made it and after a kill."""

import shlex
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from vbench.contracts import Leftover, Session
from vbench.errors import CommandFailed, CommandTimeout, StopFailed
from vbench.host import untrusted
from vbench.host.proc import NOT_FOUND, which

RUNTIME = r"\A(?:[A-Za-z0-9][A-Za-z0-9._+-]{0,63}|(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f]{1,255}){1,64})\Z"
"""A command's own name, or an absolute path without `.` and `..`."""

_GET_FIND = "apt-get install findutils"


class Container(Leftover, frozen=True, tag="container"):
    """A container of an OCI runtime; `state` is where the runtime keeps what it knows of it."""

    runtime: Annotated[str, Meta(pattern=RUNTIME)]
    name: Annotated[str, Meta(pattern=r"\Avbench-[0-9a-f]{12}\Z")]
    state: Annotated[str, Meta(pattern=r"\Abundle-[A-Za-z0-9_]{6,16}/state\Z")]

    def words(self) -> str:
        return f"container {self.name}"

    def remove(self, host: Session, folder: Path) -> None:
        """Uses the runtime of that name on this host, unless another user could have put it there."""
        state = folder.resolve() / self.state
        if not _known(host, state, self.name):
            return
        found = which(self.runtime)
        if found is None:
            raise StopFailed(f"{self.words()} is left: there is no {self.runtime} here", hint="install it again")
        delete(host, [untrusted.program(found)], state, self.name)


def delete(host: Session, runtime: list[str], state: Path, name: str) -> None:
    """Removes the container; one that the runtime knows nothing of (any more) is gone. Raises StopFailed."""
    words = [*runtime, "--root", str(state), "delete", "--force", name]
    hint = f"run: {shlex.join(words)}"
    try:
        ended = host.run(words, timeout_s=30)
    except (CommandTimeout, CommandFailed) as error:
        raise StopFailed(f"container {name} could not be removed: {error.message}", hint=hint) from error
    if ended.status != 0 and _known(host, state, name):
        said = ended.stderr.decode(errors="replace").strip()[-300:]
        raise StopFailed(f"container {name} could not be removed: {said}", hint=hint)


def _known(host: Session, state: Path, name: str) -> bool:
    """Whether the runtime's folder still holds something of it; every runtime names it after the container."""
    found = host.run(["find", str(state), "-mindepth", "1", "-name", f"*{name}*"], timeout_s=30)
    if found.status == NOT_FOUND:
        raise StopFailed(f"whether container {name} is left cannot be told: there is no find", hint=_GET_FIND)
    return bool(found.stdout.strip())
