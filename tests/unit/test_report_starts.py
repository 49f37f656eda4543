"""The start-up panel: both ends in words, seconds and ratio, and what was set up before, apart."""

import pytest
from msgspec.structs import replace

from tests.unit.large_runs import large_run
from tests.unit.runs import gated, make_run, with_attach
from vbench.model import Measured, Run
from vbench.report.charts.chart import Chart
from vbench.report.charts.starts import starts
from vbench.report.view import view_of


def panel(run: Run) -> Chart:
    (chart,) = starts(view_of(run))
    return chart


def test_both_ends_of_a_start_are_said_in_words() -> None:
    run = make_run()
    records = tuple(
        replace(record, about="from the command to the first answer") if record.kind == "start.ready" else record
        for record in run.manifest.benchmarks
    )
    caption = panel(replace(run, manifest=replace(run.manifest, benchmarks=records))).caption
    assert caption.startswith("From the command to the first answer, on the harness’s clock: bare ")


def test_it_shows_seconds_and_the_ratio_that_the_table_has() -> None:
    run = make_run()
    cost = next(row.cost for row in view_of(run).rows if (row.cost.benchmark, row.arm.name) == ("start.ready", "tcg"))
    line = next(line for line in panel(run).table if line[0] == "tcg")
    assert line[1] == "10"
    assert line[2].endswith(" s")
    assert cost.cost is not None
    assert line[4] == f"{cost.cost:.0f}×"


def test_set_up_before_the_command_stands_apart() -> None:
    timed = panel(with_attach(large_run(blocks=3), 0.005))
    assert "hollow and not in these figures: bare 5.00 ms" in timed.caption
    assert {row[3] for row in timed.records[1:]} == {0.005}


def test_every_analysed_start_is_a_mark() -> None:
    chart = panel(gated(large_run()))
    marks = {trace["name"]: len(trace["x"]) for trace in chart.figure["data"] if trace.get("name")}
    assert marks == {"bare": 10, "runc": 10, "tcg": 10, "control": 10}
    assert len(chart.records) == 41


def test_a_set_up_that_was_not_timed_is_left_out() -> None:
    """The wall time of the trial is longer than the start by 11 ms, which may be anything."""
    chart = panel(large_run(blocks=2))
    assert "hollow" not in chart.caption
    assert sum(len(trace["x"]) for trace in chart.figure["data"]) == 8
    assert all(line[6:] == ("–", "–") for line in chart.table)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_start_without_a_duration_is_no_mark(seconds: float) -> None:
    run = make_run(blocks=2)
    trials = tuple(
        replace(trial, outcome=replace(trial.outcome, samples={"time": (seconds,)}))
        if isinstance(trial.outcome, Measured) and (trial.benchmark, trial.environment) == ("start.ready", "tcg")
        else trial
        for trial in run.trials
    )
    assert [line[0] for line in panel(replace(run, trials=trials)).table] == ["bare", "runc", "control"]


def test_a_run_that_timed_no_start_has_no_panel() -> None:
    run = make_run(blocks=2)
    records = tuple(record for record in run.manifest.benchmarks if record.kind != "start.ready")
    assert starts(view_of(replace(run, manifest=replace(run.manifest, benchmarks=records)))) == ()
