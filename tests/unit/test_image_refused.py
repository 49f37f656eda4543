"""An image that was changed, damaged or put there by another user is not used."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit import small_image
from tests.unit.small_image import enter, folder, own_caches, written
from vbench import image
from vbench.beneath import Image
from vbench.cli.image import image as command
from vbench.errors import EnvironmentUnavailable, UsageError
from vbench.image import cache, inventory, trust


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_caches(tmp_path, monkeypatch)


@pytest.fixture
def built() -> Image:
    return small_image.publish()


def replaced(built: Image) -> None:
    (built.root / "new").write_text("oif")
    (built.root / "new").replace(built.root / "usr/bin/fio")


def moded(built: Image) -> None:
    (built.root / "usr/bin/fio").chmod(0o777)


def added(built: Image) -> None:
    (built.root / "usr/bin/more").touch()


def removed(built: Image) -> None:
    (built.root / "usr/bin/fio").unlink()


def turned(built: Image) -> None:
    (built.root / "bin").unlink()
    (built.root / "bin").symlink_to("tmp")


def on_the_disk(built: Image) -> None:
    built.disk.write_text("disk.ext5")


def in_the_kernel(built: Image) -> None:
    built.kernel.write_text("vmlinuz")


CHANGES = {
    written: ("root/usr/bin/fio has another time of the last change", "root/usr/bin/fio has another content"),
    replaced: ("root/usr/bin/fio has another mode", "root/usr/bin/fio has another mode"),
    moded: ("root/usr/bin/fio has another mode", "root/usr/bin/fio has another mode"),
    added: ("root/usr/bin/more was added", "root/usr/bin/more was added"),
    removed: ("root/usr/bin/fio is missing", "root/usr/bin/fio is missing"),
    turned: ("root/bin has another link target", "root/bin has another content"),
    on_the_disk: ("disk.ext4 has another", "disk.ext4 has another content"),
    in_the_kernel: ("vmlinux has another", "vmlinux has another content"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_image_is_refused_and_the_file_named(built: Image, change: Callable[[Image], None]) -> None:
    enter(built)
    change(built)
    at_once, by_content = CHANGES[change]
    with pytest.raises(EnvironmentUnavailable, match=f"not as they were built: {at_once}") as caught:
        enter(built)
    assert "vbench image check" in caught.value.hint
    checked = CliRunner().invoke(command, ["check"])
    assert isinstance(checked.exception, image.ImageChanged)
    assert by_content in checked.exception.message


def test_a_right_image_is_checked_with_its_digest_printed(built: Image) -> None:
    checked = CliRunner().invoke(command, ["check", built.digest[:8]])
    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, f"{built.digest}\n", "")


def test_a_copy_is_accepted_once_its_content_was_read(built: Image, tmp_path: Path) -> None:
    shutil.copytree(folder(built), tmp_path / "copy", symlinks=True)
    shutil.rmtree(folder(built))
    shutil.move(tmp_path / "copy", folder(built))
    with pytest.raises(EnvironmentUnavailable, match="not as they were built"):
        enter(built)
    checked = CliRunner().invoke(command, ["check"])
    assert (checked.exit_code, checked.stdout) == (0, f"{built.digest}\n")
    assert "was written anew" in checked.stderr
    enter(built)


def test_a_changed_manifest_cannot_hide_a_changed_file(built: Image) -> None:
    written(built)
    path = folder(built) / "manifest"
    path.write_bytes(path.read_bytes().replace(b"fio", b"oif"))
    checked = CliRunner().invoke(command, ["check"])
    assert isinstance(checked.exception, image.ImageChanged)
    assert "manifest is not what the digest is of" in checked.exception.message


def test_check_says_why_there_is_nothing_to_check() -> None:
    for words in (["check"], ["check", "aa"]):
        assert isinstance(CliRunner().invoke(command, words).exception, UsageError)


@pytest.mark.parametrize("text", ["", "[", "{}", '[["a"]]', "[1]", "\0", "[" * 200_000])
def test_a_damaged_list_of_files_is_told(built: Image, text: str) -> None:
    (folder(built) / inventory.NAME).write_text(text)
    with pytest.raises(EnvironmentUnavailable, match=r"files\.json cannot be read"):
        enter(built)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
@pytest.mark.parametrize("below", ["", "root", "disk.ext4", "image.json"])
def test_an_image_that_others_can_write_is_refused(built: Image, below: str, mode: int) -> None:
    (folder(built) / below).chmod(mode)
    assert image.find() is None
    assert "can be written by others" in image.lacking().what
    with pytest.raises(EnvironmentUnavailable, match="can be written by others"):
        enter(built)


@pytest.mark.parametrize("above", [".", "..", "../.."])
def test_a_cache_in_which_others_can_put_another_image_is_refused(cache_folder: Path, built: Image, above: str) -> None:
    (cache_folder / above).resolve().chmod(0o777)
    with pytest.raises(EnvironmentUnavailable, match=r"can be written by others \(mode 777\)"):
        enter(built)
    with pytest.raises(Exception, match="could be replaced by other users"), cache.locked():
        pass


def test_a_sticky_folder_above_is_no_danger(cache_folder: Path, built: Image) -> None:
    cache_folder.parent.chmod(0o1777)
    enter(built)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("below", [".", "root", "vmlinux", "../.."])
def test_an_image_of_another_user_is_refused(built: Image, below: str) -> None:
    os.chown((folder(built) / below).resolve(), 12345, 12345)
    assert image.find() is None
    with pytest.raises(EnvironmentUnavailable, match=r"belongs to another user \(uid 12345\)"):
        enter(built)


def test_a_link_in_place_of_a_part_is_refused(built: Image) -> None:
    built.disk.rename(folder(built).parent / "disk")
    built.disk.symlink_to("../disk")
    assert "is a link" in trust.distrust(folder(built))


def test_a_cache_behind_a_link_gives_paths_without_one(
    built: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "link"))
    found = image.find()
    assert found is not None
    assert found.root == built.root
