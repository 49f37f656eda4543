"""Builds the image in steps, each complete or absent: package layers, guest layer, boot files, disk, digest."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vbench import __version__
from vbench.beneath import Image
from vbench.errors import EnvironmentUnavailable, VbenchError
from vbench.host import proc
from vbench.image import cache, digest, disk, recipe, rootfs
from vbench.image.choosing import current, in_use
from vbench.image.contain import contained, plain_umask, writing
from vbench.image.initramfs import INIT, initramfs
from vbench.image.kernel import closure
from vbench.image.normal import normalize
from vbench.units import show_duration

Progress = Callable[[str], None]


def build(*, progress: Progress, suite: str = recipe.SUITE, force: bool = False, guest: Path = proc.GUEST) -> Image:
    """The image of the present guest folder and lists, built if it does not exist. `force` fetches the packages again.

    Raises VbenchError (missing tools), EnvironmentUnavailable (no namespaces, an image in use), NoSpace,
    CommandFailed, CommandTimeout.
    """
    suite = recipe.checked_suite(suite)
    if not force and (image := _up_to_date(suite, guest, progress)) is not None:
        progress(f"image {image.digest[:12]} is up to date")
        return image
    rootfs.check_host()
    with plain_umask(), cache.locked(waiting=lambda: progress("waiting for another build to end …")) as waited:
        if waited and not force and (image := _up_to_date(suite, guest, progress)) is not None:
            progress(f"image {image.digest[:12]} was built by another process meanwhile")
            return image
        with cache.building() as folder:
            key = recipe.input_key(suite, INIT, guest)
            return _Work(folder, suite, guest, key, progress, force).image()


def _up_to_date(suite: str, guest: Path, progress: Progress) -> Image | None:
    """The image that a run would take. None if there is none or its files were changed."""
    image = current(suite, guest)
    try:
        with in_use(image):
            return image
    except EnvironmentUnavailable as error:
        progress(error.message)
        return None


@dataclass(frozen=True)
class _Work:
    """One build in its own folder, which is renamed when the build is complete."""

    folder: Path
    suite: str
    guest: Path
    key: str  # of the guest folder as the build begins
    progress: Progress
    force: bool

    def image(self) -> Image:
        base = self.layer("packages", recipe.PACKAGES, rootfs.packages)
        tools = self.layer("tools", recipe.TOOLS + recipe.BOOT_MODULES + recipe.GUEST_MODULES, rootfs.tools)
        with self.step("root file system"):
            root = self.root(base, tools)
        with self.step("kernel and initramfs"):
            release = self.boot_files(tools)
        with self.step("disk"):
            disk.make(self.folder / "disk.ext4", root, tools)
        with self.step("digest"):
            name, disk_name = self.digests(root)
        image = cache.publish(self.folder, self.record(name, disk_name, release, rootfs.versions(root)))
        self.progress(f"image {image.digest[:12]} is ready")
        return image

    def layer(self, name: str, wanted: tuple[str, ...], make: Callable[[Path, str], None]) -> Path:
        """A cached folder of packages, made in the build's folder so that the cache has no incomplete one."""
        layer = cache.layers() / f"{self.suite}-{name}-{recipe.layer_key(self.suite, wanted)}"
        if layer.is_dir() and not self.force:
            return layer
        fresh = self.folder / layer.name
        with self.step(f"{name} of {self.suite}"), writing():
            make(fresh, self.suite)
            cache.layers().mkdir(exist_ok=True)
            for old in cache.layers().glob(f"{self.suite}-{name}-*"):
                shutil.rmtree(old)
            fresh.rename(layer)
        return layer

    def root(self, base: Path, tools: Path) -> Path:
        root = self.folder / "root"
        contained(["cp", "-a", "--reflink=auto", str(base), str(root)], timeout_s=300)
        with writing():
            rootfs.guest_layer(root, tools, self.guest)
            if recipe.input_key(self.suite, INIT, self.guest) != self.key:
                raise VbenchError(f"{self.guest} was changed while the image was built", hint="build it again")
            normalize(root)
        return root

    def boot_files(self, tools: Path) -> str:
        """Writes vmlinux and initramfs beside the root. Returns the kernel's release."""
        release = rootfs.kernel_release(tools)
        modules = tools / "kernel/lib/modules" / release
        paths = closure((modules / "modules.dep").read_text(encoding="utf-8"), recipe.BOOT_MODULES)
        with writing():
            shutil.copyfile(tools / "kernel/vmlinux", self.folder / "vmlinux")
            (self.folder / "initramfs").write_bytes(initramfs(tools / "bin/busybox", modules, release, paths))
        return release

    def digests(self, root: Path) -> tuple[str, str]:
        """SHA-256 of the content and of the disk. The content's lines are stored beside the image."""
        content = digest.content(root, self.folder / "vmlinux", self.folder / "initramfs")
        with writing():
            (self.folder / digest.NAME).write_bytes(content)
        return hashlib.sha256(content).hexdigest(), digest.file_digest(self.folder / "disk.ext4")

    def record(self, name: str, disk_name: str, release: str, packages: dict[str, str]) -> cache.Record:
        return cache.Record(
            schema=cache.SCHEMA,
            digest=name,
            disk=disk_name,
            created=datetime.now(UTC).isoformat(),
            suite=self.suite,
            input_key=self.key,
            kernel_release=release,
            packages=packages,
            vbench=__version__,
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.progress(f"{name} …")
        began = time.monotonic()
        yield
        self.progress(f"{name}: {show_duration(time.monotonic() - began)}")
