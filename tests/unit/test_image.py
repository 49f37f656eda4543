"""The image's cache, names and command line, without building anything."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from vbench import image
from vbench.cli.image import image as command
from vbench.errors import NoSpace, UsageError, VbenchError
from vbench.host import proc
from vbench.image import cache, recipe, rootfs
from vbench.image.contain import contained, writing
from vbench.image.digest import content
from vbench.image.disk import size_b

A, B = "aa11" + "0" * 60, "aa22" + "0" * 60


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(cache.SYSTEM, str(tmp_path / "system"))
    return tmp_path / "cache/vbench/images"


def record(digest: str, created: str = "2026-01-01T00:00:00+00:00", key: str | None = None) -> cache.Record:
    return cache.Record(
        schema=cache.SCHEMA,
        digest=digest,
        created=created,
        suite="bookworm",
        input_key=recipe.input_key(recipe.SUITE, image.INIT) if key is None else key,
        kernel_release="6.1.0-1-amd64",
        packages={"fio": "3.33-3"},
        vbench="0.1.0",
    )


def put(digest: str, created: str = "2026-01-01T00:00:00+00:00") -> None:
    with cache.locked(), cache.building() as place:
        (place / "root").mkdir()
        (place / "root/file").write_text(digest)
        cache.publish(place, record(digest, created))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folder_of(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_without_an_image_nothing_is_found() -> None:
    assert image.find() is None
    assert image.images() == ()


def test_the_newest_image_is_found_first() -> None:
    put(A, "2026-01-02T00:00:00+00:00")
    put(B, "2026-01-01T00:00:00+00:00")
    found = image.find()
    assert found is not None
    assert found.digest == A
    assert [each.digest for each in image.images()] == [A, B]


def test_an_image_is_found_by_the_start_of_its_digest(cache_folder: Path) -> None:
    put(A)
    put(B)
    found = image.find("aa2")
    assert found is not None
    assert (found.digest, found.root, found.kernel_release) == (B, cache_folder / B / "root", "6.1.0-1-amd64")
    assert image.find("bb") is None


def test_a_digest_that_names_two_images_is_refused() -> None:
    put(A)
    put(B)
    with pytest.raises(UsageError, match=r"names 2 images: aa2200000000, aa1100000000"):
        image.find("aa")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"digest": 5}', "\0"])
def test_a_folder_with_a_damaged_record_is_no_image(cache_folder: Path, text: str) -> None:
    put(A)
    (cache_folder / A / "image.json").write_text(text)
    assert image.images() == ()


def test_a_folder_under_another_name_is_no_image(cache_folder: Path) -> None:
    put(A)
    (cache_folder / A).rename(cache_folder / "copy")
    assert image.images() == ()


def test_a_build_that_fails_leaves_nothing(cache_folder: Path) -> None:
    with pytest.raises(RuntimeError), cache.locked(), cache.building() as place:
        (place / "half").write_text("x")
        raise RuntimeError
    assert names(cache_folder) == [".lock"]


def test_what_a_killed_build_left_goes_with_the_next_one(cache_folder: Path) -> None:
    (cache_folder / ".building-1/root").mkdir(parents=True)
    (cache_folder / f".removing-{A}/root").mkdir(parents=True)
    put(B)
    assert names(cache_folder) == [".lock", B]


def test_the_same_bits_built_again_leave_the_image_in_place(cache_folder: Path) -> None:
    put(A, "2026-01-01T00:00:00+00:00")
    inode = (cache_folder / A / "root").stat().st_ino
    put(A, "2026-01-02T00:00:00+00:00")
    assert (cache_folder / A / "root").stat().st_ino == inode
    assert image.records()[0].created.startswith("2026-01-02")


def test_removing_the_last_image_removes_the_package_layers(cache_folder: Path) -> None:
    put(A)
    put(B)
    cache.layers().mkdir()
    assert image.remove("aa11").digest == A
    assert cache.layers().exists()
    image.remove("aa22")
    assert names(cache_folder) == [".lock"]


def test_removing_an_unknown_image_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no image 'ff'") as caught:
        image.remove("ff")
    assert caught.value.hint == "none is built"
    put(A)
    with pytest.raises(UsageError) as caught:
        image.remove("ff")
    assert caught.value.hint == "known: aa1100000000"


def test_a_relative_cache_folder_is_ignored_as_its_standard_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder() in {Path.home() / ".cache/vbench/images", cache.system_folder()}


def test_a_full_disk_is_told_as_such() -> None:
    with pytest.raises(NoSpace, match="no space left while writing"), writing():
        Path("/dev/full").write_text("x")
    with pytest.raises(NoSpace, match="while dd was writing"):
        contained(["dd", "if=/dev/zero", "of=/dev/full", "count=1"], timeout_s=10)


def test_a_cache_that_cannot_be_written_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/sys")
    with pytest.raises(VbenchError, match="cannot be written"), cache.locked():
        pass


def test_the_digest_follows_content_and_mode_and_not_time(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", file="text")
    (root / "link").symlink_to("file")
    boot = tmp_path / "vmlinux"
    boot.write_text("kernel")
    seen = [content(root, boot)]
    os.utime(root / "file", (0, 0))
    assert content(root, boot) == seen[0]

    def changed() -> bool:
        seen.append(content(root, boot))
        return len(set(seen)) == len(seen)

    (root / "file").chmod(0o755)
    assert changed()
    (root / "file").write_text("Text")
    assert changed()
    (root / "link").unlink()
    (root / "link").symlink_to("./file")
    assert changed()
    (root / "empty").mkdir()
    assert changed()
    boot.write_text("another kernel")
    assert changed()


def test_the_digest_reads_names_that_are_not_text(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_text("x")
    assert b"/\xff\0" in content(root)


def test_a_changed_guest_folder_asks_for_another_build(tmp_path: Path) -> None:
    guest = folder_of(tmp_path / "guest", **{"agent.py": "1"})
    first = recipe.input_key("bookworm", "init", guest)
    (guest / "__pycache__").mkdir()
    (guest / "agent.pyc").write_text("bytecode")
    assert recipe.input_key("bookworm", "init", guest) == first
    (guest / "agent.py").write_text("2")
    assert recipe.input_key("bookworm", "init", guest) != first


def test_release_boot_script_and_packages_ask_for_another_build() -> None:
    keys = {recipe.input_key(suite, init) for suite in ("bookworm", "trixie") for init in ("one", "two")}
    assert len(keys) == 4
    assert recipe.layer_key("bookworm", ("fio",)) != recipe.layer_key("bookworm", ("fio", "gcc"))


@pytest.mark.parametrize("suite", ["", "../x", "Bookworm", "a b", "-x"])
def test_a_release_that_is_no_name_is_refused(suite: str) -> None:
    with pytest.raises(UsageError, match="not the name of a Debian release"):
        recipe.checked_suite(suite)


def test_an_image_that_is_up_to_date_is_not_built_again() -> None:
    put(A)
    said: list[str] = []
    assert image.build(progress=said.append).digest == A
    assert said == ["image aa1100000000 is up to date"]


def test_a_missing_tool_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(VbenchError, match="mmdebstrap") as caught:
        image.build(progress=print)
    assert "apt-get install mmdebstrap debian-archive-keyring" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("GPG error: http://deb.debian.org/debian bookworm InRelease: NO_PUBKEY 0E98404D386FA1D9", "keyring"),
        ("Err:1 http://deb.debian.org/debian bookworm InRelease Temporary failure resolving 'deb.debian.org'", "proxy"),
        ("Could not connect to deb.debian.org:80 (151.101.2.132), connection timed out", "proxy"),
        ("E: The repository 'http://deb.debian.org/debian nosuch Release' does not have a Release file.", "bookworm"),
        ("dpkg: error processing package fio (--configure)", ""),
    ],
)
def test_a_failed_installation_has_a_hint_that_is_true_for_its_cause(said: str, hint: str) -> None:
    found = rootfs.install_hint(said)
    assert hint in found
    assert bool(found) is bool(hint)


def test_installed_packages_are_read_from_dpkg_records() -> None:
    text = (
        "Package: fio\nStatus: install ok installed\nDescription: a: b\n more\nVersion: 3.33-3\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    )
    assert rootfs.parse_status(text) == {"fio": "3.33-3"}


def test_the_disk_has_room_for_the_root_and_300_mib(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", small="x")
    assert 300 * 2**20 + 4096 <= size_b(root) < 301 * 2**20


def test_list_prints_a_table_or_json() -> None:
    put(A)
    lines = CliRunner().invoke(command, ["list"]).stdout.splitlines()
    assert lines[0].split() == ["DIGEST", "STATE", "CREATED", "SUITE", "KERNEL", "FIO"]
    assert lines[1].split()[:4] == ["aa1100000000", "current", "2026-01-01", "00:00"]
    assert lines[1].split()[4:] == ["bookworm", "6.1.0-1-amd64", "3.33-3"]
    document = json.loads(CliRunner().invoke(command, ["list", "-o", "json"]).stdout)
    assert document == [msgspec.to_builtins(record(A))]


def test_remove_prints_the_digest_it_removed() -> None:
    put(A)
    assert CliRunner().invoke(command, ["remove", "aa"]).stdout == f"{A}\n"
    assert image.images() == ()


def test_the_script_that_boots_a_machine_is_valid_shell(tmp_path: Path) -> None:
    (tmp_path / "init").write_text(image.INIT)
    proc.run(["sh", "-n", str(tmp_path / "init")], timeout_s=10).check()


def test_a_second_build_says_that_it_waits_for_the_first() -> None:
    def waiting() -> None:
        raise InterruptedError

    with cache.locked() as waited, pytest.raises(InterruptedError), cache.locked(waiting=waiting):
        pass
    assert not waited
    with cache.locked(waiting=waiting):
        pass
