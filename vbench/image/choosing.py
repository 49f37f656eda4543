"""Chooses the image of a run: an unchanged one, built by root or the user, that this vbench would build again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vbench import __version__
from vbench.beneath import Image
from vbench.contracts import Missing, lacks
from vbench.errors import EnvironmentUnavailable, UsageError, VbenchError
from vbench.host.proc import GUEST
from vbench.image import inventory, recipe, trust, usage
from vbench.image.cache import SCHEMA, Kept, Record, kept, named, required
from vbench.image.initramfs import INIT

BUILD = "vbench image build"


class ImageChanged(VbenchError):
    """The files of an image were changed after its build, so that its digest does not name them."""


def current(suite: str | None = None, guest: Path = GUEST) -> Image | None:
    """The newest image that a build now would make again, of this Debian release or of any. None if there is none."""
    of_suite = (one for one in kept() if suite is None or one.record.suite == suite)
    return next((one.image for one in of_suite if not _refused(one, guest)), None)


def find(digest: str | None = None) -> Image | None:
    """The image of a new run, or the one whose digest starts with `digest`. Raises UsageError when several match."""
    if digest is None:
        return current()
    one = named(digest)
    return one.image if one else None


def lacking(guest: Path = GUEST) -> Missing:
    """What `find` lacks when it returns None: any image, or one that can be used."""
    images = kept()
    if not images:
        return Missing("the image", f"run `{BUILD}`")
    return Missing(f"an image that this vbench can use ({_refused(images[0], guest)})", f"run `{BUILD}`")


def refuse_unusable() -> None:
    """Raises EnvironmentUnavailable where there are images and none of them can be used."""
    if kept() and current() is None:
        missing = lacking()
        raise EnvironmentUnavailable(lacks((missing,)), hint=missing.hint)


def states(guest: Path = GUEST) -> tuple[tuple[Record, str], ...]:
    """All images with their states, newest first: `current`, `stale`, or `refused` since others can write to it."""
    return tuple((one.record, _state(one, guest)) for one in kept())


def _state(one: Kept, guest: Path) -> str:
    return "stale" if stale(one, guest) else "refused" if trust.distrust(one.folder) else "current"


def stale(one: Kept, guest: Path = GUEST) -> str:
    """Why a build now would make another image. Empty if it would not."""
    record = one.record
    key = recipe.input_key(record.suite, INIT, guest)
    if record.schema == SCHEMA and record.input_key == key:
        return ""
    by = f"vbench {record.vbench}"
    if record.vbench == __version__:
        by += ", whose files have changed since"
    return f"{record.digest[:12]} was built by {by}: this vbench would build another one"


def _refused(one: Kept, guest: Path) -> str:
    return stale(one, guest) or trust.distrust(one.folder)


@contextmanager
def in_use(image: Image | None) -> Iterator[None]:
    """Locks the image against removal until this context ends. Raises EnvironmentUnavailable if it cannot be used."""
    if image is None:
        yield
        return
    folder = image.root.parent
    if why := trust.distrust(folder):
        raise EnvironmentUnavailable(
            f"image {image.digest[:12]} is not used, since it could be another user's: {why}", hint=_mend(folder)
        )
    with usage.shared(folder):
        try:
            refuse_changed(image)
        except ImageChanged as error:
            raise EnvironmentUnavailable(error.message, hint=error.hint) from None
        yield


def _mend(folder: Path) -> str:
    return f"remove {folder}, or mend its owner and mode, and run `{BUILD}`"


def refuse_changed(image: Image) -> None:
    """Compares sizes, times, modes and inodes with those of the build, without reading a file. Raises ImageChanged."""
    if differences := inventory.differences(image.root.parent):
        name = image.digest[:12]
        raise ImageChanged(
            f"the files of image {name} are not as they were built: {inventory.show(differences)}",
            hint=f"`vbench image check {name}` reads every byte and accepts a copy whose content is right; else"
            f" `vbench image remove {name}` and `{BUILD}` make it anew",
        )


def one_of(digest: str | None) -> Kept:
    """The image to check: the one of this digest, or without a digest the one of a new run. Raises UsageError."""
    if digest is not None:
        return required(digest)
    image = current()
    if image is None:
        missing = lacking()
        raise UsageError(lacks((missing,)), hint=missing.hint)
    return required(image.digest)
