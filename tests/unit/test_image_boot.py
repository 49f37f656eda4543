"""The boot files: a kernel out of its bzImage, the modules it needs, and the archive that carries them."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from vbench.errors import VbenchError
from vbench.image import kernel
from vbench.image.initramfs import Entry, archive, initramfs

ELF = b"\x7fELF" + bytes(range(256)) * 20


def gzip(data: bytes) -> bytes:
    pack = zlib.compressobj(wbits=31)
    return pack.compress(data) + pack.flush()


def alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


def bzimage(payload: bytes, *, sectors: int = 3, protocol: int = 0x20F) -> bytes:
    """A header of the boot protocol, some code before the payload, and the size that follows it."""
    code = b"\x90" * 100
    head = bytearray((sectors + 1) * 512)
    head[0x1F1] = sectors
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, len(code), len(payload) + 4)
    return bytes(head) + code + payload + struct.pack("<I", len(ELF)) + b"relocations"


@pytest.mark.parametrize("pack", [lzma.compress, alone, gzip, bz2.compress])
def test_the_kernel_comes_out_of_every_known_compression(pack: Callable[[bytes], bytes]) -> None:
    assert kernel.uncompressed(bzimage(pack(ELF))) == ELF


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a bzImage"),
        (b"\0" * 4096, "not a bzImage"),
        (bzimage(gzip(ELF), protocol=0x207), "2.08 or later"),
        (bzimage(b"\x28\xb5\x2f\xfd zstd"), "starts with 28b52ffd"),
        (bzimage(b"\xfd7zXZ damaged all the way"), "damaged"),
        (bzimage(gzip(b"no ELF")), "not an ELF"),
    ],
)
def test_a_kernel_that_cannot_be_unpacked_says_why(data: bytes, said: str) -> None:
    with pytest.raises(VbenchError, match=said):
        kernel.uncompressed(data)


DEP = """\
kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/drivers/net/virtio-net.ko.xz: kernel/lib/crc16.ko
kernel/fs/xfs/xfs.ko:
"""


def test_modules_come_with_all_they_depend_on() -> None:
    assert kernel.closure(DEP, ["ext4", "virtio_net"]) == (
        "kernel/drivers/net/virtio-net.ko.xz",
        "kernel/fs/ext4/ext4.ko",
        "kernel/fs/jbd2/jbd2.ko",
        "kernel/lib/crc16.ko",
    )


def test_modules_that_the_kernel_lacks_are_named() -> None:
    with pytest.raises(VbenchError, match="no module e1000, nvme"):
        kernel.closure(DEP, ["nvme", "ext4", "e1000"])


def unpacked(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Names, modes and contents of a newc archive."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = at + 110 + name_size
        start += -start % 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, data[start : start + size])
        at = start + size
        at += -at % 4


def test_an_archive_holds_what_it_was_given() -> None:
    entries = [Entry("a", 0o100644, b"12345"), Entry("long-name", 0o100755, b""), Entry("l", 0o120777, b"a")]
    assert unpacked(archive(iter(entries))) == {e.name: (e.mode, e.data) for e in entries}


def test_the_initramfs_has_a_folder_before_each_file(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    (modules / "kernel").mkdir(parents=True)
    for name in ("modules.alias", "modules.dep", "kernel/ext4.ko"):
        (modules / name).write_text(name)
    (tmp_path / "busybox").write_bytes(b"\x7fELF")
    found = list(unpacked(initramfs(tmp_path / "busybox", modules, "6.1.0", ("kernel/ext4.ko",))))
    assert {"init", "dev/console", "bin/modprobe", "lib/modules/6.1.0/kernel/ext4.ko"} <= set(found)
    for name in found:
        parent = name.rpartition("/")[0]
        assert not parent or found.index(parent) < found.index(name)
