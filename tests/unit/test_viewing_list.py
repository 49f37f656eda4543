"""The list of runs and reports: read at a glance, whatever lies in the folders."""

import json
from pathlib import Path

import pytest

from tests.unit.program import Vbench
from tests.unit.runs import BIDI
from tests.unit.viewed import another, filled
from vbench.errors import RunFolderError
from vbench.serving import counting
from vbench.serving.runs import leads_out, summaries, summary
from vbench.serving.site import Site


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return filled(tmp_path / "results")


def test_runs_come_newest_first_and_what_is_damaged_last_with_its_reason(results: Path) -> None:
    another(results, "later", started="2026-03-02T03:04:05+00:00")
    another(results, "earlier", started="2025-03-02T03:04:05+00:00")
    found = summaries(results)
    assert [run.name for run in found] == ["later", "small-20260102T030405Z-9f3c", "earlier", "broken"]
    assert found[-1].state == "damaged"
    assert "manifest.json cannot be read" in found[-1].problem


def test_a_summary_counts_the_journal_without_being_fooled_by_what_is_in_it(results: Path) -> None:
    another(results, "later", started="2026-03-02T03:04:05+00:00", state=None, day="monday")
    run = summaries(results)[0]
    assert (run.state, run.duration_s, run.blocks, run.blocks_begun) == ("running", None, 2, 2)
    assert (run.measured, run.failed, run.skipped) == (2, 1, 1)
    assert run.tags == {"day": "monday"}


@pytest.mark.parametrize("chunk", [1, 7, 33, 64, 1000])
def test_counts_do_not_depend_on_where_chunks_end(results: Path, chunk: int) -> None:
    folder = another(results, "later", started="2026-03-02T03:04:05+00:00")
    assert counting.count(folder, chunk_b=chunk) == counting.Trials(measured=2, failed=1, skipped=1, blocks=2)


def test_blocks_that_no_run_has_are_not_kept(results: Path) -> None:
    folder = another(results, "later", started="2026-03-02T03:04:05+00:00")
    with (folder / "journal.jsonl").open("ab") as journal:
        journal.writelines(b'{"trial":{"block":%d,' % number for number in range(10**8, 10**8 + 1000))
    assert counting.count(folder) == counting.Trials(measured=2, failed=1, skipped=1, blocks=2)


def test_a_run_without_a_journal_has_unknown_counts(results: Path) -> None:
    folder = another(results, "later", started="2026-03-02T03:04:05+00:00")
    (folder / "journal.jsonl").unlink()
    run = summaries(results)[0]
    assert (run.measured, run.blocks_begun) == (None, None)
    assert "journal.jsonl is missing" in run.problem


@pytest.mark.parametrize("started", ["", "yesterday", "\x1b[31m", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00"])
def test_a_start_that_cannot_be_meant_breaks_no_list(results: Path, started: str) -> None:
    another(results, "odd", started=started)
    assert "odd" in [run.name for run in summaries(results)]


def test_a_link_out_of_the_folder_is_not_followed(results: Path, tmp_path: Path) -> None:
    outside = another(tmp_path / "elsewhere", "foreign", started="2026-03-02T03:04:05+00:00")
    (results / "link").symlink_to(outside)
    run = next(run for run in summaries(results) if run.name == "link")
    assert (run.state, run.problem) == ("damaged", "a link that leads out of its folder")


@pytest.mark.parametrize("target", ["link", "nothing", "../nothing"])
def test_a_link_to_itself_or_to_nothing_leads_nowhere(results: Path, target: str) -> None:
    (results / "link").symlink_to(target)
    assert leads_out(results / "link")
    assert summary(results / "link").state == "damaged"
    assert Site(results, results).answer("/runs/link").status == 403


def test_no_folder_is_no_run_and_a_file_is_an_error(tmp_path: Path) -> None:
    assert summaries(tmp_path / "none") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be listed: Not a directory"):
        summaries(tmp_path / "file")


def test_list_runs_prints_words_or_json(vbench: Vbench, results: Path) -> None:
    another(results, "later", started="2026-03-02T03:04:05+00:00", state=None, day="monday")
    status, said, complained = vbench("list", "runs")
    assert (status, complained) == (0, "")
    first, second, *_ = said.splitlines()
    assert first.split() == ["later", "running", "2026-03-02T03:04:05+00:00", "–", "2", "blocks"]
    assert second.strip() == "bare, control, runc · 2 measured, 1 failed, 1 skipped · day=monday"
    rows = json.loads(vbench("list", "runs", "-o", "json").stdout)
    assert [row["name"] for row in rows] == ["later", "small-20260102T030405Z-9f3c", "broken"]
    assert rows[2]["measured"] is None


def test_list_runs_shows_hostile_names_safely(vbench: Vbench, results: Path) -> None:
    another(results, "odd", started="\x1b[31m", tag="\x1b]0;title\a" + BIDI)
    (results / "red\x1b[31m\nname").mkdir()
    said = vbench("list", "runs").stdout
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "red\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}name" in said


def test_list_runs_says_how_to_make_the_first(vbench: Vbench) -> None:
    status, said, complained = vbench("list", "runs")
    assert (status, said) == (0, "")
    assert "`vbench run SUITE` makes one" in complained
    assert vbench("list", "runs", "-o", "json").stdout == "[]\n"
