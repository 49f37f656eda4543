"""Exports are read by the tools they are for, lose no digit, and let no name do harm."""

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyperf
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

import vbench
from tests.unit import openmetrics
from tests.unit.folders import stored, with_counts
from tests.unit.runs import BIDI, HOSTILE, gated, make_run
from vbench import exports
from vbench.cli.export import export as command
from vbench.errors import RunFolderError, UsageError
from vbench.exports import FORMATS
from vbench.exports.csv import safe
from vbench.frames.columns import TABLES
from vbench.host import proc
from vbench.model import Ladder, Measured, Metric, Run, State, Trial
from vbench.store import journal

FORMULA = '=HYPERLINK("http://evil","x")'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = with_counts(gated(make_run()))
    ladder = Ladder("call", "syscall.getpid", "latency", ("bare", "runc", "tcg"))
    run = replace(run, manifest=replace(run.manifest, ladders=(ladder,)))
    return stored(tmp_path_factory.mktemp("results"), run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("hostile"), with_hostile_metrics(make_run(blocks=2)))


def with_hostile_metrics(run: Run) -> Run:
    """Names of metrics and reasons come from users' commands: nothing restrains them."""
    first, *others = run.manifest.benchmarks
    names = (FORMULA, HOSTILE, f"{BIDI}\x1b[31m", 'q"uo\\te,\n;', "@x", "\t-x")
    metrics = tuple(Metric(name, "1", "lower", scale="difference") for name in names)
    manifest = replace(run.manifest, benchmarks=(replace(first, metrics=metrics), *others))
    outcome = Measured(dict.fromkeys(names, (1.5, 2.5)), notes=("-1+2",))
    trials = tuple(replace(t, outcome=outcome) if t.benchmark == first.name else t for t in run.trials)
    return replace(run, manifest=manifest, trials=trials)


def exported(folder: Path, *words: str) -> Result:
    result = CliRunner().invoke(command, [str(folder), *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def said(result: Result) -> list[str]:
    return result.stdout.splitlines()


# --- csv and ndjson -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_csv_has_every_row_and_digit(folder: Path, table: str) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(folder, "--format", "csv", "--table", table).stdout)))
    frame = getattr(vbench.load(folder), table)
    assert list(rows[0]) == list(frame.columns)
    assert len(rows) == len(frame)
    for name in frame.columns[frame.dtypes == "float64"]:
        values = [math.nan if row[name] == "" else float(row[name]) for row in rows]
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(values, frame[name], strict=True)), name


@pytest.mark.parametrize("table", TABLES)
def test_ndjson_has_an_object_a_line_with_null_for_the_unknown(folder: Path, table: str) -> None:
    rows = [json.loads(line) for line in said(exported(folder, "--format", "ndjson", "--table", table))]
    frame = getattr(vbench.load(folder), table)
    assert len(rows) == len(frame)
    for name in frame.columns:
        known = [None if missing else value for value, missing in zip(frame[name], frame[name].isna(), strict=True)]
        assert [row[name] for row in rows] == known, name


def test_samples_are_the_default_table(folder: Path) -> None:
    assert said(exported(folder, "--format", "csv"))[0].startswith("block,attempt,position,order,environment")
    assert len(said(exported(folder, "--format", "csv"))) == len(vbench.load(folder).samples) + 1


@pytest.mark.parametrize("table", ["samples", "blocks", "costs"])
def test_no_cell_of_a_csv_is_a_formula(hostile: Path, table: str) -> None:
    text = exported(hostile, "--format", "csv", "--table", table).stdout
    assert "\x1b" not in text and "\u202e" not in text
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
        assert not cell.startswith("-") or float(cell) < 0


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", " =1", "\n=1", "\uff1d1", "\r=1"])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert safe(text).startswith("'")
    assert "\n" not in safe(text)


@pytest.mark.parametrize("text", ["", "bare", "a=b", "1-2", "x@y", "cpu.hash"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_names_that_become_the_same_stay_two_rows(tmp_path: Path) -> None:
    run = make_run(blocks=1, losses=False)
    first, *others = run.manifest.benchmarks
    names = ("a\nb", "a b")
    changed = replace(first, metrics=tuple(Metric(name, "s", "lower") for name in names))
    outcome = Measured(dict.fromkeys(names, (1.0,)))
    trials = tuple(replace(t, outcome=outcome) if t.benchmark == first.name else t for t in run.trials)
    manifest = replace(run.manifest, benchmarks=(changed, *others))
    made = stored(tmp_path, replace(run, manifest=manifest, trials=trials))
    rows = list(csv.DictReader(io.StringIO(exported(made, "--format", "csv").stdout)))
    assert sum(row["metric"] == "a b" for row in rows) == 2 * 8


# --- parquet --------------------------------------------------------------------------------------------------------


def test_parquet_has_every_table_and_reads_back_the_same(folder: Path, tmp_path: Path) -> None:
    paths = said(exported(folder, "--format", "parquet", "-o", str(tmp_path / "out")))
    assert paths == [str(tmp_path / "out" / f"{table}.parquet") for table in TABLES]
    run = vbench.load(folder)
    for table, path in zip(TABLES, paths, strict=True):
        found = duckdb.sql(f"SELECT * FROM read_parquet('{path}')").df()
        frame = getattr(run, table)
        assert list(found.columns) == list(frame.columns)
        assert len(found) == len(frame)
        for name in frame.columns[frame.dtypes == "float64"]:
            assert found[name].equals(frame[name]), name


@pytest.mark.parametrize("state", [State.PARTIAL, None])
def test_runs_that_did_not_end_are_exported(tmp_path: Path, state: State | None) -> None:
    run = stored(tmp_path, make_run(blocks=2), state=state)
    assert len(said(exported(run, "--format", "parquet", "-o", str(tmp_path / "out")))) == len(TABLES)
    assert "vbench_cost_ratio" not in exported(run, "--format", "openmetrics").stdout.partition("vbench_run")[0]


# --- pyperf ---------------------------------------------------------------------------------------------------------


def python_m_pyperf(*words: str | Path) -> str:
    return proc.run([sys.executable, "-m", "pyperf", *map(str, words)], timeout_s=60).check().text


@pytest.fixture(scope="module")
def suites(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pyperf")
    result = exported(folder, "--format", "pyperf", "-o", str(out))
    assert said(result) == [str(out / f"{arm}.json") for arm in ("bare", "control", "runc", "tcg")]
    return out


def test_pyperf_reads_its_suites(suites: Path) -> None:
    for arm in ("bare", "control", "runc", "tcg"):
        assert "Number of benchmarks: " in python_m_pyperf("stats", suites / f"{arm}.json")
        assert "cpu.hash time" in python_m_pyperf("show", suites / f"{arm}.json")
        python_m_pyperf("check", suites / f"{arm}.json")


def test_pyperf_compares_environments_in_the_right_direction(suites: Path) -> None:
    text = python_m_pyperf("compare_to", suites / "bare.json", suites / "tcg.json", "--table")
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "9.3" in lines["cpu.matrix time"] and "slower" in lines["cpu.matrix time"]
    assert "slower" in lines["cpu.sha256 bandwidth (s per B)"]  # lower bandwidth
    assert "slower" in lines["disk.randread iops (s per operation)"]


def test_a_pyperf_run_is_a_block_that_counts(folder: Path, suites: Path) -> None:
    run = vbench.load(folder)
    (benchmark,) = (b for b in pyperf.BenchmarkSuite.load(str(suites / "tcg.json")) if b.get_name() == "cpu.hash time")
    trials = [t for t in run.trials if (t.environment, t.benchmark) == ("tcg", "cpu.hash") and t.block >= 1]
    counted = [t for t in trials if (t.block, t.attempt) != (3, 0)]
    assert [tuple(one.values) for one in benchmark.get_runs()] == [_samples(t.outcome, "time") for t in counted]
    assert [one.get_metadata()["vbench_block"] for one in benchmark.get_runs()] == [t.block for t in counted]


def _samples(outcome: Any, metric: str) -> tuple[float, ...]:
    assert isinstance(outcome, Measured)
    return outcome.samples[metric]


def test_rates_are_the_inverse_to_the_last_bit(folder: Path, suites: Path) -> None:
    (found,) = (b for b in pyperf.BenchmarkSuite.load(str(suites / "bare.json")) if "sha256" in b.get_name())
    rows = vbench.load(folder).samples
    mine = rows[(rows.environment == "bare") & (rows.benchmark == "cpu.sha256") & rows.used]
    assert list(found.get_values()) == [1 / value for value in mine.value]
    assert found.get_unit() == "second"


def with_raw(tmp_path: Path, content: bytes) -> Path:
    """A run of one trial whose raw file is the driver's."""
    run = make_run(blocks=1, losses=False)
    outcome = Measured({"time": (2e-9, 3e-9)}, loops=7)
    trial = replace(run.trials[0], block=1, outcome=outcome, raw="raw/1-pyperf.json")
    made = stored(tmp_path, replace(run, trials=(trial,)))
    (made / "raw" / "1-pyperf.json").write_bytes(content)
    return made


def driver_says(**run: object) -> bytes:
    return json.dumps({"benchmarks": [{"runs": [run]}], "version": "1.0"}).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (driver_says(values=[2e-9, 3e-9], warmups=[[7, 5e-9]]), ((7, 5e-9),)),
        (driver_says(values=[1e-9, 1.5e-9], warmups=[[7, 5e-9]]), ((7, 1e-8),)),  # the metric is a constant times it
        (driver_says(values=[2e-9, 4e-9], warmups=[[7, 5e-9]]), None),
        (driver_says(values=[2e-9], warmups=[[7, 5e-9]]), None),
        (driver_says(values=[0, 0], warmups=[[7, 5e-9]]), None),
        (driver_says(values=[2e-9, 3e-9], warmups="none"), None),
        (driver_says(values=None), None),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_warm_ups_are_the_driver_s_where_they_fit_the_trial(tmp_path: Path, content: bytes, expected: object) -> None:
    made = with_raw(tmp_path, content)
    exported(made, "--format", "pyperf", "-o", str(tmp_path / "out"))
    (file,) = (tmp_path / "out").iterdir()
    (run,) = pyperf.BenchmarkSuite.load(str(file)).get_benchmark("cpu.hash time").get_runs()
    assert run.warmups == (expected or ())


def test_blocks_that_pyperf_cannot_hold_are_named(tmp_path: Path) -> None:
    run = make_run(blocks=4, losses=False)

    def emptied(trial: Trial) -> Trial:
        mine = (trial.environment, trial.benchmark) == ("tcg", "cpu.sha256") and trial.block in (2, 3)
        return replace(trial, outcome=Measured({"bandwidth": (5.0, 0.0, 7.0)})) if mine else trial

    made = stored(tmp_path, replace(run, trials=tuple(map(emptied, run.trials))))
    result = exported(made, "--format", "pyperf", "-o", str(tmp_path / "out"))
    assert "blocks 2 and 3 of cpu.sha256 bandwidth of tcg are left out" in result.stderr
    (found,) = (b for b in pyperf.BenchmarkSuite.load(str(tmp_path / "out" / "tcg.json")) if "sha256" in b.get_name())
    assert [one.get_metadata()["vbench_block"] for one in found.get_runs()] == [1, 4]


def test_a_run_that_goes_on_is_read_once(tmp_path: Path) -> None:
    """Its journal has another trial between any two readings."""
    run = make_run(blocks=3, losses=False)
    made = stored(tmp_path, replace(run, trials=run.trials[:-1]), state=None)
    loaded = vbench.load(made)
    assert len(loaded.blocks)
    with (made / "journal.jsonl").open("ab") as file:
        file.write(journal.line(run.trials[-1]))
    assert exports.write("pyperf", loaded, tmp_path).paths


def test_what_pyperf_cannot_hold_is_named(hostile: Path, tmp_path: Path) -> None:
    result = exported(hostile, "--format", "pyperf", "-o", str(tmp_path))
    assert "pyperf has no way to hold cpu.hash" in result.stderr
    assert all(sign.isprintable() or sign == "\n" for sign in result.stderr)
    assert "Number of benchmarks: " in python_m_pyperf("stats", tmp_path / "bare.json")


def test_a_run_without_a_number_makes_no_suite(tmp_path: Path) -> None:
    made = stored(tmp_path, replace(make_run(blocks=1), trials=()))
    result = exported(made, "--format", "pyperf", "-o", str(tmp_path / "out"))
    assert result.stdout == ""
    assert "no number that pyperf can hold: bare, control, runc and tcg" in result.stderr


# --- openmetrics ----------------------------------------------------------------------------------------------------


def test_openmetrics_keeps_to_the_grammar_and_has_every_cost(folder: Path) -> None:
    families = openmetrics.parse(exported(folder, "--format", "openmetrics").stdout)
    run = vbench.load(folder)
    costs = run.costs
    found = {tuple(labels.values())[1:]: value for labels, value in families["vbench_cost_ratio"].samples}
    rows = costs[costs.cost.notna()]
    expected = {(row.environment, row.benchmark, row.metric): row.cost for row in rows.itertuples()}
    assert found == expected
    assert families["vbench_cost_ratio"].unit == "ratio"
    assert families["vbench_median_seconds"].unit == "seconds"
    assert {labels["environment"] for labels, _ in families["vbench_median_seconds"].samples} >= {"bare", "tcg"}
    assert families["vbench_run"].samples[0][0]["run"] == run.name


def test_openmetrics_has_one_verdict_true_of_each_cost_that_has_one(folder: Path) -> None:
    families = openmetrics.parse(exported(folder, "--format", "openmetrics").stdout)
    rows = [row for row in vbench.load(folder).costs.itertuples() if isinstance(row.verdict, str)]
    true = [labels["vbench_verdict"] for labels, value in families["vbench_verdict"].samples if value]
    assert true == [row.verdict for row in rows]
    assert len(families["vbench_verdict"].samples) == 5 * len(rows)


def test_openmetrics_escapes_what_is_hostile(hostile: Path) -> None:
    families = openmetrics.parse(exported(hostile, "--format", "openmetrics").stdout)
    labels = [labels for labels, _ in families["vbench_median"].samples]
    assert {HOSTILE, FORMULA, 'q"uo\\te,\n;'} <= {found["metric"] for found in labels}
    assert {found["unit"] for found in labels} == {"1"}
    assert not any("\x1b" in found["metric"] or "\u202e" in found["metric"] for found in labels)


def test_the_grammar_would_find_mistakes() -> None:
    head = "# TYPE a gauge\n"
    for text in (
        "",
        f"{head}a 1\n",
        f"{head}a 1 \n# EOF\n",
        f'{head}a{{x="1"}} NaN\n# EOF\n',
        f'{head}a{{x="1",x="2"}} 1\n# EOF\n',
        f'{head}a{{x="1\n"}} 1\n# EOF\n',
        f"{head}b 1\n# EOF\n",
        f"{head}# UNIT a seconds\na 1\n# EOF\n",
        f"{head}a 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n",
        f"{head}a 1\na 1\n# EOF\n",
    ):
        with pytest.raises(AssertionError):
            openmetrics.parse(text)


def test_a_run_without_trials_is_an_exposition_too(tmp_path: Path) -> None:
    made = stored(tmp_path, replace(make_run(blocks=1), trials=()))
    assert set(openmetrics.parse(exported(made, "--format", "openmetrics").stdout)) == {
        "vbench_run",
        "vbench_cost_blocks",
    }


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_goes_where_it_is_told(folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "deep" / "er"
    paths = said(exported(folder, "--format", kind, "-o", str(target)))
    assert all(Path(path).is_file() for path in paths)
    assert all(Path(path).parent == target for path in paths) if FORMATS[kind].into_folder else paths == [str(target)]
    assert not list(tmp_path.rglob(".*"))


def test_folders_have_a_default(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(exported(folder, "--format", "pyperf"))[0] == f"exports/{folder.name}/bare.json"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "pyperf", "-o", "-"], "several files"),
        (["--format", "openmetrics", "--table", "samples"], "has no --table"),
        (["--format", "csv", "-o", "RUN/samples.csv"], "is inside the run folder"),
        (["--format", "parquet", "-o", "RUN"], "is inside the run folder"),
        (["--format", "parquet", "-o", "RUN/../LAST/raw"], "is inside the run folder"),
    ],
)
def test_wrong_use_is_refused_and_writes_nothing(folder: Path, words: list[str], message: str) -> None:
    before = sorted(folder.rglob("*"))
    given = [word.replace("RUN", str(folder)).replace("LAST", folder.name) for word in words]
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(command, [str(folder), *given], catch_exceptions=False)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("kind", FORMATS)
def test_what_cannot_be_written_is_said(folder: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        CliRunner().invoke(
            command, [str(folder), "--format", kind, "-o", str(tmp_path / "file" / "x")], catch_exceptions=False
        )


def test_a_run_that_is_none_is_answered_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError) as caught:
        CliRunner().invoke(command, ["nothing", "--format", "csv"], catch_exceptions=False)
    assert "vbench run" in caught.value.hint
