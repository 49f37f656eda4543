"""What a run makes is recorded with the words that remove it, and is removed when its context ends."""

import itertools
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

import pytest

from tests.unit.leftovers import HOST, NAMES, container
from vbench.contracts import Completed, Workplace
from vbench.errors import CommandTimeout, SessionLost, StartFailed, StopFailed
from vbench.host.proc import LocalSession
from vbench.host.processors import Processors
from vbench.testbed.host import HostTestbed, open_testbed
from vbench.testbed.nested import NestedTestbed
from vbench.testbed.undo import recorded, removal, remove, sweep


def opened(scratch: Path) -> AbstractContextManager[HostTestbed]:
    return open_testbed(
        host=HOST, image=None, processors=Processors((0,), (0,)), memory_b=2**20, scratch=scratch, name="x"
    )


def test_a_record_is_there_before_the_thing_and_gone_after_it(tmp_path: Path) -> None:
    thing = tmp_path / "thing"
    with opened(tmp_path) as bed:
        with bed.undo(["rm", str(thing)]):
            assert recorded(HOST, bed.base) == ((removal(["rm", str(thing)]),), ())
            thing.touch()
        assert recorded(HOST, bed.base) == ((), ())
        assert not thing.exists()


def test_a_removal_that_fails_ends_the_run_and_stays_for_clean(tmp_path: Path) -> None:
    """The folders that the thing may use stay too: what removes it finds it through them."""
    scratch, mark = tmp_path / "scratch", tmp_path / "mark"
    scratch.mkdir()
    with (
        pytest.raises(StopFailed, match=f"what `rm {mark}` removes is left: .*No such file") as raised,
        opened(scratch) as bed,
        bed.folder("bundle") as bundle,
        bed.undo(["rm", str(mark)]),
    ):
        pass
    assert raised.value.hint == f"run: rm {mark}"
    (folder,) = scratch.iterdir()
    assert Path(bundle).exists()
    mark.touch()
    assert list(sweep(HOST, folder)) == [f"rm {mark}", str(folder)]
    assert not mark.exists()


def test_a_removal_that_fails_for_a_thing_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, bed.undo(["rm", str(tmp_path / "x")], there=["find", str(tmp_path), "-name", "x"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_thing_that_is_still_there_after_its_removal_failed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with (
        pytest.raises(StopFailed, match="Is a directory"),
        opened(tmp_path) as bed,
        bed.undo(["rm", str(tmp_path / "x")], there=["find", str(tmp_path), "-name", "x"]),
    ):
        pass


def test_a_runtime_that_does_not_end_is_told(tmp_path: Path) -> None:
    class Hanging(LocalSession):
        def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
            raise CommandTimeout(f"{argv[0]} did not end")

    with pytest.raises(StopFailed, match="did not end"):
        remove(Hanging(), container("runc", tmp_path, NAMES[0]))


@pytest.mark.parametrize(
    "words",
    [
        *([], ["./runc"], ["../runc"], ["run c"], [""], ["-runc"], ["/usr/../bin/sh"], ["a\nb"], ["/a/\x07"]),
        *(["rm", "a\nb"], ["rm", "\x1b[2J"], ["rm", "a\0"], ["rm", "x" * 5000], ["rm"] * 65),
    ],
)
def test_what_could_not_be_undone_from_its_record_is_not_begun(tmp_path: Path, words: list[str]) -> None:
    with opened(tmp_path) as bed:
        with pytest.raises(StartFailed, match="cannot be recorded"), bed.undo(words):
            raise AssertionError
        assert not Path(bed.base, "undo.jsonl").exists()


# --- in an environment -------------------------------------------------------------------------------------------


class Beneath(LocalSession):
    """An environment with the image as root, whose commands run here."""

    is_lost = False

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        if self.is_lost:
            raise SessionLost("the environment went away")
        return super().run(argv, timeout_s=timeout_s, stdin=stdin)


class Lost(Beneath):
    is_lost = True


def nested(outer: HostTestbed, kind: type[Beneath] = Beneath) -> NestedTestbed:
    workplace = Workplace(image="1" * 64, scratch=PurePosixPath(outer.base))
    return NestedTestbed(kind(workplace=workplace), outer, itertools.count(2))


def test_in_an_environment_a_removal_that_fails_is_an_error_too(tmp_path: Path) -> None:
    with (
        opened(tmp_path) as bed,
        pytest.raises(StopFailed, match="No such file"),
        nested(bed).undo(["rm", str(tmp_path / "x")]),
    ):
        pass


def test_in_an_environment_a_folder_that_cannot_be_removed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as bed:
        (tmp_path / "bin").mkdir()
        with pytest.raises(StopFailed, match="device busy"), nested(bed).folder("bundle") as folder:
            script = tmp_path / "bin/rm"
            script.write_text("#!/bin/sh\necho device busy >&2; exit 1\n")
            script.chmod(0o755)
            monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
        assert Path(folder).exists()


def test_what_went_with_its_environment_needs_no_removal(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, nested(bed, Lost).undo(["rm", str(tmp_path / "x")]):
        pass


def test_on_the_hosts_own_files_a_stacked_thing_is_recorded_like_every_other(tmp_path: Path) -> None:
    with opened(tmp_path) as bed, bed.within(LocalSession()).undo(["rm", "-f", str(tmp_path / "x")]):
        assert recorded(HOST, bed.base) == ((removal(["rm", "-f", str(tmp_path / "x")]),), ())
