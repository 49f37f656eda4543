"""Keeps built images: found by digest, whole or absent, one build at a time, removed only when nobody uses them.

An image that root builds is for all users of the host; a user's own lies in their cache folder.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vbench.contracts import Image
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
    """What image.json says; its presence under a finished name makes a folder an image."""

    schema: int
    digest: str
    created: str  # UTC, ISO 8601: sorts by time
    suite: str
    input_key: str
    kernel_release: str
    packages: dict[str, str]
    vbench: str
    disk: str = ""  # SHA-256 of disk.ext4, which is made of the content that the digest names


@dataclass(frozen=True)
class Kept:
    """A finished image and the folder it lies in."""

    record: Record
    place: Path

    @property
    def image(self) -> Image:
        place = self.place.resolve()  # OCI runtimes refuse a root whose path has a link in it
        return Image(
            digest=self.record.digest,
            root=place / "root",
            disk=place / "disk.ext4",
            kernel=place / "vmlinux",
            initramfs=place / "initramfs",
            kernel_release=self.record.kernel_release,
            packages=self.record.packages,
        )


def folder() -> Path:
    """Where this user builds: `$XDG_CACHE_HOME/vbench/images`; else root for all users, others under ~/.cache.

    Raises UsageError where the user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base, "vbench/images")
    if os.geteuid() == 0:
        return system_folder()
    if (found := home()) is None:
        raise UsageError(
            f"there is no place for images: user {os.getuid()} has no home folder",
            hint="set XDG_CACHE_HOME to a folder that you may write to",
        )
    return found / _OWN


def system_folder() -> Path:
    """Where root keeps the images of all users."""
    return Path(os.environ.get(SYSTEM) or "/var/cache/vbench") / "images"


def folders() -> tuple[Path, ...]:
    """Every cache that this user reads, their own first."""
    found = []
    with suppress(UsageError):
        found.append(folder())
    found.append(system_folder())
    own = home()
    if own and os.geteuid() == 0 and not os.environ.get("XDG_CACHE_HOME"):
        found.append(own / _OWN)  # where root's images were until version 0.2.0
    return tuple(dict.fromkeys(found))


def layers() -> Path:
    """The package layers that images are made of; no image needs them once it is built."""
    return folder() / ".layers"


def kept() -> tuple[Kept, ...]:
    """Every finished image of every cache, newest first."""
    paths = [path for base in folders() for path in _records(base)]
    found = [Kept(record, path.parent) for path in paths if (record := _read(path)) is not None]
    return tuple(sorted(found, key=lambda one: (one.record.created, one.record.digest), reverse=True))


def _records(base: Path) -> list[Path]:
    try:
        return list(base.glob("*/image.json"))
    except OSError:
        return []  # another user's cache that this one may not read


def records() -> tuple[Record, ...]:
    """Every finished image, newest first."""
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
    """Every finished image, newest first."""
    return tuple(one.image for one in kept())


def named(digest: str) -> Kept | None:
    """The image whose digest starts so, of several caches the user's own. Raises UsageError when several images do."""
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
    return sorted(kept(), key=lambda one: order.index(one.place.parent))


def known(digest: str) -> Kept:
    """`named`, or UsageError with the images that are there."""
    found = named(digest)
    if found is None:
        there = ", ".join(record.digest[:12] for record in records())
        raise UsageError(f"there is no image {digest!r}", hint=f"known: {there}" if there else "none is built")
    return found


def remove(digest: str) -> Image:
    """Deletes the image whose digest starts so; with the last one of its cache the package layers go too.

    Raises UsageError, and EnvironmentUnavailable while a run uses it.
    """
    found = known(digest)
    base = found.place.parent
    with locked(base), usage.alone(found.place):
        _discard(found.place)
        if not _records(base):
            _discard(base / ".layers")
    return found.image


def _discard(place: Path) -> None:
    """Out of sight in one step, then deleted."""
    if not os.path.lexists(place):
        return
    hidden = place.with_name(f"{_REMOVING}{place.name.lstrip('.')}")
    with writing():
        shutil.rmtree(hidden, ignore_errors=True)
        place.rename(hidden)
        if hidden.is_symlink():
            hidden.unlink()
        else:
            shutil.rmtree(hidden)


@contextmanager
def locked(base: Path | None = None, *, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """A cache for ourselves, without more of it the one to build in. Raises VbenchError where others can write to it.

    Calls `waiting` when another build must end first, and yields whether it had to.
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
    """A folder for a build in progress, removed on the way out, as is what a killed build left. Needs the lock."""
    for left in [*folder().glob(f"{_BUILDING}*"), *folder().glob(f"{_REMOVING}*")]:
        delete(left)  # the lock is ours: nobody else is building
    place = folder() / f"{_BUILDING}{os.getpid()}"
    with writing():
        place.mkdir()
    try:
        yield place
    finally:
        delete(place)


def publish(place: Path, record: Record) -> Image:
    """Makes a finished build an image, in one step. Raises EnvironmentUnavailable where a run uses what it replaces."""
    target = folder() / record.digest
    with writing():
        usage.prepare(place)
        inventory.write(place)
        (place / "image.json").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    before = _read(target / "image.json")
    if before is not None and not trust.distrust(target) and not inventory.differences(target):
        # The same bits again: what is in use stays in place, and so does its disk.
        again = msgspec.structs.replace(record, disk=before.disk)
        with writing():
            (place / "image.json").write_bytes(msgspec.json.format(msgspec.json.encode(again), indent=2) + b"\n")
            (place / "image.json").replace(target / "image.json")
        return Kept(again, target).image
    if os.path.lexists(target):
        with usage.alone(target):
            _discard(target)
    with writing():
        place.rename(target)
    return Kept(record, target).image
