"""Names on a disk that another program reads: resolved, refused, escaped, or kept away from it."""

import importlib
import os
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from vbench.benchmarks import disk, http
from vbench.beneath import Boot, Image
from vbench.contracts import Completed, Start, Workplace
from vbench.environments.architecture import ARCHITECTURES
from vbench.environments.qemu import Parts, Qemu
from vbench.errors import CommandFailed, UsageError
from vbench.host import proc
from vbench.host.local import LocalHost
from vbench.host.paths import qemu_value, usable
from vbench.host.processors import Processors
from vbench.testbed.host import open_testbed
from vbench.testbed.scratch_disk import Disk, DiskStorage

ODD = "a,b c:d?e=f;g$h'i\"j\\k%l#m{n}é"


def words_of_a_machine(folder: PurePosixPath) -> list[str]:
    boot = Boot(folder / "disk.ext4", folder / "vmlinux", folder / "initramfs")
    testbed: Any = SimpleNamespace(cpus=(1,), memory_b=2**30)
    parts = Parts(boot, folder / "machine", Disk(folder / "scratch.img", 2**30), None)
    return Qemu().words(ARCHITECTURES["x86_64"], testbed, parts)


def after(option: str, words: list[str]) -> list[str]:
    return [words[index + 1] for index, word in enumerate(words) if word == option]


def test_links_are_resolved_and_a_name_of_any_letters_is_kept(tmp_path: Path) -> None:
    (tmp_path / ODD).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / ODD)
    assert usable(tmp_path / "link" / "deeper", "it") == tmp_path.resolve() / ODD / "deeper"


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x1b[31m", os.fsdecode(b"a\xff"), "a\x85b"])
def test_a_name_that_not_every_program_takes_is_refused_and_told_harmlessly(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="the scratch folder") as caught:
        usable(tmp_path / name, "the scratch folder")
    assert caught.value.message.isprintable()
    assert caught.value.message.isascii()


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    found = []
    try:
        found.append(usable(tmp_path / "loop" / "x", "it"))
    except UsageError as error:
        assert "it cannot be found" in error.message
    assert found in ([], [tmp_path.resolve() / "loop" / "x"])  # Python 3.13 resolves it as far as it can


def test_what_a_run_hands_out_is_resolved_and_a_bad_scratch_folder_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    image = Image("d", *(tmp_path / "link" / name for name in ("root", "disk", "vmlinux", "initramfs")), "6.1")
    common: Any = {
        "host": LocalHost(proc.LocalSession(prefix=("false",))),
        "processors": Processors((0,), (0,)),
        "memory_b": 2**30,
    }
    with open_testbed(image=image, scratch=tmp_path / "link", name="unit", **common) as testbed:
        real = tmp_path.resolve() / "real"
        assert testbed.base.parent == real
        assert testbed.image is not None
        assert testbed.image.root == PurePosixPath(real / "root")
    with pytest.raises(UsageError), open_testbed(image=None, scratch=tmp_path / "a\nb", name="unit", **common):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_qemu_gets_a_comma_doubled_among_options_and_as_it_is_alone() -> None:
    folder = PurePosixPath("/x") / ODD
    words = words_of_a_machine(folder)
    assert after("-kernel", words) == [str(folder / "vmlinux")]
    assert after("-initrd", words) == [str(folder / "initramfs")]
    root, scratch = after("-drive", words)
    assert f"file={qemu_value(folder / 'disk.ext4')}," in root
    assert qemu_value(Path("/a,b,,c")) == "/a,,b,,,,c"
    assert f"file={qemu_value(folder / 'scratch.img')}," in scratch
    assert after("-serial", words) == ["file:serial"]
    assert after("-C", words) == [str(folder / "machine")]
    assert f"TMPDIR={folder / 'machine'}" in words  # else what it throws away is written where the caller's points


class Recording:
    """A session in an oddly named place, whose commands all fail after they were written down."""

    def __init__(self) -> None:
        self.workplace = Workplace(scratch=PurePosixPath("/x") / ODD)
        self.ran: list[list[str]] = []

    def run(self, argv: list[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        self.ran.append([str(word) for word in argv])
        return Completed(tuple(argv), 1, b"", b"no")

    def on_network(self) -> "Recording":
        return self


def test_fio_is_told_a_name_of_our_own_in_a_folder_that_it_is_started_in() -> None:
    session: Any = Recording()
    with ExitStack() as stack:
        start = Start(session, session, 0, 1.0, 0.0, None, lambda name, data: None, stack)
        with pytest.raises(Exception, match="fio"):
            disk.RandRead().prepare(start)
    (layout, removal) = session.ran
    assert layout[:3] == ["env", "-C", str(session.workplace.scratch)]
    assert f"--filename=disk-{256 * 2**20}.dat" in layout
    assert [word for word in layout[3:] if ODD in word] == []
    assert removal == ["rm", "-f", f"{session.workplace.scratch}/disk-{256 * 2**20}.dat"]


def test_mke2fs_makes_the_scratch_disk_by_a_name_of_our_own() -> None:
    session: Any = Recording()
    folder = PurePosixPath("/x") / ODD
    testbed: Any = SimpleNamespace(session=session, folder=lambda name: nullcontext(folder))
    with pytest.raises(CommandFailed, match="truncate"), DiskStorage(2**20).create(testbed):
        pass
    session.run = lambda argv, **rest: session.ran.append(argv) or Completed(tuple(argv), 0, b"", b"")
    with DiskStorage(2**20).create(testbed) as disk:
        assert disk.path.parent == folder
    words = session.ran[-1]
    assert words[:4] == ["env", "-C", str(folder), "mke2fs"]
    assert [word for word in words[4:] if ODD in word] == []


def test_nginx_reads_no_path_from_its_configuration() -> None:
    made = http._CONFIGURATION.format(address="198.18.0.2", port=1)
    assert "/" not in made.replace("text/plain", "")


@pytest.mark.parametrize(
    ("kernels", "meant"),
    [("/mnt/My\\040Disk", "/mnt/My Disk"), ("/a\\134b\\011c\\012d", "/a\\b\tc\nd"), ("/plain", "/plain"), ("/é", "/é")],
)
def test_the_kernels_escapes_in_a_mounts_path_are_undone(
    kernels: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(proc.GUEST), *sys.path])
    reading = importlib.import_module("probe_reading")
    assert reading.unescaped(kernels) == meant
