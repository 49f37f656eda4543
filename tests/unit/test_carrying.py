"""A user's folder on its way: what is refused, what arrives, and a digest that changes with all that matters."""

import importlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tests.unit.commands import EVERYWHERE, command, failure, measure
from tests.unit.folders import NOTHING_SECRET
from tests.unit.small_folders import a_manifest
from vbench import suite as suites
from vbench.benchmarks import carrying
from vbench.benchmarks.carrying import Unfit, digest, inside, pack
from vbench.contracts import Start
from vbench.errors import RunFolderError, SuiteError
from vbench.host import proc
from vbench.model import Manifest
from vbench.runner.resumption import suite_of
from vbench.suite import plan as plans

SUITE = """
name = "mine"
benchmarks = [{kind = "command", name = "app.cat", argv = ["cat", "words"], folder = "data"}]
[method]
baseline = "a"
blocks = 1
trial = "10 ms"
warmup = "1 ms"
budget = "1 h"
[environments.a]
kind = "fake"
"""


@pytest.fixture
def unpack(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(proc.GUEST))
    return importlib.import_module("unpack")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with everything that may be in one."""
    folder = tmp_path / "data"
    (folder / "deep" / "empty").mkdir(parents=True)
    (folder / "words").write_text("one two\n")
    (folder / "deep" / "go").write_text("#!/bin/sh\necho go\n")
    (folder / "deep" / "go").chmod(0o755)
    (folder / "deep" / "up").symlink_to("../words")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "twice").hardlink_to(folder / "words")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\nbytes")).write_bytes(bytes(range(256)))
    (folder / "deep").chmod(0o555)
    return folder


def seen(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name, mode = str(path.relative_to(folder)), stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = (mode, None if path.is_dir() else path.read_bytes())
    return found


def test_what_was_packed_arrives(data: Path, tmp_path: Path, unpack: ModuleType) -> None:
    archive = tmp_path / "archive"
    with archive.open("wb") as file:
        assert pack(data, file) == digest(data)
    unpack.unpack(str(archive), str(tmp_path / "there"))
    assert seen(tmp_path / "there") == seen(data)
    assert not archive.exists()
    assert digest(tmp_path / "there") == digest(data)


def test_rights_beyond_permissions_do_not_travel(data: Path, tmp_path: Path, unpack: ModuleType) -> None:
    (data / "words").chmod(0o4755)
    with (tmp_path / "archive").open("wb") as file:
        pack(data, file)
    unpack.unpack(str(tmp_path / "archive"), str(tmp_path / "there"))
    assert stat.S_IMODE((tmp_path / "there" / "words").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "words").write_text("one  wo\n"),
        lambda folder: (folder / "words").chmod(0o600),
        lambda folder: (folder / "words").rename(folder / "word"),
        lambda folder: (folder / "more").touch(),
        lambda folder: (folder / "more").mkdir(),
        lambda folder: ((folder / "dangling").unlink(), (folder / "dangling").symlink_to("words")),
    ],
)
def test_the_digest_changes_with_all_that_an_environment_would_see(
    data: Path, change: Callable[[Path], object]
) -> None:
    before = digest(data)
    change(data)
    assert digest(data) != before


def test_the_digest_is_blind_to_time_and_place(data: Path, tmp_path: Path) -> None:
    before = digest(data)
    os.utime(data / "words", (1, 1))
    assert digest(data.rename(tmp_path / "moved")) == before


@pytest.mark.parametrize("folder", ["/etc", "..", "data/../..", "", "a\0b"])
def test_a_folder_elsewhere_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="expected a path below the suite's own folder"):
        inside(tmp_path, folder)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "away").symlink_to("/etc")
    (tmp_path / "circle").symlink_to("circle")
    for name, why in (
        ("none", "none cannot be read: No such file or directory"),
        ("file", "file is not a folder"),
        ("away", "away is a link that leaves the suite's own folder"),
        ("circle", "circle cannot be read: "),
    ):
        with pytest.raises(Unfit) as caught:
            inside(tmp_path, name)
        assert why in str(caught.value)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "deep/../../outside", ".."])
def test_a_link_that_leaves_the_folder_is_refused(data: Path, target: str) -> None:
    (data / "away").symlink_to(target)
    with pytest.raises(Unfit, match="away is a link that leaves the folder, to "):
        digest(data)


def test_a_link_that_leaves_the_folder_through_another_link_is_refused(data: Path) -> None:
    (data / "deep").chmod(0o755)
    (data / "deep" / "s").symlink_to("..")
    digest(data)
    (data / "deep" / "l").symlink_to("s/../../x")  # by its words alone: deep/../x, by its way: out
    with pytest.raises(Unfit, match="deep/l is a link that leaves the folder, to "):
        digest(data)


def test_a_link_within_a_folder_that_is_itself_reached_by_a_link_is_carried(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to("data")
    assert digest(tmp_path / "other") == digest(data)


def test_what_is_neither_file_folder_nor_link_is_refused(data: Path) -> None:
    os.mkfifo(data / "pipe")
    with pytest.raises(Unfit, match="pipe is neither a file, a folder nor a link"):
        digest(data)
    (data / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(data / "s"))
        with pytest.raises(Unfit, match="s is neither"):
            digest(data)


def test_a_huge_folder_is_refused_before_it_is_read(data: Path) -> None:
    with (data / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(Unfit, match=r"it holds more than 10000 files or 64 MiB"):
        digest(data)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    for number in range(carrying.MOST_ENTRIES + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(Unfit, match=r"it holds more than 10000 files or 64 MiB"):
        digest(tmp_path)


# --- from the suite to the trial --------------------------------------------------------------------------------


@pytest.fixture
def written(data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    return path


def test_a_suite_as_loaded_knows_the_digest(written: Path, data: Path) -> None:
    suite = suites.load(str(written))
    (record,) = suites.benchmark_records(suite)
    assert record.settings["folder"] == "data"
    assert record.settings["folder_digest"] == digest(data)
    assert suite.folder == written.parent


def test_a_folder_that_is_not_fit_is_said_with_file_and_benchmark(written: Path) -> None:
    written.write_text(SUITE.replace('"data"', '"none"'))
    with pytest.raises(SuiteError) as caught:
        suites.load(str(written))
    assert caught.value.message == f"{written}: app.cat: folder: none cannot be read: No such file or directory"


def test_content_that_was_fixed_is_enforced(written: Path, data: Path) -> None:
    written.write_text(SUITE.replace('"data"', f'"data", folder_digest = "{digest(data)}"'))
    suites.load(str(written))
    (data / "words").write_text("other\n")
    with pytest.raises(SuiteError, match="folder: data has the digest sha256:"):
        suites.load(str(written))


@EVERYWHERE
def test_the_command_runs_in_its_folder_and_may_write_there(start: Start, data: Path) -> None:
    script = "cat deep/up words > both && test -x deep/go && ./deep/go && wc -l < both"
    counted = command("sh", "-c", script, folder="data", regex=r"^(\d+)$", unit="1", better="lower")
    assert set(measure(counted.anchored(data.parent), start).samples["value"]) == {2.0}
    assert not (data / "both").exists()


def test_a_folder_that_changed_during_the_run_fails_the_trial(start: Start, data: Path) -> None:
    loaded = command("true", folder="data").anchored(data.parent)
    (data / "words").write_text("other\n")
    assert failure(loaded, start).message == "data was changed since the run began"


def test_a_folder_that_went_away_fails_the_trial(start: Start) -> None:
    assert failure(command("true", folder="gone"), start).message.startswith("folder: gone cannot be read")


def test_a_run_is_gone_on_with_only_with_the_folder_that_it_began_with(written: Path, data: Path) -> None:
    suite = suites.load(str(written))
    plan, records = plans.make(suite), suites.benchmark_records(suite)
    arms = suites.environment_records(suite)
    manifest = a_manifest(
        suite_text=suite.text, plan=plan, environments=arms, benchmarks=records, blocks=1, seed=plan.seed
    )
    manifest = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    assert suite_of(manifest, suites.load(str(written)), NOTHING_SECRET).folder == written.parent
    with pytest.raises(RunFolderError) as caught:
        suite_of(manifest, None, NOTHING_SECRET)
    assert caught.value.message.endswith("its suite has files of its own beside it")
    assert caught.value.hint == "give SUITE as well: `vbench run SUITE --resume RUN`"
    (data / "words").write_text("other\n")
    with pytest.raises(RunFolderError, match=r"the settings or files of app\.cat are not those"):
        suite_of(manifest, suites.load(str(written)), NOTHING_SECRET)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('"command"', "benchmarks[0].argv: missing"),
        ('{kind = "command", argv = ["true"]}', "benchmarks[0].name: missing"),
        ('{kind = "command", name = "app", argv = ["true"]}', "benchmarks[0].name: 'app' has no family"),
        ('{kind = "command", name = "app.", argv = ["true"]}', "benchmarks[0].name: 'app.' has no family"),
        ('{kind = "command", name = "cpu.mine", argv = ["true"]}', "benchmarks[0].name: the family 'cpu' is vbench's"),
        ('{kind = "command", name = 3, argv = ["true"]}', "benchmarks[0].name: 3 cannot be a name"),
        ('{kind = "command", name = "app.x"}', "benchmarks[0].argv: missing"),
        ('{kind = "command", name = "app.x", argv = "true"}', "benchmarks[0].argv: expected a list, got a text"),
        ('{kind = "command", name = "app.x", argv = ["a"], regexp = "(a)"}', "benchmarks[0].regexp: unknown key"),
        ('{kind = "command", name = "app.x", argv = ["a"], regex = "("}', "benchmarks[0]: regex: cannot be read"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_its_path(entry: str, message: str) -> None:
    text = SUITE.replace('{kind = "command", name = "app.cat", argv = ["cat", "words"], folder = "data"}', entry)
    with pytest.raises(SuiteError) as caught:
        suites.parse(text, source="s.toml")
    assert message in caught.value.message


def test_a_command_may_be_of_the_family_command() -> None:
    assert "command.x" in suites.parse(SUITE.replace("app.cat", "command.x"), source="s").benchmarks
