"""Keeps built images under the user's cache folder: found by digest, whole or absent, one build at a time."""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from vbench.contracts import Image
from vbench.errors import UsageError, VbenchError
from vbench.home import home
from vbench.image.contain import writing

SCHEMA = 1
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


def folder() -> Path:
    """Where images are cached: `$XDG_CACHE_HOME/vbench/images`, as a rule under ~/.cache. Raises UsageError."""
    place = _folder()
    if place is None:
        raise UsageError(
            f"there is no place for images: user {os.getuid()} has no home folder",
            hint="set XDG_CACHE_HOME to a folder that you may write to",
        )
    return place


def _folder() -> Path | None:
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "vbench/images"
    found = home()
    return found / ".cache/vbench/images" if found else None


def layers() -> Path:
    """The package layers that images are made of; no image needs them once it is built."""
    return folder() / ".layers"


def records() -> tuple[Record, ...]:
    """Every finished image, newest first; none where there is no place for images."""
    place = _folder()
    paths = place.glob("*/image.json") if place else ()
    found = [record for path in paths if (record := _read(path)) is not None]
    return tuple(sorted(found, key=lambda record: (record.created, record.digest), reverse=True))


def _read(path: Path) -> Record | None:
    if path.parent.name.startswith("."):
        return None
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
    return record if record.schema == SCHEMA and record.digest == path.parent.name else None


def image_of(record: Record) -> Image:
    place = folder() / record.digest
    return Image(
        digest=record.digest,
        root=place / "root",
        disk=place / "disk.ext4",
        kernel=place / "vmlinux",
        initramfs=place / "initramfs",
        kernel_release=record.kernel_release,
        packages=record.packages,
    )


def images() -> tuple[Image, ...]:
    """Every finished image, newest first."""
    return tuple(image_of(record) for record in records())


def find(digest: str | None = None) -> Image | None:
    """The newest image, or the one whose digest starts so. Raises UsageError when several do."""
    if digest is None:
        return next(iter(images()), None)
    matching = [image for image in images() if digest and image.digest.startswith(digest)]
    if len(matching) > 1:
        names = ", ".join(image.digest[:12] for image in matching)
        raise UsageError(f"{digest!r} names {len(matching)} images: {names}", hint="give more digits of the digest")
    return matching[0] if matching else None


def remove(digest: str) -> Image:
    """Deletes the image whose digest starts so; with the last one the package layers go too. Raises UsageError."""
    image = find(digest)
    if image is None:
        known = ", ".join(image.digest[:12] for image in images())
        raise UsageError(f"there is no image {digest!r}", hint=f"known: {known}" if known else "none is built")
    with locked():
        _discard(folder() / image.digest)
        if not images():
            _discard(layers())
    return image


def _discard(place: Path) -> None:
    """Out of sight in one step, then deleted; never through something mounted inside."""
    mounts = [
        _unescape(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    ]
    inside = [mount for mount in mounts if Path(mount).is_relative_to(place.resolve())]
    if inside:
        raise VbenchError(f"{place.name} is in use: {inside[0]} is mounted", hint="end the run that uses it, or umount")
    if not place.exists():
        return
    hidden = place.with_name(f"{_REMOVING}{place.name.lstrip('.')}")
    with writing():
        shutil.rmtree(hidden, ignore_errors=True)
        place.rename(hidden)
        shutil.rmtree(hidden)


def _unescape(mount: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount)


@contextmanager
def locked(*, waiting: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """The cache for ourselves; calls `waiting` when another build must end first, and yields whether it had to."""
    with writing():
        folder().mkdir(parents=True, exist_ok=True)
        lock = os.open(folder() / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
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


@contextmanager
def building() -> Iterator[Path]:
    """A folder for a build in progress, removed on the way out, as is what a killed build left. Needs the lock."""
    for left in [*folder().glob(f"{_BUILDING}*"), *folder().glob(f"{_REMOVING}*")]:
        shutil.rmtree(left, ignore_errors=True)  # the lock is ours: nobody else is building
    place = folder() / f"{_BUILDING}{os.getpid()}"
    with writing():
        place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def publish(place: Path, record: Record) -> Image:
    """Makes a finished build an image, in one step."""
    target = folder() / record.digest
    with writing():
        (place / "image.json").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    if _read(target / "image.json") is not None:  # the same bits again: what is in use stays in place
        (place / "image.json").replace(target / "image.json")
        return image_of(record)
    with suppress(FileNotFoundError):
        shutil.rmtree(target)
    place.rename(target)
    return image_of(record)
