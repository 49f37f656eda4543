"""A user without root rights, known to this machine only within a mount namespace of each command."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vbench.contracts import Completed
from vbench.host import proc

UID = 12345
NAME = "vbench-user"
REPOSITORY = Path(__file__).parents[2]
_ENTRIES = {
    "passwd": f"{NAME}:x:{UID}:{UID}::{{home}}:/bin/sh\n",
    "subuid": f"{NAME}:1000000:65536\n",
    "subgid": f"{NAME}:1000000:65536\n",
}
_BECOME = f"exec setpriv --reuid={UID} --regid={UID} --clear-groups --"


@dataclass(frozen=True)
class User:
    """Runs commands with this user's rights; `home` is the only folder that is theirs."""

    home: Path
    script: str

    def argv(self, *words: str, env: Sequence[str] = ()) -> list[str]:
        own = [f"HOME={self.home}", f"USER={NAME}", f"PATH={os.environ['PATH']}", "LC_ALL=C.UTF-8", *env]
        clean = ["env", "-i", "-C", str(self.home), *own]
        return ["unshare", "--mount", "sh", "-c", f'{self.script}{_BECOME} "$@"', "sh", *clean, *words]

    def run(self, *words: str, env: Sequence[str] = (), timeout_s: float = 300.0) -> Completed:
        done = proc.run(self.argv(*words, env=env), timeout_s=timeout_s)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done


@contextmanager
def user(*more: Path) -> Iterator[User]:
    """The user, who can also read `more`, wherever it lies."""
    folder = Path(tempfile.mkdtemp(prefix="user-", dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        home = folder / "home"
        home.mkdir()
        os.chown(home, UID, UID)
        yield User(home, _known(folder, home) + _opened([Path(sys.base_prefix), Path(sys.prefix), REPOSITORY, *more]))
    finally:
        shutil.rmtree(folder)


def _known(folder: Path, home: Path) -> str:
    """Shell lines that put the user into the files which know users."""
    lines = ["set -e\n"]
    for name, entry in _ENTRIES.items():
        path = Path("/etc", name)
        before = path.read_text() if path.exists() else ""
        (folder / name).write_text(before + entry.format(home=home))
        path.touch()
        lines.append(f"mount --bind {shlex.quote(str(folder / name))} {path}\n")
    return "".join(lines)


def _opened(paths: Sequence[Path]) -> str:
    """Shell lines that show paths below closed folders, such as /root, without what else is there."""
    closed: dict[Path, list[Path]] = {}
    for path in (path.resolve() for path in paths):
        above = [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]
        if above:
            closed.setdefault(above[0], []).append(path)
    lines = []
    for top, below in closed.items():
        lines.append(f"keep=$(mktemp -d)\nmount --rbind {top} $keep\nmount -t tmpfs -o mode=755 tmpfs {top}\n")
        for path in dict.fromkeys(below):
            quoted = shlex.quote(str(path))
            lines.append(
                f'mkdir -p {quoted}\nmount --rbind "$keep"/{shlex.quote(str(path.relative_to(top)))} {quoted}\n'
            )
        lines.append('umount -l "$keep"\nrmdir "$keep"\n')
    return "".join(lines)
