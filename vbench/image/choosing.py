"""Chooses the image of a run: the one that this vbench would build, of root or the user, with the bits of its build."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vbench import __version__
from vbench.contracts import Image, Missing, lacks
from vbench.errors import EnvironmentUnavailable, UsageError, VbenchError
from vbench.host.proc import GUEST
from vbench.image import inventory, recipe, trust, usage
from vbench.image.cache import SCHEMA, Kept, Record, kept, named
from vbench.image.initramfs import INIT

BUILD = "vbench image build"


class ImageChanged(VbenchError):
    """The files of an image are not those that were built, so its digest does not name them."""


def current(suite: str | None = None, guest: Path = GUEST) -> Image | None:
    """The newest image that a build now would make again, of this Debian release or of any. None: there is none."""
    found = (one for one in kept() if suite is None or one.record.suite == suite)
    return next((one.image for one in found if not _refused(one, guest)), None)


def find(digest: str | None = None) -> Image | None:
    """The image of a new run, or the one whose digest starts so. Raises UsageError when several do."""
    if digest is None:
        return current()
    one = named(digest)
    return one.image if one else None


def lacking(guest: Path = GUEST) -> Missing:
    """Why `find` finds none, in the words of what is missing."""
    there = kept()
    if not there:
        return Missing("the image", f"run `{BUILD}`")
    newest = there[0]
    return Missing(f"an image that this vbench can use ({_refused(newest, guest)})", f"run `{BUILD}`")


def refuse_unusable() -> None:
    """Raises EnvironmentUnavailable where there are images and none of them can be used."""
    if kept() and current() is None:
        missing = lacking()
        raise EnvironmentUnavailable(lacks((missing,)), hint=missing.hint)


def states(guest: Path = GUEST) -> tuple[tuple[Record, str], ...]:
    """Every image, newest first: `current`, which a run may take, `stale`, or `refused`, since others can write."""
    return tuple((one.record, _state(one, guest)) for one in kept())


def _state(one: Kept, guest: Path) -> str:
    return "stale" if stale(one, guest) else "refused" if trust.distrust(one.place) else "current"


def stale(one: Kept, guest: Path = GUEST) -> str:
    """Why a build now would make something else, or nothing."""
    record = one.record
    key = recipe.input_key(record.suite, INIT, guest)
    if record.schema == SCHEMA and record.input_key == key:
        return ""
    by = f"vbench {record.vbench}"
    if record.vbench == __version__:
        by += ", whose files have changed since"
    return f"{record.digest[:12]} was built by {by}: this vbench would build another one"


def _refused(one: Kept, guest: Path) -> str:
    return stale(one, guest) or trust.distrust(one.place)


@contextmanager
def in_use(image: Image | None) -> Iterator[None]:
    """The image is held, and is what was built, until this context ends. Raises EnvironmentUnavailable."""
    if image is None:
        yield
        return
    place = image.root.parent
    if why := trust.distrust(place):
        raise EnvironmentUnavailable(
            f"image {image.digest[:12]} is not used, since it could be another user's: {why}", hint=_mend(place)
        )
    with usage.shared(place):
        try:
            refuse_changed(image)
        except ImageChanged as error:
            raise EnvironmentUnavailable(error.message, hint=error.hint) from None
        yield


def _mend(place: Path) -> str:
    return f"remove {place}, or mend its owner and mode, and run `{BUILD}`"


def refuse_changed(image: Image) -> None:
    """Compares sizes, times, modes and inodes with those of the build, without reading a file. Raises ImageChanged."""
    found = inventory.differences(image.root.parent)
    if found:
        name = image.digest[:12]
        raise ImageChanged(
            f"the files of image {name} are not as they were built: {inventory.show(found)}",
            hint=f"`vbench image check {name}` reads every byte and accepts a copy whose content is right; else"
            f" `vbench image remove {name}` and `{BUILD}` make it anew",
        )


def one_of(digest: str | None) -> Kept:
    """The image to check: by its digest, or the one of a new run. Raises UsageError."""
    found = named(digest) if digest else None
    if digest is None:
        chosen = current()
        found = named(chosen.digest) if chosen else None
        if found is None:
            missing = lacking()
            raise UsageError(lacks((missing,)), hint=missing.hint)
    if found is None:
        raise UsageError(f"there is no image {digest!r}", hint="`vbench image list` shows those that are")
    return found
