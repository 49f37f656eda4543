"""Checks who owns a run folder: the folder names commands, and resuming a run executes them."""

import stat
from contextlib import suppress
from pathlib import Path

from vbench.errors import RunFolderError
from vbench.host import untrusted


def refuse_foreign(folder: Path) -> None:
    """Raises RunFolderError for a folder that another user could have written or put there."""
    for path in (folder, folder / "manifest.json", folder / "journal.jsonl", folder / "facts"):
        with suppress(FileNotFoundError):  # the reader reports missing files
            status = path.stat() if path == folder else path.lstat()
            if not stat.S_ISLNK(status.st_mode) and (why := untrusted.others_could_write(status)):
                hint = "go on with it as the user who began it, or make the folder yours alone: chown -R, chmod -R go-w"
                raise RunFolderError(f"{path} {why}: it names commands to run", hint=hint)
    with suppress(FileNotFoundError):
        if why := untrusted.others_could_swap(folder.resolve()):
            hint = "move the run to a folder that only you can write to"
            raise RunFolderError(f"{folder} names commands to run, and {why}", hint=hint)
