"""Drift: every environment's own numbers over time, what was voided, what was lost, and what pairing leaves."""

import math
import re

import pytest
from msgspec.structs import replace

from tests.unit.large_runs import large_run
from tests.unit.outcomes import stated
from tests.unit.runs import gated, make_run
from vbench.model import Metric, Run, State, Void
from vbench.report.charts.chart import Chart
from vbench.report.charts.drift import drifts
from vbench.report.view import view_of


def chart_of(run: Run, title: str) -> Chart:
    return next(chart for chart in drifts(view_of(run)) if chart.title == title)


def points(chart: Chart, environment: str) -> list[tuple[int, float, float | None, str]]:
    """Block, seconds, value and state."""
    return [(row[1], row[3], row[4], row[5]) for row in chart.records[1:] if row[0] == environment]  # type: ignore[misc]


def test_each_metric_has_its_chart_with_every_environment() -> None:
    seen = view_of(make_run())
    charts = drifts(seen)
    assert [chart.title for chart in charts] == [group.title for group in seen.groups]
    assert [row[0] for row in charts[0].records[1::10]] == ["bare", "runc", "tcg", "control"]


def test_time_counts_from_the_run_s_first_trial() -> None:
    chart = chart_of(make_run(), "cpu.hash time")
    assert points(chart, "bare")[0][1] == 60.0
    assert chart.figure["layout"]["xaxis"]["ticktext"][:2] == ["0:02", "0:04"]
    assert chart.figure["layout"]["xaxis"]["title"]["text"].startswith("hours:minutes")


def test_a_run_of_a_minute_counts_seconds() -> None:
    axis = chart_of(make_run(blocks=1), "cpu.hash time").figure["layout"]["xaxis"]
    assert axis["title"]["text"].startswith("hours:minutes:seconds")
    assert all(re.fullmatch(r"0:0\d:\d0", text) for text in axis["ticktext"])


def test_a_failed_trial_is_a_gap_and_said() -> None:
    chart = chart_of(make_run(), "network.stream bandwidth")
    assert points(chart, "tcg")[1][2:] == (None, "lost")
    line = next(trace for trace in chart.figure["data"] if trace.get("name") == "tcg")
    assert line["y"][1] is None
    assert not line.get("connectgaps")
    assert sum(shape["line"]["dash"] == "dot" for shape in chart.figure["layout"]["shapes"]) == 1
    assert "Dotted lines: 1 trial without a number." in chart.caption
    assert chart.table[1][5] == "–"


def test_a_voided_attempt_is_a_cross_beside_the_one_that_counts() -> None:
    chart = chart_of(gated(make_run()), "cpu.hash time")
    third = [point for point in points(chart, "tcg") if point[0] == 3]
    assert sorted(state for *_, state in third) == ["analysed", "voided"]
    crosses = [trace for trace in chart.figure["data"] if trace["marker"]["symbol"] == "x-thin"]
    assert len(crosses) == 4
    assert "1 attempt that was voided" in chart.caption
    assert "3 (voided)" in [line[0] for line in chart.table]


def test_a_voided_number_far_away_does_not_flatten_the_others() -> None:
    """It was tripled; its cross stands at the edge of the strip, and its true number beside it."""
    calm, struck = (chart_of(run, "cpu.hash time").figure for run in (make_run(), gated(make_run())))
    assert struck["layout"]["yaxis2"]["range"] == pytest.approx(calm["layout"]["yaxis2"]["range"])
    low, high = struck["layout"]["yaxis2"]["range"]
    cross = next(trace for trace in struck["data"] if trace["marker"]["symbol"] == "x-thin" and trace["yaxis"] == "y2")
    assert low < math.log10(cross["y"][0]) < high
    assert cross["customdata"][0] == "voided block 3"


def test_strips_of_one_chart_span_the_same_factor() -> None:
    layout = chart_of(make_run(), "disk.randread iops").figure["layout"]
    spans = {round(axis["range"][1] - axis["range"][0], 9) for name, axis in layout.items() if name.startswith("yaxis")}
    assert len(spans) == 1


def test_a_host_that_slows_down_is_seen_and_pairing_removes_it() -> None:
    """`large_run` slows everything by 8 % after its fifth block."""
    caption = chart_of(large_run(), "cpu.hash time").caption
    moved = re.search(r"bare moved by \+([\d.]+) %, runc by \+([\d.]+) % and tcg by \+([\d.]+) %", caption)
    assert moved is not None
    assert all(6 < float(percent) < 11 for percent in moved.groups())
    scatter = re.search(r"tcg scatters by ([\d.]+) %, its ratio by ([\d.]+) %", caption)
    assert scatter is not None
    assert float(scatter[2]) < float(scatter[1]) / 2


@pytest.mark.parametrize("blocks", [1, 5])
def test_too_few_blocks_claim_no_drift(blocks: int) -> None:
    assert "Too few blocks" in chart_of(make_run(blocks=blocks, losses=False), "cpu.hash time").caption


def test_a_metric_that_can_be_zero_stands_on_a_plain_axis() -> None:
    run = make_run(blocks=10, losses=False)
    metric = Metric("time", "s", "lower", scale="difference", margin=1e-9)
    records = tuple(
        replace(record, metrics=(metric,)) if record.name == "cpu.hash" else record
        for record in run.manifest.benchmarks
    )
    trials = tuple(
        replace(trial, outcome=replace(trial.outcome, samples={"time": (trial.block - 5.0,)}))
        if trial.benchmark == "cpu.hash"
        else trial
        for trial in run.trials
    )
    chart = chart_of(replace(run, trials=trials, manifest=replace(run.manifest, benchmarks=records)), "cpu.hash time")
    axis = chart.figure["layout"]["yaxis"]
    assert axis["type"] == "linear"
    assert axis["range"][0] < -4 < 5 < axis["range"][1]


def test_a_chart_reads_no_markup_out_of_a_unit() -> None:
    run = make_run(blocks=2)
    metric = Metric("time", "<b>s</b>", "lower")
    records = tuple(
        replace(record, metrics=(metric,)) if record.name == "cpu.hash" else record
        for record in run.manifest.benchmarks
    )
    figure = chart_of(replace(run, manifest=replace(run.manifest, benchmarks=records)), "cpu.hash time").figure
    assert "&lt;b&gt;s" in figure["layout"]["yaxis"]["ticktext"][0]
    assert "<b>" not in str(figure["data"])


def test_a_clock_that_jumps_by_decades_makes_no_more_than_a_few_ticks() -> None:
    run = make_run(blocks=2)
    trials = (replace(run.trials[0], started_s=0.0), *run.trials[1:])
    axis = chart_of(replace(run, trials=trials), "cpu.hash time").figure["layout"]["xaxis"]
    assert 1 <= len(axis["tickvals"]) <= 12
    late = (*run.trials[:-1], replace(run.trials[-1], started_s=1e12))
    axis = chart_of(replace(run, trials=late), "start.ready time").figure["layout"]["xaxis"]
    assert 2 <= len(axis["tickvals"]) <= 12


def cut_short(run: Run) -> Run:
    """Ended within its last block."""
    return replace(run, trials=run.trials[:-1], manifest=replace(run.manifest, state=State.PARTIAL))


def test_a_block_that_the_run_ended_in_is_cut_and_not_voided() -> None:
    chart = chart_of(cut_short(make_run()), "cpu.hash time")
    assert [state for *_, state in points(chart, "tcg")][-2:] == ["analysed", "cut"]
    assert "Crosses: 1 attempt that the run ended in." in chart.caption
    assert chart.table[-1][0] == "10 (cut)"


def test_several_crosses_are_said_in_good_grammar() -> None:
    run = gated(cut_short(make_run()))
    more = replace(run, voids=(*run.voids, Void(5, 0, (stated("steal"),))))
    caption = chart_of(more, "cpu.hash time").caption
    assert "Crosses: 2 attempts that were voided and 1 attempt that the run ended in." in caption


@pytest.mark.parametrize("moment", [1.7e308, -1.7e308])
def test_a_time_that_no_clock_tells_is_unknown(moment: float) -> None:
    run = make_run(blocks=2, losses=False)
    at = next(place for place, trial in enumerate(run.trials) if trial.block == 1 and trial.benchmark == "cpu.hash")
    trials = (*run.trials[:at], replace(run.trials[at], started_s=moment), *run.trials[at + 1 :])
    chart = chart_of(replace(run, trials=trials), "cpu.hash time")
    assert [seconds for _, seconds, *_ in points(chart, run.trials[at].environment)] == [120.0, None]
    assert chart.table[0][2] == "–"
