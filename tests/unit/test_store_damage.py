"""A damaged run folder is refused or read with a warning, and what no run ever wrote is refused."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.linting import refuse
from tests.unit.small_folders import CLEAN, a_manifest, a_trial, edited, written
from vbench import benchmarks, store
from vbench.errors import RunFolderError
from vbench.model import (
    SCHEMA,
    BenchmarkRecord,
    Metric,
)
from vbench.store import journal
from vbench.store.reading import BASE_UNITS
from vbench.units import UNITS, base_unit


@given(cut=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_journal_torn_at_any_byte_loses_that_trial_alone(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal.jsonl"
    lines = [journal.line(a_trial(block)) for block in range(1, 6)]
    whole = b"".join(lines)
    kept = whole[: cut % (len(whole) + 1)]
    path.write_bytes(kept)
    trials, warnings = journal.read(path)
    survived, rest = divmod(len(kept), len(lines[0]))
    only_newline_missing = rest == len(lines[0]) - 1
    assert [trial.block for trial in trials] == list(range(1, survived + only_newline_missing + 1))
    assert len(warnings) == (0 if rest == 0 or only_newline_missing else 1)


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_one_damaged_byte_is_seen_and_costs_at_most_the_lines_it_touches(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("bad") / "journal.jsonl"
    data = bytearray(b"".join(journal.line(a_trial(block)) for block in range(1, 6)))
    position = at % len(data)
    data[position] ^= flip
    path.write_bytes(data)
    trials, warnings = journal.read(path)
    touched = 2 if bytes(data).count(b"\n") < 5 and position < len(data) - 1 else 1
    assert 5 - touched <= len(trials)
    assert all(trial == a_trial(trial.block) for trial in trials)
    assert warnings or len(trials) == 5


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, state=None)
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"cpu.hash", b"cpu.hush") + lines[2])
    run = store.load(folder)
    assert [trial.block for trial in run.trials] == [1, 3]
    assert any("line 2 is damaged" in warning for warning in run.warnings)


def test_a_torn_last_line_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, state=None)
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    run = store.load(folder)
    assert len(run.trials) == 2
    assert any("line 3, the last, is torn" in warning for warning in run.warnings)


def test_files_changed_or_missing_after_the_run_are_warnings(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "raw" / "tool.json").chmod(0o644)
    (folder / "raw" / "tool.json").write_text("{}")
    (folder / "facts" / "runc.json").unlink()
    warnings = store.load(folder).warnings
    assert "'raw/tool.json' was changed after the run" in warnings
    assert "'facts/runc.json' is missing, though the manifest has its checksum" in warnings


def test_a_newer_schema_says_which_vbench_is_needed(tmp_path: Path) -> None:
    folder = edited(written(tmp_path, state=None), schema=SCHEMA + 1, environments="unknown shape")
    with pytest.raises(RunFolderError) as caught:
        store.load(folder)
    assert f"schema {SCHEMA + 1}" in caught.value.message
    assert "newer vbench" in caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "1"},
        {"schema": None},
        {"schema": 0},
        {"schema": 10**30},
        {"run_id": "../../x"},
        {"baseline": "nobody"},
        {"baseline": "../x"},
        {"control": "a/b"},
        {"state": "sleeping"},
        {"environments": []},
        {"environments": [{"name": "../../etc/passwd", "kind": "fake", "settings": {}}]},
        {"environments": [{"name": "bare", "kind": "fake", "settings": {}}] * 2},
        {"benchmarks": [{"name": "a/b", "kind": "x", "settings": {}, "metrics": []}]},
        {"benchmarks": [{"name": "a", "kind": "x", "settings": {}, "metrics": [], "of": "../a"}]},
        {"benchmarks": [{"name": "a", "kind": "x", "settings": {}, "metrics": [], "varied": {"k": [1]}}]},
        {"seed": 1e400},
        {"plan": None},
    ],
)
def test_a_manifest_that_no_vbench_wrote_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(RunFolderError):
        store.load(edited(written(tmp_path, state=None), **changes))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../x"},
        {"benchmark": "cpu.none"},
        {"metric": "none"},
        {"arms": ["bare", "nobody"]},
        {"arms": ["bare", "bare"]},
        {"arms": ["bare"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ladder_of_what_the_run_has_not_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    folder = written(tmp_path, state=None)
    manifest = store.load(folder).manifest
    arms = [record.name for record in manifest.environments if record.name != manifest.control]
    (benchmark, *_), baseline = manifest.benchmarks, manifest.baseline
    ladder = {"name": "steps", "benchmark": benchmark.name, "metric": benchmark.metrics[0].name, "arms": arms}
    assert store.load(edited(folder, ladders=[ladder])).manifest.ladders[0].arms == tuple(arms)
    if "arms" in change:
        change = {"arms": [baseline if arm == "bare" else arm for arm in change["arms"]]}  # type: ignore[attr-defined]
    with pytest.raises(RunFolderError, match="cannot be a ladder of this run"):
        store.load(edited(folder, ladders=[ladder | change]))


def test_an_older_folder_has_its_relations_where_this_version_has_them(tmp_path: Path) -> None:
    settings = {"bare": {"on": None, "root": "image"}, "tcg": {"on": "bare", "scratch": 2**30}, "odd": {"on": 3}}
    records = [{"name": name, "kind": "x", "settings": given} for name, given in settings.items()]
    bare, tcg, odd = store.load(edited(written(tmp_path, state=None), environments=records)).manifest.environments
    assert (bare.settings, bare.on, bare.network, bare.storage) == ({"root": "image"}, None, "bridge", "folder")
    assert (tcg.settings, tcg.on, tcg.storage) == ({"scratch": 2**30}, "bare", "disk")
    assert (odd.settings, odd.on, odd.network) == ({"on": 3}, None, None)


UNIT = "<script>alert(1)</script>\u202e\x1b[31m=cmd|x"


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
@pytest.mark.parametrize("unit", [UNIT, "", "ms", "S", "s ", "b/s", "s" * 5000])
def test_a_metric_in_a_unit_that_no_vbench_stores_is_refused(tmp_path: Path, unit: str, schema: int) -> None:
    benchmark = {"name": "cpu.hash", "kind": "x", "settings": {}}
    benchmark["metrics"] = [{"name": "time", "unit": unit, "better": "lower"}]
    with pytest.raises(RunFolderError, match="cannot be a metric's unit") as caught:
        store.load(edited(written(tmp_path, state=None), benchmarks=[benchmark], schema=schema))
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    assert "base units, 1, s, 1/s, B, B/s" in caught.value.hint


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_that_a_suite_may_give_is_read_back(tmp_path: Path, unit: str) -> None:
    metrics = (Metric("value", base_unit(unit)[0], "lower"),)
    manifest = a_manifest(benchmarks=(BenchmarkRecord("cpu.hash", "command", {}, metrics),))
    with store.create(tmp_path, manifest, clean=CLEAN) as writer:
        assert store.read_manifest(writer.folder).benchmarks[0].metrics == metrics


def test_every_metric_of_vbench_is_in_a_unit_that_is_read_back() -> None:
    metrics = [(kind, metric) for kind, made in benchmarks.KINDS.items() for metric in made.metrics]
    refuse(f"{kind}: {metric.name} in {metric.unit}" for kind, metric in metrics if metric.unit not in BASE_UNITS)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema":' + b"9" * 6000 + b"}", b'{"schema":1}', b"\0" * 10],
)
def test_a_manifest_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = written(tmp_path, state=None)
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(RunFolderError):
        store.load(folder)


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "none", tmp_path / "file", tmp_path / "nu\0ll", tmp_path / ("x" * 300)):
        with pytest.raises(RunFolderError) as caught:
            store.load(path)
        assert "run folder" in caught.value.message


def test_links_and_pipes_in_a_run_folder_are_not_followed(tmp_path: Path) -> None:
    folder = written(tmp_path, state=None)
    (folder / "facts" / "runc.json").unlink()
    (folder / "facts" / "runc.json").symlink_to("/etc/passwd")
    (folder / "journal.jsonl").unlink()
    os.mkfifo(folder / "journal.jsonl")
    run = store.load(folder)
    assert run.trials == ()
    assert run.facts["runc"] == {}
    assert {"facts/runc.json is missing", "journal.jsonl is missing: there are no trials"} <= set(run.warnings)


def test_checksums_of_files_outside_the_folder_are_not_taken(tmp_path: Path) -> None:
    folder = edited(written(tmp_path, state=None), checksums={"../../etc/passwd": "0", "/etc/passwd": "0"})
    assert sum("outside its folder" in warning for warning in store.load(folder).warnings) == 2


def test_trials_of_environments_that_the_manifest_does_not_know_are_dropped(tmp_path: Path) -> None:
    with store.create(tmp_path, a_manifest(), clean=CLEAN) as writer:
        writer.append(a_trial(arm="../x"))
        writer.append(a_trial())
    run = store.load(writer.folder)
    assert len(run.trials) == 1
    assert any("1 entries of unknown" in warning for warning in run.warnings)


def test_damaged_facts_are_a_warning(tmp_path: Path) -> None:
    folder = written(tmp_path, state=None)
    (folder / "facts" / "bare.json").write_text("[[[")
    run = store.load(folder)
    assert run.facts["bare"] == {}
    assert any("facts/bare.json was not read" in warning for warning in run.warnings)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_journal_raises(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("junk") / "journal.jsonl"
    path.write_bytes(data)
    assert journal.read(path)[0] == []


def test_the_line_is_the_documented_one() -> None:
    line = msgspec.json.decode(journal.line(a_trial()))
    assert set(line) == {"crc", "trial"}
    assert len(line["crc"]) == 8
