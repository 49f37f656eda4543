"""A run folder that is larger than any run leaves it costs neither time nor memory, and says what is too large."""

import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.program import Vbench
from tests.unit.small_folders import CLEAN, METRICS, a_manifest, a_trial, edited, written
from vbench import store
from vbench import suite as suites
from vbench.errors import RunFolderError, SuiteError
from vbench.frames import checking
from vbench.host import proc
from vbench.model import MOST_CELLS, BenchmarkRecord, EnvironmentRecord, Failed, Measured, State
from vbench.reasons import Reason, ReasonKind
from vbench.serving import counting
from vbench.serving.runs import summary
from vbench.serving.site import Site
from vbench.store import bounds, journal, sums

MIB = 2**20
NAME = "small-20260102T030405Z-9f3c"


def sparse(path: Path, size: int) -> None:
    """A file of this size that takes no room."""
    path.touch()
    path.chmod(0o644)
    os.truncate(path, size)


@pytest.fixture
def memory() -> Iterator[Callable[[], int]]:
    """The most that Python held since the test began, in B."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@contextmanager
def deep(folder: Path) -> Iterator[None]:
    """A file below more folders than Python's stack has levels, in a path as long as the kernel takes."""
    inside = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inside)
        below = os.open("d", os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(os.open("stranger", os.O_CREAT | os.O_WRONLY, dir_fd=inside))
    os.close(inside)
    yield
    proc.run(["rm", "-rf", str(folder / "d")], timeout_s=60).check()  # shutil's rmtree calls itself for each level


# --- the journal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"crc":"00000000","void":{}}\n'])
def test_damaged_lines_are_counted_and_not_kept(tmp_path: Path, memory: Callable[[], int], line: bytes) -> None:
    path, count = tmp_path / "journal.jsonl", 30_000  # 1 MiB is less than the warnings of a third of them
    path.write_bytes(line * count + journal.line(a_trial()))
    before = memory()
    entries, warnings = journal.read(path)
    assert entries == [a_trial()]
    assert len(warnings) == bounds.NAMED + 1
    assert warnings[0] == "journal.jsonl line 1 is damaged: its trial was dropped"
    assert warnings[-1] == f"{count - bounds.NAMED} more lines of journal.jsonl are damaged"
    assert memory() - before < MIB


def test_a_journal_of_more_lines_than_a_run_has_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LINES", 3)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(journal.line(a_trial(block)) for block in range(3)))
    assert len(journal.read(path)[0]) == 3
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(RunFolderError, match="more than 3 lines: this is not a journal") as caught:
        journal.read(path)
    assert caught.value.hint == bounds.FOREIGN


def test_trials_of_blocks_that_no_run_has_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worked out of n blocks takes memory and time by more than n."""
    monkeypatch.setattr(bounds, "ATTEMPTS", 3)
    folder = written(tmp_path, state=None)
    kept = [a_trial(0), a_trial(1), a_trial(bounds.BLOCKS)]
    more = [a_trial(bounds.BLOCKS + 1), a_trial(-1), a_trial(2), a_trial(3)]
    (folder / "journal.jsonl").write_bytes(b"".join(map(journal.line, [*kept, *more, kept[0]])))
    run = store.load(folder)
    assert run.trials == (*kept, kept[0])
    assert any("4 entries of unknown" in warning for warning in run.warnings)


@pytest.mark.parametrize("size", [bounds.LINE_B + 1, 20 * 2**30])
def test_a_journal_of_nothing_is_refused_at_once(tmp_path: Path, size: int, memory: Callable[[], int]) -> None:
    folder = written(tmp_path, state=None)
    (folder / "journal.jsonl").write_bytes(b"")
    sparse(folder / "journal.jsonl", size)
    before = memory()
    with pytest.raises(RunFolderError, match=r"larger than (16 MiB|8 GiB)"):
        store.load(folder)
    assert memory() - before < 3 * bounds.LINE_B


def test_a_run_with_an_endless_journal_is_not_resumed(tmp_path: Path) -> None:
    folder = written(tmp_path, state=State.PARTIAL)
    sparse(folder / "journal.jsonl", 20 * 2**30)
    with pytest.raises(RunFolderError, match=r"journal.jsonl is larger than 8 GiB"):
        store.reopen(folder, clean=CLEAN)


def test_a_trial_of_too_many_samples_fails_and_can_be_read_again(tmp_path: Path) -> None:
    many = Measured({"time": (0.1234567890123456789,) * 1_000_000})
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        writer.append(a_trial(outcome=many))
        writer.append(a_trial(2))
    first, second = store.load(writer.folder).trials
    assert first.outcome == Failed(Reason(ReasonKind.TOO_LARGE))
    assert second == a_trial(2)


def test_the_largest_trial_of_the_stores_benchmark_fits_many_times() -> None:
    assert len(journal.line(a_trial(outcome=Measured({"time": (0.12345678901234567,) * 10_000})))) * 50 < bounds.LINE_B


# --- the manifest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"suite_text": "x" * bounds.ABOUT_B}, "manifest.json is larger than 8 MiB"),
        ({"environments": [{"name": "bare", "kind": "x", "settings": {"a": [[]] * 3_000_000}}]}, "larger than 8 MiB"),
        ({"plan": {"x": "x" * bounds.PLAN_B}}, "the plan is larger than 32 MiB"),
    ],
    ids=["text", "settings", "plan"],
)
def test_a_part_of_a_manifest_that_is_too_large_is_refused(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    folder = edited(written(tmp_path, state=None), **changes)
    with pytest.raises(RunFolderError, match=words) as caught:
        store.read_manifest(folder)
    assert caught.value.hint == bounds.FOREIGN


def test_a_manifest_of_more_checksums_than_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "CHECKSUMS", 3)
    folder = written(tmp_path)
    with pytest.raises(RunFolderError, match="names more than 3 files"):
        store.read_manifest(folder)


def test_more_comparisons_than_a_report_has_room_for_are_refused_when_read_and_when_planned(tmp_path: Path) -> None:
    arms, names = [f"a{number}" for number in range(300)], [f"cpu.b{number}" for number in range(300)]
    manifest = a_manifest(
        baseline="a0",
        environments=tuple(EnvironmentRecord(arm, "fake", {}) for arm in arms),
        benchmarks=tuple(BenchmarkRecord(name, "cpu.hash", {}, METRICS) for name in names),
    )
    with store.create(tmp_path, manifest, clean=CLEAN) as writer, pytest.raises(RunFolderError, match="90,000 compar"):
        store.load(writer.folder)
    suite = f"""
        name = "many"
        benchmarks = [{", ".join(f'{{kind = "cpu.hash", name = "{name}"}}' for name in names)}]
        [method]
        baseline = "a0"
        trial = 1
        warmup = 1
        budget = 1
        blocks = 1
    """ + "".join(f'[environments.{arm}]\nkind = "fake"\n' for arm in arms)
    with pytest.raises(SuiteError, match="90,300 comparisons, at most 20,000") as caught:
        suites.parse(suite, source="many.toml")
    assert caught.value.hint == "split the suite"


def test_the_largest_run_that_vbench_is_made_for_fits() -> None:
    assert MOST_CELLS > 40 * 40 * 5


# --- other files -----------------------------------------------------------------------------------------------------


def test_facts_that_are_too_large_are_a_warning(tmp_path: Path) -> None:
    folder = written(tmp_path, state=None)
    sparse(folder / "facts" / "runc.json", 60 * 2**30)
    run = store.load(folder)
    assert run.facts["runc"] == {}
    assert any("runc.json is larger than 1 MiB" in warning for warning in run.warnings)


@pytest.mark.parametrize(
    ("name", "limit"), [("raw/tool.json", "64 MiB"), ("facts/bare.json", "1 MiB"), ("samples.parquet", "8 GiB")]
)
def test_a_huge_file_with_a_checksum_is_not_read(tmp_path: Path, name: str, limit: str) -> None:
    folder = edited(written(tmp_path, state=None), checksums={name: "0" * 64})
    sparse(folder / name, 60 * 2**30)
    said = [f"{name!r} was changed after the run: it is larger than {limit}"]
    assert list(sums.changed(folder, store.read_manifest(folder))) == said


def test_many_large_files_are_not_read_together(tmp_path: Path) -> None:
    checksums = {f"raw/{'./' * number}tool.json": "0" * 64 for number in range(1100)}
    folder = edited(written(tmp_path, state=None), checksums=checksums)
    sparse(folder / "raw" / "tool.json", 60 * MIB)
    said = ["the files are more than 64 GiB, so their checksums were not looked at"]
    assert list(sums.changed(folder, store.read_manifest(folder))) == said


def test_tables_are_not_made_again_where_the_journals_checksum_was_not_looked_at(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "manifest.json").chmod(0o644)
    checksums = store.read_manifest(folder).checksums
    for number in range(1100):
        checksums[f"raw/{'./' * number}tool.json"] = "0" * 64
    sparse(edited(folder, checksums=checksums) / "raw" / "tool.json", 60 * MIB)
    with pytest.raises(RunFolderError, match="the journal is not what the run left"):
        checking.rebuild(folder)


def test_raw_output_is_cut_to_what_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "RAW_B", 5)
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        assert (writer.folder / writer.raw("tool.json", b"12345678")).read_bytes() == b"12345"
        writer.finish(State.COMPLETE)
    assert not any("changed" in warning for warning in store.load(writer.folder).warnings)


def test_strangers_in_a_folder_are_counted_however_many_and_however_deep(tmp_path: Path) -> None:
    folder = written(tmp_path)
    for number in range(bounds.NAMED + 7):
        (folder / "raw" / f"z{number:03}").touch()
    with deep(folder):
        said = list(sums.strangers(folder, store.read_manifest(folder)))
    assert len(said) == bounds.NAMED + 1
    assert said[-1] == "8 more files or links are not of this run"


# --- the list and its pages ------------------------------------------------------------------------------------------


def test_a_large_run_is_listed_without_counting_it(tmp_path: Path, vbench: Vbench) -> None:
    folder = written(tmp_path / "results", state=None)
    sparse(folder / "journal.jsonl", counting.MOST_B + 1)
    found = summary(folder)
    assert (found.state, found.suite, found.measured) == ("running", "small", None)
    assert found.problem == "its journal of 256 MiB is too large for a list"
    assert "too large for a list" in vbench("list", "runs").stdout
    assert json.loads(vbench("list", "runs", "-o", "json").stdout)[0]["measured"] is None


@pytest.mark.parametrize("name", ["journal.jsonl", "raw/tool.json"])
def test_a_run_too_large_to_be_shown_says_how_to_report_it(tmp_path: Path, name: str) -> None:
    folder = edited(written(tmp_path, state=None), checksums={"raw/tool.json": "0" * 64})
    sparse(folder / name, 20 * 2**30)
    answer = Site(tmp_path, tmp_path).answer(f"/runs/{NAME}")
    assert answer.status == 500
    assert b"This run is too large to be shown" in answer.body
    assert f"`vbench report {folder}` makes a file of it" in answer.body.decode()


def test_the_list_is_answered_while_a_page_is_made(tmp_path: Path) -> None:
    written(tmp_path)
    site = Site(tmp_path, tmp_path)
    with site._making:
        assert site.answer("/").status == 200
    assert site.answer(f"/runs/{NAME}").status == 200


def test_a_run_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    folder = written(tmp_path)
    site = Site(tmp_path, tmp_path)
    site.answer("/")
    folder.rename(tmp_path / "other")
    site.answer("/")
    assert [path.name for path in site._summaries] == ["other"]
