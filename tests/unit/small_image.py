"""An image of a few files, as a build leaves it, for tests that execute nothing of it."""

import hashlib
import os
from pathlib import Path

import pytest

from vbench import image
from vbench.beneath import Image
from vbench.image import cache, digest, recipe

CREATED = "2026-01-01T00:00:00+00:00"


def publish(text: str = "fio", *, created: str = CREATED, key: str | None = None) -> Image:
    """Published in the cache of the environment; its digest is that of its content."""
    with cache.locked(), cache.building() as place:
        root = place / "root"
        (root / "usr/bin").mkdir(parents=True)
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        (root / "usr/bin/fio").write_text(text)
        (root / "usr/bin/fio").chmod(0o755)
        (root / "bin").symlink_to("usr/bin")
        Path(os.fsdecode(os.fsencode(root) + b"/\xff\n")).write_text("a name that is no text")
        for name in ("vmlinux", "initramfs", "disk.ext4"):
            (place / name).write_text(name)
        content = digest.content(root, place / "vmlinux", place / "initramfs")
        (place / digest.NAME).write_bytes(content)
        return cache.publish(place, record(content, digest.file_digest(place / "disk.ext4"), created, key))


def record(content: bytes, disk: str, created: str, key: str | None) -> cache.Record:
    return cache.Record(
        schema=cache.SCHEMA,
        digest=hashlib.sha256(content).hexdigest(),
        created=created,
        suite=recipe.SUITE,
        input_key=recipe.input_key(recipe.SUITE, image.INIT) if key is None else key,
        kernel_release="6.1.0-1-amd64",
        packages={"fio": "3.33-3"},
        vbench="0.2.0",
        disk=disk,
    )


def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache and that of the machine are empty folders; where images of the user's are to be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(cache.SYSTEM, str(tmp_path / "system"))
    return tmp_path / "cache/vbench/images"


def folder(built: Image) -> Path:
    return built.root.parent


def enter(built: Image) -> None:
    with image.in_use(built):
        pass


def written(built: Image) -> None:
    program = built.root / "usr/bin/fio"
    before = program.stat()
    program.write_text("oif")  # of the same size, and with its old times
    os.utime(program, ns=(before.st_atime_ns, before.st_mtime_ns))
