"""The curves of latency: what share of operations took longer, as deep as the counts allow and no deeper."""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.large_runs import large_run
from tests.unit.runs import BIDI, gated, make_run
from vbench.model import Measured, Run
from vbench.report.charts.chart import Chart, rounded
from vbench.report.charts.tails import LEVELS, band, curve, tails
from vbench.report.view import view_of
from vbench.stats.quantiles import Ranks, fewest


def told(run: Run, counts: Any) -> Run:
    """`make_run` with these counts of disk.randread: a function of block and place of the environment."""
    names = [record.name for record in run.manifest.environments]
    trials = tuple(
        replace(
            trial,
            outcome=replace(trial.outcome, counts={"latency": counts(trial.block, names.index(trial.environment))}),
        )
        if isinstance(trial.outcome, Measured) and trial.benchmark == "disk.randread"
        else trial
        for trial in run.trials
    )
    return replace(run, trials=trials)


def only(run: Run) -> Chart:
    (chart,) = tails(view_of(run))
    return chart


def evenly(first_ns: int, operations: int) -> dict[int, int]:
    return {first_ns + step: 1 for step in range(operations)}


def test_a_curve_starts_with_everything_and_never_rises() -> None:
    points = curve(evenly(1000, 5000))
    assert points[0] == (1000.0, 1.0)
    assert [share for _, share in points] == sorted((share for _, share in points), reverse=True)
    assert [ns for ns, _ in points] == sorted(ns for ns, _ in points)


@pytest.mark.parametrize("operations", [2, 20, 299, 2995, 100_000])
def test_a_curve_ends_where_its_operations_end(operations: int) -> None:
    _, least = curve({1000: operations - 1, 2000: 1})[-1]
    assert least == 1 or fewest(1 - least) <= operations
    deeper = [share for share in LEVELS if share < least * 0.999]
    assert not deeper or fewest(1 - deeper[0]) > operations


def test_a_tenth_of_the_operations_is_slower_than_what_the_curve_says() -> None:
    found = {round(math.log10(share), 9): ns for ns, share in curve(evenly(0, 10_000))}
    assert found[-1] == pytest.approx(9000, abs=1)
    assert found[-2] == pytest.approx(9900, abs=1)


def test_a_million_bins_make_a_hundred_points() -> None:
    assert len(curve(evenly(1, 1_000_000))) <= 101


def test_a_bin_of_many_operations_is_a_vertical_line_of_two_points() -> None:
    assert [ns for ns, _ in curve({500: 10_000})] == [500.0, 500.0]


def test_the_band_holds_every_block_and_is_no_deeper_than_the_smallest() -> None:
    blocks = (evenly(1000, 5000), evenly(2000, 400))
    points = band(tuple(map(Ranks, blocks)))
    assert min(share for _, share in points) >= 1 - 0.05 ** (1 / 400)
    half = [ns for ns, share in points if share == LEVELS[0]]
    own = [ns for counts in blocks for ns, share in curve(counts) if share == LEVELS[0]]
    assert half == [min(own), max(own)]
    assert band((Ranks(blocks[0]),)) == []


def test_the_caption_says_percentiles_of_trials_and_never_of_the_pool() -> None:
    """Nine quiet blocks and one wild one: the pool's slowest percent would all be the wild block's."""
    run = told(make_run(losses=False), lambda block, arm: {100_000 * (arm + 1) * (50 if block == 4 else 1): 1000})
    chart = only(run)
    assert "One operation in 100 takes longer than 100 µs in bare, 300 µs in runc and 400 µs in tcg" in chart.caption
    assert "medians of 10 blocks" in chart.caption
    assert next(row for row in chart.table if row[0] == "1 %")[1:4] == ("100 µs", "300 µs", "400 µs")
    assert all("pooled" in text for trace in chart.figure["data"] for text in trace.get("text") or ())
    assert "pooled latency in s" in chart.records[0]


def test_the_table_has_a_dash_for_what_not_every_block_supports() -> None:
    run = told(make_run(losses=False), lambda block, arm: {100_000: 20 if (block, arm) == (4, 2) else 1000})
    row = next(row for row in only(run).table if row[0] == "1 %")
    assert row[1:4] == ("100 µs", "–", "100 µs")


def test_counts_that_no_machine_counts_are_left_out() -> None:
    calm = only(told(make_run(losses=False, blocks=2), lambda block, arm: {300: 900}))
    wild = only(told(make_run(losses=False, blocks=2), lambda block, arm: {10**400: 9, 300: 900, 400: 10**400}))
    assert wild.table == calm.table


def test_a_voided_attempt_enters_no_curve() -> None:
    run = gated(told(make_run(losses=False), lambda block, arm: {100_000: 500}), repeated=False)
    assert "medians of 9 blocks" in only(run).caption
    assert min(row[1] for row in only(run).records[1:]) >= 1 - 0.05 ** (1 / 4500)  # type: ignore[type-var,operator]


def test_trials_too_short_for_a_percentile_say_so_by_the_median() -> None:
    run = told(make_run(losses=False), lambda block, arm: {100_000: 3, 200_000: 3})
    assert only(run).caption.startswith("Half of the operations take longer than 100 µs in bare")


def test_odd_counts_do_no_harm() -> None:
    """Of a run folder that nobody vouches for: nothing, negative, zero nanoseconds."""
    odd = {0: 5, -7: 3, 100: -4, 200: 0, 300: 900}
    chart = only(told(make_run(losses=False, blocks=2), lambda block, arm: odd))
    assert all(math.isfinite(value) for row in chart.records[1:] for value in row[1:])  # type: ignore[arg-type]
    assert tails(view_of(told(make_run(losses=False, blocks=2), lambda block, arm: {5: 0}))) == ()


def test_a_run_without_histograms_has_no_curves() -> None:
    assert tails(view_of(make_run())) == ()


def test_each_latency_of_the_whole_set_has_its_curve_and_a_small_one() -> None:
    charts = tails(view_of(large_run(blocks=3)))
    assert [chart.title for chart in charts][:2] == ["disk.randread latency", "disk.randread-16 latency"]
    assert [chart.key for chart in charts] == [f"tail-{place}" for place in range(6)]
    assert all(len(trace["x"]) <= 200 for chart in charts for trace in chart.figure["data"])
    assert all(chart.columns == ("Share slower", "bare", "runc", "tcg", "control") for chart in charts)


def test_a_name_that_turns_text_is_made_visible_in_what_is_saved() -> None:
    (chart, *_) = tails(view_of(large_run(blocks=1, hostile=True)))
    assert BIDI in {row[0] for row in chart.records}
    assert BIDI not in {row[0] for row in rounded(chart.records)}
