"""A benchmark over several values is a curve: its lines, its ribbons, its words and its table."""

import json
import math

import pytest
from msgspec.structs import replace

from tests.unit.documents import Document
from tests.unit.runs import make_run
from vbench import report
from vbench.frames.passing import Passed
from vbench.frames.tables import Tables
from vbench.model import BenchmarkRecord, Measured, Metric, Run, Trial
from vbench.report.charts.chart import Chart
from vbench.report.charts.curves import curves
from vbench.report.view import view_of

DEPTHS = (1, 4, 16)
IOPS = Metric("iops", "1/s", "higher")
COSTS = {"runc": {1: 1.0, 4: 1.0, 16: 1.0}, "tcg": {1: 1.5, 4: 2.0, 16: 4.0}}


def varied(*, blocks: int = 10, engines: tuple[str, ...] = ("",), depths: tuple[int, ...] = DEPTHS) -> Run:
    """`disk.randread` at each depth, once for each engine; each arm is slower by what COSTS says, less a waver."""
    run = make_run(blocks=blocks, losses=False)
    records, trials = [], []
    for engine in engines:
        for depth in depths:
            name = f"disk.randread.depth-{depth}" + (f".engine-{engine}" if engine else "")
            values: dict[str, str | int | float | bool] = {"depth": depth} | ({"engine": engine} if engine else {})
            records.append(BenchmarkRecord(name, "disk.randread", {}, (IOPS,), "", "disk.randread", values))
            trials += [_trial(run, name, depth, block, arm) for block in range(1, blocks + 1) for arm in run.facts]
    plan = replace(run.manifest.plan, benchmarks=tuple(record.name for record in records))
    return replace(run, trials=tuple(trials), manifest=replace(run.manifest, benchmarks=tuple(records), plan=plan))


def _trial(run: Run, name: str, depth: int, block: int, arm: str) -> Trial:
    waver = 1 + 0.01 * math.sin(block * 1.7 + sum(map(ord, arm)) + depth)
    iops = 9000 * depth / COSTS.get(arm, {}).get(depth, 1.0) * waver
    return Trial(block, 0, arm, name, 0, Measured({"iops": (iops,)}), 0.0, 1.0)


def drawn(run: Run) -> tuple[Chart, ...]:
    return curves(view_of(run))


def test_each_line_has_a_point_for_each_value_in_the_order_of_the_values() -> None:
    (chart,) = drawn(varied(depths=(16, 1, 4)))
    assert chart.title == "disk.randread iops over depth"
    lines = {trace["name"]: trace for trace in chart.figure["data"] if "name" in trace}
    assert set(lines) == {"runc", "tcg", "control"}
    assert lines["tcg"]["x"] == [1.0, 4.0, 16.0]
    assert lines["tcg"]["y"] == pytest.approx([1.5, 2.0, 4.0], rel=0.02)
    assert chart.figure["layout"]["xaxis"]["type"] == "log"
    assert chart.figure["layout"]["xaxis"]["ticktext"] == ["1", "4", "16"]


def test_a_ribbon_goes_along_the_ends_of_the_intervals_and_back() -> None:
    run = varied()
    (chart,) = drawn(run)
    ribbons = [trace for trace in chart.figure["data"] if trace.get("fill") == "toself"]
    costs = {(cost.environment, cost.benchmark): cost for cost in view_of(run).costs}
    tcg = [costs["tcg", f"disk.randread.depth-{depth}"] for depth in DEPTHS]
    ends = [cost.low for cost in tcg] + [cost.high for cost in reversed(tcg)]
    assert [1.0, 4.0, 16.0, 16.0, 4.0, 1.0] in [ribbon["x"] for ribbon in ribbons]
    assert ends in [ribbon["y"] for ribbon in ribbons]


def test_a_value_without_an_interval_interrupts_the_ribbon_and_not_the_others() -> None:
    run = varied(depths=(1, 2, 4, 8, 16))
    lost = [t for t in run.trials if not (t.environment == "tcg" and t.benchmark.endswith("-4") and t.block > 2)]
    (chart,) = drawn(replace(run, trials=tuple(lost)))
    colour = next(trace["line"]["color"] for trace in chart.figure["data"] if trace.get("name") == "tcg")
    ribbons = [t for t in chart.figure["data"] if t.get("fill") == "toself" and t["line"]["color"] == colour]
    assert [ribbon["x"] for ribbon in ribbons] == [[1.0, 2.0, 2.0, 1.0], [8.0, 16.0, 16.0, 8.0]]


def test_the_caption_says_what_the_ends_show() -> None:
    (chart,) = drawn(varied())
    assert chart.caption.startswith("From depth 1 to 16: the intervals of runc overlap, so no change is shown: 1.0")
    assert "the cost of tcg rises from 1." in chart.caption
    (few,) = drawn(varied(blocks=3))
    assert "without both intervals" in few.caption
    assert not [trace for trace in few.figure["data"] if trace.get("fill") == "toself"]


def test_another_key_gives_a_chart_for_each_of_its_values() -> None:
    titles = [chart.title for chart in drawn(varied(engines=("psync", "libaio")))]
    assert titles == [f"disk.randread iops over depth, engine {engine}" for engine in ("psync", "libaio")]


def test_a_key_without_numbers_and_a_single_value_are_no_curve() -> None:
    assert drawn(varied(depths=(4,), engines=("psync", "libaio"))) == ()
    assert drawn(make_run()) == ()


@pytest.mark.parametrize("huge", [10**400, float("1e308"), -(10**400)])
def test_a_value_that_no_axis_can_have_draws_nothing(huge: float) -> None:
    run = varied()
    first, *others = run.manifest.benchmarks
    records = (replace(first, varied={"depth": huge}), *others)
    assert drawn(replace(run, manifest=replace(run.manifest, benchmarks=records))) == ()


def test_page_markdown_and_json_have_the_curve() -> None:
    run = varied()
    text = " ".join(Document(report.html(run)).text.split())
    assert "disk.randread iops over depth From depth 1 to 16" in text
    assert "the cost of tcg rises from" in report.markdown(run)
    assert "| 16 |" in report.markdown(run)
    costs = report.json_document(run)["costs"]
    assert {cost["of"] for cost in costs} == {"disk.randread"}
    assert {cost["varied"]["depth"] for cost in costs} == set(DEPTHS)
    assert "over a varied key" not in report.html(make_run()) + report.markdown(make_run())


def test_the_table_of_costs_has_the_values_that_were_varied() -> None:
    costs = Tables(Passed(varied(), [], [])).costs
    assert set(costs["of"]) == {"disk.randread"}
    assert {json.loads(text)["depth"] for text in costs["varied"]} == set(DEPTHS)
    assert Tables(Passed(make_run(), [], [])).costs["varied"].isna().all()
