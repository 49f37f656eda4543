"""`vbench check` finds every damage to a run folder, says it in words, and is hurt by none."""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from tests.unit.folders import stored, with_counts, writable
from tests.unit.outcomes import as_sentences
from tests.unit.runs import make_run
from vbench import report, store
from vbench.cli.check import check as command
from vbench.errors import RunFolderError
from vbench.frames import checking, duck, parquet, passing
from vbench.frames.tables import Tables
from vbench.model import SCHEMA, Run, State
from vbench.store import files, journal, sums

COMMITTED = sorted((Path(__file__).parents[2] / "results").glob("quick-*"))
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def run() -> Run:
    return with_counts(replace(make_run(blocks=2), warnings=()))


@pytest.fixture(scope="module")
def kept(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writable(stored(tmp_path_factory.mktemp("kept"), run))


@pytest.fixture
def folder(tmp_path: Path, kept: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(kept, tmp_path / "results" / kept.name))


def checked(*words: str | Path) -> Result:
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def edited(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | changes))


def linked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a changed facts file": (
        lambda f: edited(f / "facts/host.json", b"Intel", b"AMD"),
        "'facts/host.json' was changed",
    ),
    "a missing facts file": (lambda f: (f / "facts/runc.json").unlink(), "'facts/runc.json' is missing, though"),
    "a linked facts file": (lambda f: linked(f / "facts/tcg.json", "/etc/passwd"), "is a link, which was not followed"),
    "a damaged line": (lambda f: edited(f / "journal.jsonl", b'"bare"', b'"bar3"'), "journal.jsonl line 1 is damaged"),
    "a torn line": (lambda f: os.truncate(f / "journal.jsonl", 5000), "the last, is torn"),
    "no journal": (lambda f: (f / "journal.jsonl").unlink(), "journal.jsonl is missing: there are no trials"),
    "a Parquet file cut": (lambda f: os.truncate(f / "samples.parquet", 900), "samples.parquet: it cannot be read"),
    "a Parquet file empty": (lambda f: os.truncate(f / "blocks.parquet", 0), "blocks.parquet: it cannot be read"),
    "a Parquet file gone": (lambda f: (f / "samples.parquet").unlink(), "'samples.parquet' is missing"),
    "another's Parquet": (
        lambda f: shutil.copy(f / "blocks.parquet", f / "samples.parquet"),
        "samples.parquet: it has other columns",
    ),
    "a file more": (lambda f: (f / "raw/more").write_text(""), "'raw/more' is not of this run"),
    "a link more": (lambda f: (f / "raw/out").symlink_to("/etc"), "'raw/out' is a link, which no vbench writes"),
    "a pipe more": (lambda f: os.mkfifo(f / "raw/pipe"), "no regular file"),
    "a name with markup": (lambda f: (f / "raw/<img src=x>").write_text(""), "'raw/<img src=x>' is not of this run"),
    "a name that reorders": (lambda f: (f / "raw/a\u202egnp").write_text(""), "'raw/a\\u202egnp' is not of this run"),
    "a name of escapes": (lambda f: (f / "raw/\x1b[31m\n").write_text(""), "'raw/\\x1b[31m\\n' is not of this run"),
    "a name of no text": (lambda f: Path(os.fsdecode(bytes(f / "raw") + b"/\xff")).write_text(""), "'raw/\\udcff' is"),
    "a file outside": (lambda f: manifest(f, checksums={"../../etc/passwd": ""}), "names a file outside its folder"),
}


def test_a_whole_run_is_whole(folder: Path) -> None:
    result = checked(folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{folder}: whole: " in result.stdout
    assert f"schema {SCHEMA}" in result.stdout


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told_in_words(folder: Path, damage: Damage, words: str) -> None:
    damage(folder)
    result = checked(folder)
    assert result.exit_code == 3
    assert words in result.stdout
    assert all(sign.isprintable() or sign == "\n" for sign in result.stdout)


def test_facts_behind_a_linked_folder_are_not_read(folder: Path, tmp_path: Path) -> None:
    (folder / "facts").rename(tmp_path / "facts")
    (folder / "facts").symlink_to(tmp_path / "facts")
    result = checked(folder)
    assert "'facts' is a link, which no vbench writes" in result.stdout
    assert store.load(folder).host == {}


def test_rows_that_differ_from_the_journal_are_counted(folder: Path, tmp_path: Path, run: Run) -> None:
    trials = tuple(replace(t, wall_s=t.wall_s + 1) if t.block == 1 else t for t in run.trials)
    other = stored(tmp_path / "other", replace(run, trials=trials))
    shutil.copy(other / "blocks.parquet", folder / "blocks.parquet")
    assert "blocks.parquet: 64 of its 192 rows differ from the journal" in checked(folder).stdout


def blocks_with(folder: Path, column: str, change: Callable[[float], float]) -> None:
    """As another vbench, or the same one on another system, would have written the table."""
    blocks = Tables(passing.read(folder)).blocks
    changed = blocks[column].map(change)
    assert not changed.equals(blocks[column])
    blocks[column] = changed
    duck.write(blocks, folder / "blocks.parquet", "parquet")
    sums.renew(folder, ["blocks.parquet"])


@pytest.mark.parametrize("column", ["value", "cost"])
@pytest.mark.parametrize("end", [-math.inf, math.inf])
def test_computed_numbers_may_have_another_last_bit(folder: Path, column: str, end: float) -> None:
    blocks_with(folder, column, lambda value: math.nextafter(value, end))
    assert "whole: " in checked(folder).stdout


@pytest.mark.parametrize(
    ("column", "change"),
    [
        *((column, lambda value: value * (1 + 1e-6)) for column in ("value", "cost")),
        *((column, lambda value: value * (1 - 1e-6)) for column in ("value", "cost")),
        ("cost", lambda value: -value),
        ("cost", lambda value: value * math.inf),
        ("cost", lambda value: math.nan),
        ("cost", lambda value: 1.0 if math.isnan(value) else value),
        ("difference", lambda value: 0.0),
        ("wall_s", lambda value: math.nextafter(value, math.inf)),
    ],
)
def test_other_numbers_are_found(folder: Path, column: str, change: Callable[[float], float]) -> None:
    blocks_with(folder, column, change)
    result = checked(folder)
    assert result.exit_code == 3
    assert "rows differ from the journal" in result.stdout


@pytest.mark.parametrize("committed", COMMITTED, ids=lambda path: path.name)
def test_the_runs_kept_in_git_are_whole(committed: Path) -> None:
    result = checked(committed)
    assert (result.exit_code, result.stderr) == (0, "")


def test_there_are_runs_kept_in_git() -> None:
    assert COMMITTED


@pytest.mark.parametrize("state", [State.PARTIAL, None])
def test_a_run_that_did_not_end_is_no_damage(tmp_path: Path, run: Run, state: State | None) -> None:
    result = checked(stored(tmp_path, run, state=state))
    assert result.exit_code == 0
    assert "what is here is whole" in result.stdout


def test_runs_of_the_first_schema_have_no_tables_and_are_whole(folder: Path, run: Run) -> None:
    whole = report.markdown(store.load(folder))
    for name in parquet.NAMES:
        (folder / name).unlink()
    entries, _ = journal.read(folder / "journal.jsonl")
    (folder / "journal.jsonl").chmod(0o644)
    (folder / "journal.jsonl").write_bytes(b"".join(map(as_sentences, entries)))
    kept = {k: v for k, v in store.read_manifest(folder).checksums.items() if k not in parquet.NAMES}
    kept["journal.jsonl"] = files.digest(folder / "journal.jsonl")
    manifest(folder, schema=1, checksums=kept)
    assert "schema 1" in checked(folder).stdout
    assert report.markdown(store.load(folder)) == whole
    assert "schema 1" in checked("--rebuild", folder).stdout
    assert set(parquet.NAMES) <= set(store.read_manifest(folder).checksums)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": SCHEMA + 1, "environments": "of another shape"}, f"has schema {SCHEMA + 1}"),
        ({"schema": 0}, "has schema 0"),
        ({"schema": "2"}, "cannot be read"),
        ({"run_id": "../../etc"}, "cannot be a run id"),
        ({"baseline": "</script>"}, "cannot be a name"),
        ({"baseline": "gnp\u202e"}, "cannot be a name"),
    ],
)
def test_what_cannot_be_read_at_all_ends_with_2(folder: Path, changes: dict[str, object], words: str) -> None:
    manifest(folder, **changes)
    result = checked(folder)
    assert result.exit_code == 2
    assert words in result.stderr


def test_several_runs_are_all_checked_and_the_worst_gives_the_code(folder: Path, tmp_path: Path, kept: Path) -> None:
    (folder / "journal.jsonl").unlink()
    assert checked(kept, folder).exit_code == 3
    result = checked(tmp_path, folder, kept)
    assert result.exit_code == 2
    assert "whole: " in result.stdout and "problem" in result.stdout and "no manifest.json" in result.stderr


# --- rebuilding -----------------------------------------------------------------------------------------------------


def test_broken_tables_are_made_again_from_the_journal(folder: Path) -> None:
    digests = store.read_manifest(folder).checksums
    os.truncate(folder / "samples.parquet", 10)
    (folder / "blocks.parquet").unlink()
    assert checked("--rebuild", folder).exit_code == 0
    found = store.read_manifest(folder)
    assert found.checksums.keys() == digests.keys()
    unchanged = digests.keys() - set(parquet.NAMES)
    assert {name: found.checksums[name] for name in unchanged} == {name: digests[name] for name in unchanged}
    assert all((folder / name).stat().st_mode & 0o222 == 0 for name in (*parquet.NAMES, "manifest.json"))


def test_nothing_is_made_of_a_journal_that_was_changed(folder: Path) -> None:
    edited(folder / "journal.jsonl", b'"bare"', b'"bar3"')
    before = (folder / "samples.parquet").read_bytes()
    result = checked("--rebuild", folder)
    assert result.exit_code == 2
    assert "the journal is not what the run left" in result.stderr
    assert (folder / "samples.parquet").read_bytes() == before


def test_only_complete_runs_have_tables(tmp_path: Path, run: Run) -> None:
    with pytest.raises(RunFolderError, match="only a complete one has tables"):
        checking.rebuild(stored(tmp_path, run, state=State.PARTIAL))


# --- moving ---------------------------------------------------------------------------------------------------------


def test_a_folder_copied_from_elsewhere_reports_identically(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "else" / "where" / folder.name
    shutil.copytree(folder, copy)
    before = _reports(folder)
    monkeypatch.chdir(copy)
    assert _reports(Path()) == before
    assert _reports(copy) == before


def _reports(folder: Path) -> tuple[str, str, str]:
    run = store.load(folder)
    document = msgspec.json.encode(report.json_document(run)).decode()
    return report.html(run), report.markdown(run), document


def test_without_its_parquet_files_a_run_reports_the_same_and_a_warning(folder: Path) -> None:
    before = report.markdown(store.load(folder))
    os.truncate(folder / "samples.parquet", 10)
    after = report.markdown(store.load(folder))
    new = [line for line in after.splitlines() if line not in before.splitlines()]
    assert new == ["> Warning: 'samples.parquet' was changed after the run"]


@pytest.mark.parametrize("name", [".manifest.json.new", ".samples.parquet.new", ".blocks.parquet.new"])
def test_rebuilding_writes_through_no_link_that_somebody_planted(folder: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    (folder / name).symlink_to(victim)
    checked("--rebuild", folder)
    assert victim.read_text() == "precious"
    assert victim.stat().st_mode & 0o777 == 0o600
    assert not os.path.lexists(folder / name)


def test_what_forbids_writing_follows_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "link").symlink_to(victim)
    before = victim.stat().st_mode
    with pytest.raises(OSError, match="link"):
        files.forbid_writing(tmp_path / "link")
    assert victim.stat().st_mode == before


def test_json_says_of_each_run_what_the_words_say(folder: Path, kept: Path) -> None:
    (folder / "facts/runc.json").unlink()
    result = checked(kept, folder, folder / "nothing", "--json")
    assert result.exit_code == 2
    whole, damaged, unreadable = json.loads(result.stdout)
    assert (whole["run"], whole["state"], whole["problems"]) == (str(kept), "whole", [])
    assert (damaged["run"], damaged["state"]) == (str(folder), "damaged")
    assert "facts/runc.json" in damaged["problems"][0]
    assert (unreadable["run"], unreadable["state"]) == (str(folder / "nothing"), "unreadable")
    assert "no run folder is named" in unreadable["problems"][0]
    assert checked(kept, folder, "--json").exit_code == 3
    assert checked(kept, "--json").exit_code == 0
