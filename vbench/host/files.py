"""Files and folders of the machine that vbench runs on that no session holds: scratch space, undo journals."""

import errno
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vbench.beneath import Space
from vbench.host import untrusted
from vbench.host.paths import usable
from vbench.host.proc import which

_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class LocalFiles:
    """Files of this machine (see contracts.Files)."""

    def resolved(self, path: PurePosixPath, what: str) -> PurePosixPath:
        return PurePosixPath(usable(Path(path), what))

    def space(self, folder: PurePosixPath) -> Space:
        mode, system = Path(folder).stat().st_mode, os.statvfs(folder)
        if not stat.S_ISDIR(mode):
            raise _os_error(errno.ENOTDIR, folder)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):  # by the capabilities of this process
            raise _os_error(errno.EROFS if system.f_flag & os.ST_RDONLY else errno.EACCES, folder)
        return Space(free_b=system.f_bavail * system.f_frsize, executes=not system.f_flag & os.ST_NOEXEC)

    def make_folder(self, parent: PurePosixPath, prefix: str) -> PurePosixPath:
        return PurePosixPath(tempfile.mkdtemp(prefix=prefix, dir=parent))

    def remove_folder(self, folder: PurePosixPath) -> None:
        shutil.rmtree(folder)

    def append(self, file: PurePosixPath, data: bytes, *, synced: bool) -> None:
        descriptor = os.open(file, _APPENDING, 0o600)
        try:
            if os.write(descriptor, data) < len(data):  # one write: a kill leaves all of it or nothing
                raise _os_error(errno.ENOSPC, file)
            if synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, file: PurePosixPath, *, most_b: int) -> bytes:
        return untrusted.read(Path(file), most_b=most_b, ours=True)

    def own_folders(self, parent: PurePosixPath, prefix: str) -> tuple[PurePosixPath, ...]:
        try:
            folders = sorted(path for path in Path(parent).iterdir() if path.name.startswith(prefix))
        except OSError:
            return ()
        return tuple(PurePosixPath(folder) for folder in folders if untrusted.is_own_folder(folder))

    def others_could_swap(self, path: PurePosixPath) -> str:
        return untrusted.others_could_swap(Path(path).resolve())

    def program(self, name: str) -> PurePosixPath | None:
        path = which(name)
        return None if path is None else PurePosixPath(untrusted.program(path))


def _os_error(number: int, path: PurePosixPath) -> OSError:
    return OSError(number, os.strerror(number), str(path))
