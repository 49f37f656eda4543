"""`-o` writes as a shell's `>` would, and never into what a run or a validation left."""

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.folders import stored
from tests.unit.runs import make_run
from vbench.cli import target
from vbench.cli.export import export
from vbench.cli.report import report
from vbench.errors import RunFolderError, UsageError

COMMANDS = {
    "report": (report, "md"),
    "costs": (report, "csv"),
    "csv": (export, "csv"),
    "ndjson": (export, "ndjson"),
    "openmetrics": (export, "openmetrics"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("results"), make_run(blocks=2))


def wrote(folder: Path, name: str, output: Path) -> Result:
    command, kind = COMMANDS[name]
    words = [str(folder), "--format", kind, "-o", str(output)]
    return CliRunner().invoke(command, words, catch_exceptions=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_is_written_to_and_stays_a_pipe(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a writer too, so that opening waits for nobody
    try:
        os.set_blocking(reader, True)
        plain = tmp_path / "plain"
        wrote(folder, name, plain)
        expected = plain.read_bytes()
        assert len(expected[:4096]) > 0
        child = os.fork()
        if child == 0:
            left = len(expected)
            while left:
                left -= len(os.read(reader, 65536))
            os._exit(0)
        assert wrote(folder, name, path).stdout == f"{path}\n"
        assert os.waitpid(child, 0)[1] == 0
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["pipe", "plain"]


def test_a_device_stays_a_device() -> None:
    before = Path("/dev/null").stat()
    with target.file(Path("/dev/null")) as path:
        path.write_bytes(b"x")
        assert path != Path("/dev/null")
    assert not path.exists()
    assert Path("/dev/null").stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(folder: Path, tmp_path: Path, name: str, *, there: bool) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    if there:
        real.write_text("old")
    assert wrote(folder, name, link).stdout == f"{link}\n"
    assert link.is_symlink()
    assert real.read_text() not in ("", "old")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("place", ["journal.jsonl", "raw/x", "new/x"])
def test_no_run_folder_is_written_to_its_own_or_another(folder: Path, tmp_path: Path, name: str, place: str) -> None:
    other = stored(tmp_path, make_run(blocks=1))
    (tmp_path / "link").symlink_to(other)
    for path in (folder / place, other / place, tmp_path / "link" / place):
        before = {found: found.is_file() and found.read_bytes() for found in path.parents[0].glob("*")}
        with pytest.raises(UsageError, match="is inside the run folder"):
            wrote(folder, name, path)
        assert {found: found.is_file() and found.read_bytes() for found in path.parents[0].glob("*")} == before


@pytest.mark.parametrize("kind", ["pyperf", "parquet"])
def test_no_tables_go_into_the_folder_of_another_run(folder: Path, tmp_path: Path, kind: str) -> None:
    other = stored(tmp_path, make_run(blocks=1))
    with pytest.raises(UsageError, match="is inside the run folder"):
        CliRunner().invoke(export, [str(folder), "--format", kind, "-o", str(other)], catch_exceptions=False)


@pytest.mark.parametrize("left", ["journal", "manifest"])
def test_a_run_folder_is_one_where_a_part_of_it_is_damaged_or_lost(tmp_path: Path, left: str) -> None:
    (tmp_path / "manifest.json").write_text("{" if left == "journal" else '{"run_id": "x"}')
    if left == "journal":
        (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(UsageError, match="is inside the run folder"):
        target.folder(tmp_path)


def test_a_validation_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text("{}")
    with pytest.raises(UsageError, match="is inside the validation's folder"):
        target.folder(tmp_path / "below")


def test_a_manifest_of_something_else_forbids_nothing(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with target.file(tmp_path / "page.html") as path:
        path.write_text("x")
    assert (tmp_path / "page.html").read_text() == "x"


def test_links_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(RunFolderError, match="cannot be written"), target.file(tmp_path / "a"):
        pass
