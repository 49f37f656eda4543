"""The list of an image's files, as a process in a user namespace compares it."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from vbench.image import inventory
from vbench.image.inventory import Entry


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    for name in ("disk.ext4", "initramfs", "vmlinux", "root/tool"):
        (tmp_path / name).write_text(name)
    inventory.write(tmp_path)
    return tmp_path


def store(place: Path, listed: list[Entry]) -> None:
    (place / inventory.NAME).write_bytes(msgspec.json.encode(listed))


def test_files_that_all_seem_to_belong_to_another_are_as_they_were_built(place: Path) -> None:
    """A user namespace shows root's files as those of the user who made it."""
    store(place, [replace(entry, owner=entry.owner + 7, group=entry.group + 8) for entry in inventory.entries(place)])
    assert inventory.differences(place) == ()


@pytest.mark.parametrize("field", ["owner", "group"])
def test_one_file_of_another_owner_than_the_rest_is_told(place: Path, field: str) -> None:
    listed = [replace(entry, owner=entry.owner + 7, group=entry.group + 8) for entry in inventory.entries(place)]
    listed[-1] = replace(listed[-1], **{field: getattr(listed[-1], field) + 1})
    store(place, listed)
    assert inventory.differences(place) == (f"{listed[-1].path} has another {field}",)
