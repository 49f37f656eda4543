"""A folder is abandoned only where its owner is known to be dead and no other user could have changed it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.leftovers import HOST, NEVER, ODD, folder_of, owner
from vbench.testbed.undo import abandoned


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    return folder_of(tmp_path, owner(**NEVER))


def test_a_living_runs_folder_is_not_abandoned_and_a_dead_ones_is(tmp_path: Path) -> None:
    living = folder_of(tmp_path, owner(), "vbench-living")
    dead = folder_of(tmp_path, owner(**NEVER), "vbench-dead")
    reused = folder_of(tmp_path, owner(started=1), "vbench-reused-pid")
    assert abandoned(HOST, tmp_path) == (dead, reused)
    assert living.exists()


OWNERS = [
    *("", "{}", "[]", "7", "null", "{", '{"pid": "x"}', '{"pid": null, "started": 1, "namespace": "n"}', "\udcff"),
    *("[" * 100_000, owner(pid=10**30), owner(pid=-1), owner(pid=1e308), owner(started=-(2**70)), owner(pid=True)),
    *(owner(namespace=["n"]), owner(**NEVER)[:-1], owner(namespace="pid:[1]", **NEVER), owner(**NEVER) + " " * 5000),
]


@pytest.mark.parametrize("text", OWNERS, ids=range(len(OWNERS)))
def test_what_cannot_be_judged_is_left_alone(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "vbench-odd"
    folder.mkdir()
    (folder / "owner.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "vbench-no-owner").mkdir()
    (tmp_path / "vbench-file").write_text("")
    assert abandoned(HOST, tmp_path) == ()


@pytest.mark.parametrize("make", ODD)
def test_an_owner_file_that_is_no_file_of_ours_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "vbench-odd").mkdir()
    make(tmp_path / "vbench-odd" / "owner.json")
    assert abandoned(HOST, tmp_path) == ()


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = folder_of(tmp_path / "elsewhere", owner(**NEVER), "precious")
    (tmp_path / "vbench-link").symlink_to(target)
    assert abandoned(HOST, tmp_path) == ()


def test_a_folder_that_others_can_write_is_left_alone(dead: Path) -> None:
    assert abandoned(HOST, dead.parent) == (dead,)
    dead.chmod(0o777)
    assert abandoned(HOST, dead.parent) == ()


def test_another_users_folder_is_left_alone(dead: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert abandoned(HOST, dead.parent) == ()
