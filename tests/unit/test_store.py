"""A run folder survives crashes, full disks and damage, and refuses what no run ever wrote."""

import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.outcomes import error
from tests.unit.small_folders import ARMS, CLEAN, a_manifest, a_trial, written
from vbench import store
from vbench.errors import NoSpace, RunFolderError
from vbench.model import EnvironmentRecord, Fact, Failed, Layer, Measured, Skipped, State
from vbench.reasons import Reason, ReasonKind
from vbench.store import files, names

# --- there and back ------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    trials = (
        a_trial(),
        a_trial(arm="runc", outcome=Failed(error("it broke"), "mend it")),
        a_trial(arm="control", outcome=Skipped(error("no fio"))),
    )
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        for arm in ("host", *ARMS):
            writer.facts(arm, {"k": Fact(("a", "b"), "test")})
        for trial in trials:
            writer.append(trial)
        writer.finish(State.COMPLETE)
    run = store.load(writer.folder)
    assert run.trials == trials
    assert run.warnings == ()
    assert run.manifest == writer.manifest
    assert (run.manifest.state, run.manifest.finished is not None) == (State.COMPLETE, True)
    assert run.host == {"k": Fact(("a", "b"), "test")}
    assert set(run.facts) == set(ARMS)


def test_a_complete_run_is_read_only_and_has_every_files_checksum(tmp_path: Path) -> None:
    folder = written(tmp_path)
    stored = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(store.load(folder).manifest.checksums) == stored - {"manifest.json"}
    assert all((folder / name).stat().st_mode & 0o222 == 0 for name in stored)


def test_a_partial_run_stays_writable_and_says_so(tmp_path: Path) -> None:
    folder = written(tmp_path, state=State.PARTIAL)
    assert (folder / "journal.jsonl").stat().st_mode & 0o200
    assert any("before its last block" in warning for warning in store.load(folder).warnings)


def test_a_killed_run_is_read_with_all_its_trials(tmp_path: Path) -> None:
    run = store.load(written(tmp_path, state=None))
    assert len(run.trials) == 3
    assert any("did not end" in warning for warning in run.warnings)


def test_a_run_id_has_suite_time_and_four_digits() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert store.run_id("smoke", at=at).startswith("smoke-20260102T030405Z-")
    assert names.is_run_id(store.run_id("smoke"))
    assert len({store.run_id("smoke", at=at) for _ in range(20)}) > 10


def test_a_record_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        writer.record(EnvironmentRecord("control", "fake", {}, layers=(Layer("metal", "seen"),)))
        assert [e.name for e in store.load(writer.folder).manifest.environments] == list(ARMS)
        assert store.load(writer.folder).manifest.environments[1].layers == (Layer("metal", "seen"),)


def test_raw_files_of_one_name_never_overwrite_each_other(tmp_path: Path) -> None:
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        paths = [writer.raw("fio.json", bytes([n, 255])) for n in range(3)]
        assert paths == ["raw/fio.json", "raw/fio-2.json", "raw/fio-3.json"]
        assert [(writer.folder / path).read_bytes() for path in paths] == [bytes([n, 255]) for n in range(3)]


# --- refusing to write ---------------------------------------------------------------------------------------------


def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(RunFolderError, match="exists already"):
        store.create(tmp_path, a_manifest(), clean=CLEAN)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError) as caught:
        store.create(tmp_path / "file" / "results", a_manifest(), clean=CLEAN)
    assert "cannot be written" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\0b", "a\nb", "x" * 200, "é"]
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunFolderError):
        store.create(tmp_path, a_manifest(run_id=name), clean=CLEAN)
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        with pytest.raises(RunFolderError):
            writer.raw(name, b"")
        with pytest.raises(RunFolderError):
            writer.facts(name, {})
    assert [path.name for path in tmp_path.iterdir()] == [a_manifest().run_id]


def test_a_sample_that_is_no_number_makes_a_failed_trial(tmp_path: Path) -> None:
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        writer.append(a_trial(outcome=Measured({"time": (1.0, float("nan"))})))
    (trial,) = store.load(writer.folder).trials
    assert trial.outcome == Failed(Reason(ReasonKind.NOT_FINITE, value="time"))


def test_a_full_disk_loses_the_trial_being_written_and_no_other(tmp_path: Path) -> None:
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        writer.append(a_trial(1))
        size = (writer.folder / "journal.jsonl").stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
        try:
            with pytest.raises(NoSpace) as caught:
                writer.append(a_trial(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "journal.jsonl" in caught.value.message
        writer.append(a_trial(3))
    run = store.load(writer.folder)
    assert [trial.block for trial in run.trials] == [1, 3]
    assert not any("journal" in warning for warning in run.warnings)


def test_no_space_on_the_device_is_said_plainly() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(NoSpace) as caught:
            files.append_durably(full, b"x", path=Path("journal.jsonl"))
    finally:
        os.close(full)
    assert "No space left" in caught.value.message
    assert "free space" in caught.value.hint


def test_an_atomic_write_that_fails_leaves_the_old_file_and_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    files.write_atomically(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(NoSpace):
            files.write_atomically(path, b"new" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]
