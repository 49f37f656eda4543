"""The real build: what is in the image, that it is the same bits again, and what an interrupted build leaves."""

import hashlib
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbench import image
from vbench.beneath import Image
from vbench.host import proc
from vbench.image import cache
from vbench.image.assemble import Progress
from vbench.image.digest import content

VBENCH = str(Path(sys.executable).with_name("vbench"))
BUILD = "from vbench.image import build; build(progress=lambda line: print(line, flush=True))"


@pytest.fixture(scope="module")
def built() -> Image:
    """The user's own image: built once, then found."""
    return image.build(progress=print)


@pytest.fixture
def other_cache(built: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache without images that shares the package layers of the real one."""
    layers = cache.layers()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "keep:1 a,b?c=d"))  # mke2fs and the loader read names
    monkeypatch.setenv(cache.SYSTEM, str(tmp_path / "system"))
    cache.folder().mkdir(parents=True)
    cache.layers().symlink_to(layers)
    yield cache.folder()
    shutil.rmtree(cache.folder())  # half a GiB, which pytest would keep


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount --rbind /dev "$1/dev" || exit
root=$1
shift
exec chroot "$root" "$@"
"""


def inside(built: Image, *argv: str) -> str:
    """As every environment has it: what is written to an image is found at the next start of a run."""
    words = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(built.root), *argv]
    return proc.run(words, timeout_s=60).check().text


def test_a_second_build_finds_the_first(built: Image) -> None:
    done = proc.run([VBENCH, "image", "build"], timeout_s=60).check()
    assert done.stdout.decode() == f"{built.digest}\n"
    assert done.stderr.decode() == f"image {built.digest[:12]} is up to date\n"


def test_every_tool_of_the_benchmarks_answers(built: Image) -> None:
    for argv in (["fio", "--version"], ["iperf3", "--version"], ["ip", "-V"], ["virt-what", "--version"]):
        inside(built, *argv)
    program = "import sys; sys.path.insert(0, '/opt/vbench/site'); import pyperf, psutil; print(pyperf.__version__)"
    import pyperf

    assert inside(built, "/opt/vbench/python", "-c", program).strip() == pyperf.__version__
    load = "import ctypes; ctypes.CDLL('/opt/vbench/kernels.so')"
    inside(built, "/opt/vbench/python", "-c", load)
    assert os.access(built.root / "opt/vbench/echo", os.X_OK)


def test_the_image_holds_no_compiler_and_no_trace_of_this_host(built: Image) -> None:
    assert not list((built.root / "usr/bin").glob("*gcc*"))
    assert "gcc" not in built.packages
    assert built.packages["fio"]
    assert (built.root / "etc/resolv.conf").read_text() == ""
    assert (built.root / "etc/hostname").read_text() == "guest\n"
    assert (built.root / "etc/machine-id").read_text() in {"", "uninitialized\n"}
    assert not [path for path in (built.root / "var/log").rglob("*") if path.is_file()]


def test_modules_can_be_loaded_by_name_in_the_guest(built: Image) -> None:
    assert "virtio" in inside(built, "modprobe", "--show-depends", "-S", built.kernel_release, "9pnet_virtio")


def test_the_kernel_can_be_booted_through_pvh(built: Image) -> None:
    assert built.kernel.read_bytes()[:4] == b"\x7fELF"
    assert b"Linux version " + built.kernel_release.encode() in built.kernel.read_bytes()


def rebuilt(umask: int, progress: Progress = print) -> Image:
    before = os.umask(umask)
    try:
        return image.build(progress=progress)
    finally:
        os.umask(before)


def test_another_cache_gets_the_same_digest_from_the_same_packages(built: Image, other_cache: Path) -> None:
    said: list[str] = []
    again = rebuilt(0o002, said.append)
    assert again.digest == built.digest
    assert image.check(image.one_of(again.digest)) is False
    assert again.root.is_relative_to(other_cache)
    assert hashlib.sha256(content(again.root, again.kernel, again.initramfs)).hexdigest() == again.digest
    assert not [line for line in said if line.startswith("packages")]


def test_a_private_umask_gives_the_same_digest(built: Image, other_cache: Path) -> None:
    again = rebuilt(0o077)
    assert again.digest == built.digest
    assert again.root.is_relative_to(other_cache)


def test_the_disk_holds_a_clean_file_system(built: Image) -> None:
    proc.run(["e2fsck", "-fn", str(built.disk)], timeout_s=120).check()


def test_a_full_disk_is_told_and_leaves_nothing(other_cache: Path) -> None:
    # The small disk is mounted in a namespace of the command's own and is gone with it.
    layers = str((other_cache / ".layers").readlink())
    script = (
        'mount -t tmpfs -o size=32m small "$1" && mkdir -p "$1/vbench/images" && '
        'ln -s "$2" "$1/vbench/images/.layers" && "$3" image build; status=$?; ls -A "$1/vbench/images"; exit $status'
    )
    folder = str(other_cache.parent.parent)
    done = proc.run(["unshare", "-m", "sh", "-c", script, "sh", folder, layers, VBENCH], timeout_s=120)
    assert done.status == 3
    assert b"no space left" in done.stderr
    assert done.stdout.split() == [b".layers", b".lock"]


def test_refused_namespaces_are_told_as_such(other_cache: Path) -> None:
    """As root in a container has it: uid 0 without CAP_SYS_ADMIN. The keyring has no part in it."""
    layers = (other_cache / ".layers").readlink()
    (other_cache / ".layers").unlink()  # so that packages are asked for
    poor = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--")
    done = proc.run([*poor, VBENCH, "image", "build"], timeout_s=60)
    (other_cache / ".layers").symlink_to(layers)
    assert done.status == 4, done.stderr.decode()
    assert b"namespaces cannot be made: unshare: unshare failed: Operation not permitted" in done.stderr
    assert b"hint: root lacks CAP_SYS_ADMIN" in done.stderr
    assert b"keyring" not in done.stderr


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The process id of the first command of a build whose vbench was killed -9 while that ran."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(cache.SYSTEM, str(tmp_path / "system"))
    with proc.spawn([sys.executable, "-c", BUILD]) as process:
        assert process.stdout.readline().startswith(b"packages of")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (words := children.read_text().split()):
            os.sched_yield()
        descriptor = os.pidfd_open(int(words[0]))
        try:
            os.kill(process.pid, signal.SIGKILL)
            assert select.select([descriptor], [], [], 20)[0], "the build's command outlived it"
            yield int(words[0])
        finally:
            os.close(descriptor)


def test_a_killed_build_leaves_no_image_and_nothing_mounted(killed: int) -> None:
    assert not Path(f"/proc/{killed}/exe").exists()
    assert image.images() == ()
    assert str(cache.folder()) not in Path("/proc/self/mountinfo").read_text()
    with cache.locked() as waited, cache.building():
        assert not waited
    assert [path.name for path in cache.folder().iterdir()] == [".lock"]
