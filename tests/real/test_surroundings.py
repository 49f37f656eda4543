"""Odd encodings, homes, working folders and names of files: each verb ends as it always ends."""

import os
from pathlib import Path

import pytest

from tests.real import verbs
from tests.real.program import suite
from tests.real.surroundings import POSIX, REST, STREAMS, Surrounding, end
from tests.real.verbs import Command
from vbench import store

NO_UTF_8 = os.fsdecode(b"\xff\xfe")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[Command]:
    return verbs.commands(tmp_path_factory.mktemp("surroundings"))


@pytest.mark.parametrize("name", REST)
def test_a_verb_ends_as_it_always_does(
    request: pytest.FixtureRequest, name: str, commands: list[Command], tmp_path: Path
) -> None:
    verbs.prove(request.config, commands, REST[name], tmp_path, own=list(REST).index(name) + len(STREAMS))


def test_files_are_utf_8_in_a_locale_of_another_encoding(tmp_path: Path) -> None:
    (scratch := tmp_path / "scrätch").mkdir()
    small = suite(tmp_path, benchmarks='"cpu.hash"', scratch=scratch)
    words = ("run", "-q", small, "--tag", "size=größer", "--results", str(tmp_path / "ü"))
    ended = end(words, Surrounding(env=POSIX), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "ü").iterdir()
    assert store.read_manifest(run).tags == {"size": "größer"}


def test_a_suite_whose_name_is_not_utf_8_runs(tmp_path: Path) -> None:
    small = Path(suite(tmp_path, benchmarks='"cpu.hash"')).rename(tmp_path / f"{NO_UTF_8}.toml")
    ended = end(("run", "-q", str(small), "--results", "results"), Surrounding(), tmp_path)
    assert ended.status == 0, ended.said
    (run,) = (tmp_path / "results").iterdir()
    assert "??.toml" in store.read_manifest(run).command[2]


@pytest.mark.parametrize("words", [("run", "x", "--results", NO_UTF_8), ("report", "x", "-o", NO_UTF_8)])
def test_a_folder_whose_name_is_not_utf_8_is_refused_first(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = end(words, Surrounding(), tmp_path)
    assert ended.status == 2
    assert "a name that is not UTF-8" in ended.said
