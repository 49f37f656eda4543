"""One measurement at a time on a host: who holds the lock is named, and no death keeps it."""

import os
from pathlib import Path

import pytest

from vbench.errors import HostBusy, UsageError
from vbench.host import lock


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lock"
    monkeypatch.setenv(lock.VARIABLE, str(path))
    return path


def test_a_second_measurement_is_refused_and_told_who_measures(file: Path) -> None:
    with lock.measuring("vbench run smoke"), pytest.raises(HostBusy) as refused, lock.measuring("another"):
        pass
    assert refused.value.exit_code == 4
    assert f"measured by vbench run smoke (process {os.getpid()}, since " in refused.value.message
    assert "--wait" in refused.value.hint
    assert str(file) in refused.value.hint


def test_the_lock_is_free_again_after_every_way_out(file: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lock.measuring("first"):
        raise KeyboardInterrupt
    with lock.measuring("second"):
        assert file.read_text().startswith("second (process ")
    assert file.read_text() == ""


def test_who_waits_is_told_for_whom_and_begins_when_the_other_has_ended(file: Path) -> None:
    first = lock.measuring("vbench validate")
    first.__enter__()
    told: list[str] = []

    def waiting(words: str) -> None:
        told.append(words)
        first.__exit__(None, None, None)

    with lock.measuring("vbench run", wait=True, waiting=waiting):
        assert file.read_text().startswith("vbench run (")
    assert told[0].startswith("waiting for vbench validate (process ")


def test_a_dead_holder_holds_nothing(file: Path) -> None:
    """Killed, it could not clear its words."""
    child = os.fork()
    if child == 0:
        held = lock.measuring("the dead")
        held.__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    assert "the dead" in file.read_text()
    with lock.measuring("the living"):
        assert "the living" in file.read_text()


def test_every_user_can_use_the_lock_that_another_made(file: Path) -> None:
    before = os.umask(0o077)
    try:
        with lock.measuring("mine"):
            assert file.stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


@pytest.mark.parametrize("what", ["folder", "pipe", "link", "lost"])
def test_what_cannot_be_a_lock_is_named(file: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    match what:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "link":
            file.symlink_to(tmp_path / "elsewhere")
        case "lost":
            monkeypatch.setenv(lock.VARIABLE, str(tmp_path / "no" / "such" / "folder"))
    with pytest.raises(UsageError) as refused, lock.measuring("x"):
        pass
    assert "lock" in refused.value.message
    assert lock.VARIABLE in refused.value.hint
    assert not (tmp_path / "elsewhere").exists()


def test_without_the_variable_it_is_a_file_that_all_users_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lock.VARIABLE, raising=False)
    assert lock.path().name == "vbench.lock"
    if os.access("/run/lock", os.W_OK):
        assert lock.path().parent == Path("/run/lock")


@pytest.mark.parametrize("text", ["my thesis", "vbench is good\n" * 40, "x (process 1, since 10:00:00)\nmore", "\0"])
def test_a_file_of_somebody_is_no_lock_and_stays_as_it_is(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match="is somebody's file") as refused, lock.measuring("x"):
        pass
    assert lock.VARIABLE in refused.value.hint
    assert file.read_text() == text


def test_a_holder_of_many_words_leaves_a_lock_that_can_be_taken(file: Path) -> None:
    """Killed, it could not clear them."""
    child = os.fork()
    if child == 0:
        held = lock.measuring("vbench run " + "ü" * 300 + "\n")
        held.__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    assert f"(process {child}, since " in file.read_text(errors="replace")
    with lock.measuring("next"):
        pass


def test_words_of_another_user_do_no_harm_to_a_terminal(file: Path) -> None:
    with lock.measuring("\x1b]0;owned\x07\x9b31m"), pytest.raises(HostBusy) as refused, lock.measuring("another"):
        pass
    assert refused.value.message.isprintable()
