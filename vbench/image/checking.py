"""Reads every byte of an image and compares the content with its digest."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vbench.errors import EnvironmentUnavailable
from vbench.image import digest, inventory, trust, usage
from vbench.image.cache import Kept
from vbench.image.choosing import BUILD, ImageChanged

_PARTS = {1: "mode", 2: "owner", 3: "content"}  # of a line of the manifest, after the path


def check(one: Kept) -> bool:
    """Checks an image. Returns whether its list of files was renewed, as for an image that was copied.

    Raises ImageChanged with the changed files, and EnvironmentUnavailable for an image that another user can change.
    """
    name = one.record.digest[:12]
    if why := trust.distrust(one.folder):
        hint = f"remove {one.folder}, or mend its owner and mode"
        raise EnvironmentUnavailable(f"image {name} could be another user's: {why}", hint=hint)
    with usage.shared(one.folder):
        if differences := tuple(_differences(one)):
            raise ImageChanged(
                f"image {name} is not as it was built: {inventory.show(differences)}",
                hint=f"`vbench image remove {name}`, then `{BUILD}`; results with this digest are of other files",
            )
        return _renewed(one.folder)


def _differences(one: Kept) -> Iterator[str]:
    try:
        before = (one.folder / digest.NAME).read_bytes()
        now = digest.content(*(one.folder / part for part in ("root", "vmlinux", "initramfs")))
        disk = digest.file_digest(one.folder / "disk.ext4")
    except OSError as error:
        yield f"{error.filename} cannot be read: {error.strerror or error}"
        return
    if hashlib.sha256(before).hexdigest() != one.record.digest:
        yield f"{digest.NAME} is not what the digest is of"
    elif before != now:
        yield from compared(before, now)
    if disk != one.record.disk:
        yield "disk.ext4 has another content"


def compared(before: bytes, now: bytes) -> Iterator[str]:
    """One text for each file in which two manifests differ."""
    old, new = _lines(before), _lines(now)
    yield from (f"{path} is missing" for path in old if path not in new)
    yield from (f"{path} was added" for path in new if path not in old)
    for path in old:
        if path in new and old[path] != new[path]:
            at = next((at for at in _PARTS if old[path][at : at + 1] != new[path][at : at + 1]), 3)
            yield f"{path} has another {_PARTS[at] if len(old[path]) > 2 else 'content'}"


def _lines(text: bytes) -> dict[str, list[bytes]]:
    words = [line.split(b"\0") for line in text.split(b"\n") if line]
    return {_shown(parts[0]): parts for parts in words}


def _shown(path: bytes) -> str:
    prefix = "root" if path.startswith(b"/") else ""
    return prefix + inventory.name(path.decode("latin-1"))


def _renewed(folder: Path) -> bool:
    """Writes the list of files again if it differs, since a copy has other inodes and times. True if it was written.

    Raises EnvironmentUnavailable if the caller may not write it.
    """
    if not inventory.differences(folder):
        return False
    if os.access(folder, os.W_OK):
        fresh = folder / f".{inventory.NAME}.new"
        with suppress(FileNotFoundError):
            fresh.unlink()
        inventory.write(folder, name=fresh.name)
        fresh.replace(folder / inventory.NAME)
        return True
    raise EnvironmentUnavailable(
        f"the content of image {folder.name[:12]} is right, but its list of files is not: it was copied or touched",
        hint="its owner renews the list: run `vbench image check` as the user it belongs to",
    )
