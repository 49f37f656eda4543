"""The tables of a run say what its journal says, to the last bit, and the Parquet files say the same."""

import os
import resource
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from tests.unit.folders import NOTHING_SECRET, stored, with_counts
from tests.unit.outcomes import stated
from tests.unit.runs import BIDI, HOSTILE, gated, make_run, with_attach
from vbench import cost, store
from vbench.errors import NoSpace, RunFolderError
from vbench.frames import columns, duck, parquet, passing
from vbench.frames.tables import Tables
from vbench.model import Failed, Measured, Metric, Run, State, Trial, Void
from vbench.runner.conduct import finish
from vbench.stats import medians


def tables(folder: Path) -> Tables:
    return Tables(passing.read(folder))


@pytest.fixture(scope="module")
def run() -> Run:
    return with_counts(gated(make_run()))


@pytest.fixture(scope="module")
def made(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return tables(stored(tmp_path_factory.mktemp("results"), run))


def cell(frame: pd.DataFrame, environment: str, benchmark: str, metric: str) -> pd.DataFrame:
    here = (frame.environment == environment) & (frame.benchmark == benchmark) & (frame.metric == metric)
    return frame[here]


# --- what the frames say --------------------------------------------------------------------------------------------


def test_samples_are_the_journal_s_in_its_order(run: Run, made: Tables) -> None:
    expected = [
        (trial.block, trial.attempt, trial.environment, trial.benchmark, metric, index, value)
        for trial in run.trials
        if isinstance(trial.outcome, Measured)
        for metric, values in trial.outcome.samples.items()
        for index, value in enumerate(values)
    ]
    found = made.samples[["block", "attempt", "environment", "benchmark", "metric", "index", "value"]]
    assert list(found.itertuples(index=False, name=None)) == expected


def test_the_set_up_before_a_start_has_a_unit_and_is_not_used(tmp_path: Path) -> None:
    run = with_attach(make_run(blocks=1, losses=False), 0.005)
    made = tables(stored(tmp_path, run))
    found = cell(made.samples, "tcg", "start.ready", "attach")
    assert (list(found.value), set(found.unit), set(found.used)) == ([0.005, 0.005], {"s"}, {False})
    assert "attach" not in set(made.blocks.metric) | set(made.costs.metric)


def test_a_block_s_number_is_the_median_of_its_trial(run: Run, made: Tables) -> None:
    at = 0
    rows = list(made.blocks.itertuples(index=False))
    metrics = {record.name: record.metrics for record in run.manifest.benchmarks}
    for trial in run.trials:
        for metric in metrics[trial.benchmark]:
            row, at = rows[at], at + 1
            assert (row.block, row.environment, row.metric) == (trial.block, trial.environment, metric.name)
            if isinstance(trial.outcome, Measured):
                samples = trial.outcome.samples[metric.name]
                assert (row.value, row.samples) == (median(samples), len(samples))
            else:
                assert pd.isna(row.value)
    assert at == len(rows)


@pytest.mark.parametrize("count", range(1, 8))
def test_the_median_is_the_library_s_to_the_last_bit(count: int) -> None:
    values = np.random.default_rng(count).lognormal(0, 3, count)
    assert medians.median(values) == median(values.tolist())


def test_the_median_of_values_near_the_largest_number_is_that_of_the_costs() -> None:
    values = [1.5e308, 1.7e308]
    assert medians.median(np.array(values)) == medians.middle(values) == 1.6e308


@pytest.mark.parametrize("losses", [True, False])
def test_costs_of_the_condensed_run_are_those_of_the_whole(tmp_path: Path, losses: bool) -> None:
    folder = stored(tmp_path, gated(make_run(losses=losses)))
    assert cost.Analysis.of(passing.read(folder).run).costs == cost.Analysis.of(store.load(folder)).costs


def test_costs_have_a_row_each_with_verdict_and_interval(run: Run, made: Tables) -> None:
    found = cost.Analysis.of(run).costs
    rows = list(made.costs.itertuples(index=False))
    assert len(rows) == len(found)
    for row, one in zip(rows, found, strict=True):
        assert (row.environment, row.benchmark, row.metric) == (one.environment, one.benchmark, one.metric)
        assert (row.cost, row.low) == (one.cost, one.low) or (pd.isna(row.cost) and one.cost is None)
        assert row.verdict == one.verdict or (pd.isna(row.verdict) and one.verdict is None)
        assert row.blocks == one.blocks


def test_a_block_s_cost_is_the_one_in_the_costs(run: Run, made: Tables) -> None:
    for one in cost.Analysis.of(run).costs:
        rows = cell(made.blocks, one.environment, one.benchmark, one.metric)
        used = rows[rows.used]
        assert dict(zip(used.block, used.cost, strict=True)) == one.per_block
        assert len(used) == one.blocks


def test_every_row_is_used_or_says_why_not(made: Tables) -> None:
    blocks = made.blocks
    assert list(blocks.used) == [why == "" for why in blocks.why]
    assert {"calibration", "the trial has no number", "the baseline has no number in this block"} >= {
        why for why in blocks.why if why and not why.startswith("voided: ")
    }
    assert set(blocks[blocks.block == 0].why) == {"calibration"}


def test_failed_and_skipped_trials_are_rows_with_their_reason(made: Tables) -> None:
    failed = made.blocks[made.blocks.outcome == "failed"]
    assert [(row.block, row.environment, row.benchmark) for row in failed.itertuples()] == [
        (2, "tcg", "network.stream")
    ]
    assert failed.iloc[0].reason == "iperf3: the server closed the connection"
    assert "raw/" in failed.iloc[0].hint
    skipped = made.blocks[made.blocks.outcome == "skipped"]
    assert set(skipped.benchmark) == {"disk.seqwrite"}
    assert skipped.value.isna().all()
    assert not skipped.used.any()


def test_voided_attempts_are_marked_in_every_table(made: Tables) -> None:
    void = made.blocks[made.blocks.void]
    assert set(zip(void.block, void.attempt, strict=True)) == {(3, 0)}
    assert set(void.why) == {"voided: tcg: foreign tasks used 4.1% of its processors"}
    for frame in (made.samples, made.histograms):
        assert set(zip(frame[frame.void].block, frame[frame.void].attempt, strict=True)) == {(3, 0)}
        assert not frame[frame.void].used.any()


def test_histograms_have_a_row_a_bin(made: Tables) -> None:
    rows = cell(made.histograms, "runc", "network.rr", "latency")
    of_block = rows[(rows.block == 1)]
    assert list(zip(of_block.bin_ns, of_block["count"], strict=True)) == [(20_001, 3), (21_000, 5)]
    assert set(made.histograms.benchmark) == {"network.rr"}


def test_the_block_in_which_a_run_ended_is_not_used(tmp_path: Path) -> None:
    run = make_run(blocks=6, losses=False)
    short = replace(run, trials=run.trials[:-5])
    blocks = tables(stored(tmp_path, short, state=State.PARTIAL)).blocks
    assert set(blocks[blocks.block == 6].why) == {"the run ended within this block"}
    assert blocks[blocks.block.between(1, 5)].used.all()


def test_a_trial_that_stands_twice_counts_once(tmp_path: Path) -> None:
    run = make_run(blocks=2, losses=False)
    again = replace(run, trials=(*run.trials, run.trials[-1]))
    blocks = tables(stored(tmp_path, again)).blocks
    assert Counter(blocks.why)["stored again later"] == 1


def test_differences_stand_in_a_column_of_their_own(tmp_path: Path) -> None:
    run = make_run(blocks=10, losses=False)
    metric = Metric("time", "s", "lower", scale="difference", margin=1e-9)
    first, *others = run.manifest.benchmarks
    manifest = replace(run.manifest, benchmarks=(replace(first, metrics=(metric,)), *others))
    made = tables(stored(tmp_path, replace(run, manifest=manifest)))
    one = cell(made.costs, "tcg", "cpu.hash", "time").iloc[0]
    assert pd.isna(one.cost) and one.difference_low < one.difference < one.difference_high
    rows = cell(made.blocks, "tcg", "cpu.hash", "time")
    assert rows[rows.block > 0].difference.notna().all()
    assert rows.cost.isna().all()


@pytest.mark.parametrize("table", columns.TABLES)
@pytest.mark.parametrize("kind", ["ordinary", "empty"])
def test_columns_have_their_documented_dtypes_always(tmp_path: Path, table: str, kind: str) -> None:
    run = with_counts(make_run(blocks=2))
    run = replace(run, trials=()) if kind == "empty" else run
    frame = getattr(tables(stored(tmp_path, run)), table)
    expected = {column.name: column.dtype for column in columns.TABLES[table]}
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == expected


def test_names_of_metrics_may_be_hostile(tmp_path: Path) -> None:
    name = HOSTILE + BIDI
    run = make_run(blocks=2, losses=False)
    first, *others = run.manifest.benchmarks
    odd = replace(first, metrics=(replace(first.metrics[0], name=name),))
    trials = tuple(
        replace(t, outcome=Measured({name: (1.0, 2.0)})) if t.benchmark == first.name else t for t in run.trials
    )
    manifest = replace(run.manifest, benchmarks=(odd, *others))
    folder = stored(tmp_path, replace(run, manifest=manifest, trials=trials))
    made = tables(folder)
    assert {name} == set(made.samples[made.samples.benchmark == first.name].metric)
    assert list(parquet.differences(folder, made)) == []


@pytest.mark.parametrize("changes", [{"attempt": 2**20}, {"order": -1}, {"padding_b": 2**70}, {"outcome": 2**64}])
def test_numbers_that_no_run_has_are_refused(tmp_path: Path, changes: dict[str, int]) -> None:
    run = make_run(blocks=1, losses=False)
    if "outcome" in changes:
        changed = replace(run.trials[0], outcome=Measured({"time": (1.0,)}, loops=changes["outcome"]))
    else:
        changed = replace(run.trials[0], **changes)
    folder = stored(tmp_path, replace(run, trials=(changed,)), state=None)
    with pytest.raises(RunFolderError, match="no vbench wrote it"):
        passing.read(folder)


# --- the files ------------------------------------------------------------------------------------------------------


def test_parquet_says_what_the_frames_say(tmp_path: Path, run: Run) -> None:
    folder = stored(tmp_path, run)
    assert sorted(path.name for path in folder.glob("*.parquet")) == sorted(parquet.NAMES)
    assert list(parquet.differences(folder, tables(folder))) == []
    assert store.load(folder).warnings == ()
    assert set(parquet.NAMES) <= set(store.load(folder).manifest.checksums)


def test_nothing_is_left_aside_at_home_or_among_temporary_files(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    duck.database.cache_clear()  # the next use opens another one, as a new process does
    folder = stored(tmp_path / "results", run)
    assert list(parquet.differences(folder, tables(folder))) == []
    assert [*(tmp_path / "home").iterdir(), *(tmp_path / "temporary").iterdir()] == []
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        ["journal.jsonl", "manifest.json", *parquet.NAMES]
    )


@pytest.mark.parametrize("name", ["a'b", "[a-z]*", "q?x", "{1,2}", 'a"b', "$x %s", "né\u202e"])
def test_the_path_of_a_folder_is_no_pattern(tmp_path: Path, name: str) -> None:
    folder = stored(tmp_path / name, make_run(blocks=1))
    assert list(parquet.differences(folder, tables(folder))) == []


def test_a_changed_value_is_seen(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=2))
    made = tables(folder)
    changed = made.samples.copy()
    changed.loc[[3, 7], "value"] *= 1 + 2e-16
    assert duck.differences(changed, folder / "samples.parquet").startswith("2 of its ")
    assert "rows, the journal gives" in duck.differences(made.samples.iloc[:-1], folder / "samples.parquet")
    assert "other columns" in duck.differences(made.samples.drop(columns="unit"), folder / "samples.parquet")


def test_a_computed_value_may_differ_in_its_last_bits(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=2))
    path, made = folder / "samples.parquet", tables(folder).samples
    for factor, rows in ((1 + 2e-16, 0), (1 - 5e-10, 0), (1 + 2e-9, 2), (-1, 2)):
        changed = made.copy()
        changed.loc[[3, 7], "value"] *= factor
        said = duck.differences(changed, path, computed={"value"})
        assert said == (f"2 of its {len(made)} rows differ from the journal" if rows else "")
    for odd in (float("nan"), float("inf")):
        changed = made.copy()
        changed.loc[3, "value"] = odd
        assert duck.differences(changed, path, computed={"value"}).startswith("1 of its ")


def test_what_is_stored_is_compared_to_the_last_bit() -> None:
    assert {"samples": set(), "blocks": {"value", "cost", "difference"}, "histograms": set()} == columns.COMPUTED


def test_a_parquet_file_cut_anywhere_is_told(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=1))
    samples = tables(folder).samples
    whole = (folder / "samples.parquet").read_bytes()
    cut = tmp_path / "cut.parquet"
    for length in (0, 1, 4, 100, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        cut.write_bytes(whole[:length])
        said = duck.differences(samples, cut)
        assert said.startswith("it cannot be read: "), length
        assert str(tmp_path) not in said
    cut.write_bytes(os.urandom(3000))
    assert duck.differences(samples, cut).startswith("it cannot be read: ")


def test_a_full_disk_is_said_and_leaves_no_half_file(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=1), state=None)
    samples = tables(folder).samples
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(NoSpace) as caught:
            duck.write(samples, folder / "samples.parquet", "parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "samples.parquet cannot be written" in caught.value.message
    assert list(folder.glob("*parquet*")) == [] == list(folder.glob(".*"))


@pytest.mark.parametrize("state", [State.COMPLETE, State.PARTIAL])
def test_a_run_whose_tables_cannot_be_written_ends_all_the_same(tmp_path: Path, state: State) -> None:
    run = make_run(blocks=1)
    with store.create(tmp_path, replace(run.manifest, state=State.RUNNING), clean=NOTHING_SECRET) as writer:
        writer.append(run.trials[0])
        (writer.folder / "samples.parquet").mkdir()
        with pytest.raises(RunFolderError) if state is State.COMPLETE else nullcontext():
            finish(writer, state)
    assert store.load(writer.folder).manifest.state is state
    assert len(store.load(writer.folder).trials) == 1


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = stored(tmp_path, make_run(blocks=1), state=None)
    with pytest.raises(RunFolderError, match="cannot be written"):
        duck.write(tables(folder).samples, tmp_path / "none" / "samples.parquet", "parquet")


def test_a_journal_is_passed_through_without_its_samples(tmp_path: Path) -> None:
    run = make_run(blocks=1, losses=False)
    with store.create(tmp_path, run.manifest, clean=NOTHING_SECRET) as writer:
        for trial in run.trials:
            writer.append(trial)
        writer.note(Void(1, 0, (stated("why"),)))
    passed = passing.read(writer.folder)
    kept = [len(values) for t in passed.run.trials for values in _measured(t).samples.values()]
    assert set(kept) == {1}
    assert sum(len(series.values) for series in passed.series) == 5 * len(kept)


def _measured(trial: Trial) -> Measured:
    assert not isinstance(trial.outcome, Failed)
    assert isinstance(trial.outcome, Measured)
    return trial.outcome
