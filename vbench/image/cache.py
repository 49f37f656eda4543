"""Keeps built images by their digest: no incomplete one, one build at a time, removed only when nobody uses them.

All users of the host can use an image that root built. A user's own images are in their cache folder.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vbench.beneath import Image
from vbench.errors import UsageError, VbenchError
from vbench.host import untrusted
from vbench.host.home import home
from vbench.image import inventory, trust, usage
from vbench.image.contain import delete, plain_umask, writing

SCHEMA = 2  # 1: without a list of files
SYSTEM = "VBENCH_SYSTEM_CACHE"
"""Environment variable with another folder for the images of all users: for tests, and hosts with a small /var."""

_OWN = ".cache/vbench/images"  # in a user's home
_MOST_RECORD_B = 2**22
_BUILDING, _REMOVING = ".building-", ".removing-"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Content of image.json. A folder that has this file and is named by the digest is an image."""

    schema: int
    digest: str
    created: str  # UTC, ISO 8601: sorts by time
    suite: str
    input_key: str
    kernel_release: str
    packages: dict[str, str]
    vbench: str
    disk: str = ""  # SHA-256 of disk.ext4, whose files are those that the digest names


@dataclass(frozen=True)
class Kept:
    """A finished image and its folder."""

    record: Record
    folder: Path

    @property
    def image(self) -> Image:
        path = self.folder.resolve()  # OCI runtimes refuse a root whose path has a link in it
        return Image(
            digest=self.record.digest,
            root=path / "root",
            disk=path / "disk.ext4",
            kernel=path / "vmlinux",
            initramfs=path / "initramfs",
            kernel_release=self.record.kernel_release,
            packages=self.record.packages,
        )


def folder() -> Path:
    """Folder of the images that this user builds. Raises UsageError where the user has no home.

    It is `$XDG_CACHE_HOME/vbench/images`. Without that variable root builds for all users, others under ~/.cache.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base, "vbench/images")
    if os.geteuid() == 0:
        return system_folder()
    if (own := home()) is None:
        raise UsageError(
            f"there is no place for images: user {os.getuid()} has no home folder",
            hint="set XDG_CACHE_HOME to a folder that you may write to",
        )
    return own / _OWN


def system_folder() -> Path:
    """Folder of root's images, which all users can read."""
    return Path(os.environ.get(SYSTEM) or "/var/cache/vbench") / "images"


def folders() -> tuple[Path, ...]:
    """All caches that this user reads, their own first."""
    paths = []
    with suppress(UsageError):
        paths.append(folder())
    paths.append(system_folder())
    own = home()
    if own and os.geteuid() == 0 and not os.environ.get("XDG_CACHE_HOME"):
        paths.append(own / _OWN)  # root's images were here until version 0.2.0
    return tuple(dict.fromkeys(paths))


def layers() -> Path:
    """Folder of the package layers that builds start from. A finished image does not need them."""
    return folder() / ".layers"


def kept() -> tuple[Kept, ...]:
    """All finished images of all caches, newest first."""
    paths = [path for base in folders() for path in _records(base)]
    finished = [Kept(record, path.parent) for path in paths if (record := _read(path)) is not None]
    return tuple(sorted(finished, key=lambda one: (one.record.created, one.record.digest), reverse=True))


def _records(base: Path) -> list[Path]:
    try:
        return list(base.glob("*/image.json"))
    except OSError:
        return []  # another user's cache that this one may not read


def records() -> tuple[Record, ...]:
    """Records of all finished images, newest first."""
    return tuple(one.record for one in kept())


def _read(path: Path) -> Record | None:
    if path.parent.name.startswith("."):
        return None
    try:
        record = untrusted.decode(untrusted.read(path, most_b=_MOST_RECORD_B), Record, path.name)
    except (FileNotFoundError, untrusted.Untrusted):
        return None
    return record if 1 <= record.schema <= SCHEMA and record.digest == path.parent.name else None


def images() -> tuple[Image, ...]:
    """All finished images, newest first."""
    return tuple(one.image for one in kept())


def named(digest: str) -> Kept | None:
    """The image whose digest starts with `digest`, preferably from the user's own cache. None if there is none.

    Raises UsageError when several digests match.
    """
    matching: dict[str, Kept] = {}
    for one in _own_first():
        if one.record.digest.startswith(digest):
            matching.setdefault(one.record.digest, one)
    if len(matching) > 1:
        names = ", ".join(name[:12] for name in matching)
        raise UsageError(f"{digest!r} names {len(matching)} images: {names}", hint="give more digits of the digest")
    return next(iter(matching.values()), None) if digest else None


def _own_first() -> list[Kept]:
    order = folders()
    return sorted(kept(), key=lambda one: order.index(one.folder.parent))


def required(digest: str) -> Kept:
    """The same as `named`, but raises UsageError with the names of all images if there is none."""
    one = named(digest)
    if one is None:
        names = ", ".join(record.digest[:12] for record in records())
        raise UsageError(f"there is no image {digest!r}", hint=f"known: {names}" if names else "none is built")
    return one


def remove(digest: str) -> Image:
    """Deletes the image whose digest starts with `digest`, and with the last image of a cache its package layers.

    Raises UsageError, and EnvironmentUnavailable while a run uses the image.
    """
    one = required(digest)
    base = one.folder.parent
    with locked(base), usage.alone(one.folder):
        _discard(one.folder)
        if not _records(base):
            _discard(base / ".layers")
    return one.image


def _discard(path: Path) -> None:
    """Hides a folder by renaming it, then deletes it, so that nobody sees a part of it."""
    if not os.path.lexists(path):
        return
    hidden = path.with_name(f"{_REMOVING}{path.name.lstrip('.')}")
    with writing():
        shutil.rmtree(hidden, ignore_errors=True)
        path.rename(hidden)
        if hidden.is_symlink():
            hidden.unlink()
        else:
            shutil.rmtree(hidden)


@contextmanager
def locked(base: Path | None = None, *, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Locks a cache, by default the one to build in. Raises VbenchError where other users can write to it.

    Calls `waiting` when another process holds the lock, and yields whether it had to wait.
    """
    base = base or folder()
    _refuse_shared(base)
    with writing(), plain_umask():
        base.mkdir(parents=True, exist_ok=True)
        lock = os.open(base / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        waited = False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield waited
    finally:
        os.close(lock)


def _refuse_shared(base: Path) -> None:
    if why := trust.distrust_folder(base):
        raise VbenchError(
            f"images in {base} could be replaced by other users: {why}",
            hint="mend the owner or the mode, or set XDG_CACHE_HOME to a folder of your own",
        )


@contextmanager
def building() -> Iterator[Path]:
    """Yields a folder for a build, and removes it at the end. Removes what killed builds left. Needs the lock."""
    for left in [*folder().glob(f"{_BUILDING}*"), *folder().glob(f"{_REMOVING}*")]:
        delete(left)  # the lock is ours: nobody else is building
    path = folder() / f"{_BUILDING}{os.getpid()}"
    with writing():
        path.mkdir()
    try:
        yield path
    finally:
        delete(path)


def publish(build: Path, record: Record) -> Image:
    """Turns the folder of a finished build into an image, in one step.

    Raises EnvironmentUnavailable while a run uses the image that it replaces.
    """
    target = folder() / record.digest
    with writing():
        usage.prepare(build)
        inventory.write(build)
        (build / "image.json").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    before = _read(target / "image.json")
    if before is not None and not trust.distrust(target) and not inventory.differences(target):
        # The same bits again: the existing files and disk stay, since a run may use them.
        again = msgspec.structs.replace(record, disk=before.disk)
        with writing():
            (build / "image.json").write_bytes(msgspec.json.format(msgspec.json.encode(again), indent=2) + b"\n")
            (build / "image.json").replace(target / "image.json")
        return Kept(again, target).image
    if os.path.lexists(target):
        with usage.alone(target):
            _discard(target)
    with writing():
        build.rename(target)
    return Kept(record, target).image
