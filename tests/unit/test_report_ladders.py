"""Each step of a ladder stands on the page, in Markdown, in JSON and on the terminal with its interval and verdict."""

import io
import math
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.unit.outcomes import error
from tests.unit.runs import make_run
from vbench import api, report
from vbench.cli.table import draw
from vbench.cost import Analysis
from vbench.errors import UsageError
from vbench.frames.columns import CONTRASTS
from vbench.frames.passing import Passed
from vbench.frames.tables import Tables
from vbench.model import Failed, Ladder, Metric, Run
from vbench.report import ladders
from vbench.report.charts.ladder import estimate, staircases
from vbench.report.view import view_of

LADDER = Ladder("call", "syscall.getpid", "latency", ("bare", "runc", "tcg"))


def laddered(*several: Ladder, blocks: int = 12, hostile: bool = False) -> Run:
    run = make_run(blocks=blocks, hostile=hostile)
    return replace(run, manifest=replace(run.manifest, ladders=several or (LADDER,)))


def test_a_run_without_ladders_shows_none() -> None:
    run = make_run()
    assert report.json_document(run)["ladders"] == []
    assert staircases(view_of(run)) == ()
    assert "Ladder" not in report.html(run)
    assert "Ladder" not in report.markdown(run)


def test_the_json_has_every_step_as_a_cost() -> None:
    run = laddered()
    document = report.json_document(run)
    (found,) = document["ladders"]
    assert found["arms"] == ["bare", "runc", "tcg"]
    assert [(step["arm"], step["before"]) for step in found["steps"]] == [("runc", "bare"), ("tcg", "runc")]
    assert math.prod(step["cost"] for step in found["steps"]) == pytest.approx(found["whole"]["cost"])
    cost = next(c for c in document["costs"] if (c["benchmark"], c["environment"]) == ("syscall.getpid", "runc"))
    first = found["steps"][0]
    shared = ("cost", "low", "high", "per_block", "floor", "median", "verdict", "p")
    assert {key: first[key] for key in shared} == {key: cost[key] for key in shared}
    assert first["before_median"] == cost["baseline_median"]


def test_a_block_without_a_number_of_one_arm_is_named_in_both_steps() -> None:
    run = laddered()
    lost = tuple(
        replace(t, outcome=Failed(error("no answer")))
        if (t.block, t.environment, t.benchmark) == (4, "runc", "syscall.getpid")
        else t
        for t in run.trials
    )
    run = replace(run, trials=lost)
    (found,) = report.json_document(run)["ladders"]
    assert [step["unpaired"] for step in found["steps"]] == [{"4": "runc: failed: no answer"}] * 2
    assert found["whole"]["unpaired"] == {}
    assert "4 no pair: runc: failed: no answer" in report.explain(run, "call", "tcg")
    assert "holds only roughly" in report.markdown(run)
    assert "holds only roughly" not in report.markdown(laddered())


def test_markdown_terminal_and_findings_show_each_step_with_its_interval() -> None:
    run = laddered()
    file = io.StringIO()
    draw(view_of(run), Console(file=file, width=200))
    (climb,) = Analysis.of(run).ladders
    for line in ladders.lines(climb):
        assert "(" in line.figure
        assert line.figure in " ".join(report.findings(run).split())
        for text in (report.markdown(run), file.getvalue()):
            (row,) = [of for of in text.splitlines() if of.lstrip("| ").startswith(line.name + " ")]
            assert str(line.cost.verdict) in row
            assert f"{line.cost.low:.3g}"[:3] in row
    for text in (report.markdown(run), file.getvalue(), report.findings(run), report.html(run)):
        assert "arithmetic, not evidence" in " ".join(text.split())


def test_the_page_has_a_section_with_label_caption_and_table() -> None:
    page = report.html(laddered(LADDER, replace(LADDER, name="two", arms=("runc", "tcg"))))
    assert '<h2 id="ladder-0-part">Ladder call</h2>' in page
    assert '<a href="#ladder-1-part">Ladder two</a>' in page
    assert 'data-figure="ladder-0"' in page
    assert 'aria-labelledby="ladder-0-title ladder-0-caption"' in page
    assert '<h3 id="ladder-0-title">syscall.getpid latency, bare › runc › tcg</h3>' in page
    assert '<figcaption id="ladder-0-caption">The step that costs most is tcg after runc: slower' in page
    assert page.count("tcg after bare, the whole ladder") == 1  # in the table of the first; a single step has no whole


def test_a_stair_begins_where_the_one_before_it_ended() -> None:
    (chart,) = staircases(view_of(laddered()))
    bars = [trace["x"] for trace in chart.figure["data"] if trace["mode"] == "lines"]
    assert bars[0][0] == bars[2][0] == 1
    assert bars[1][0] == bars[0][1]
    assert bars[1][1] == pytest.approx(bars[2][1])
    marks = [trace for trace in chart.figure["data"] if trace["mode"] == "markers"]
    (climb,) = Analysis.of(laddered()).ladders
    value, low, high = estimate(ladders.steps(climb)[1])
    assert value is not None
    assert low is not None
    assert high is not None
    assert marks[1]["error_x"]["array"] == [pytest.approx(bars[1][0] * (high - value))]
    assert marks[1]["error_x"]["arrayminus"] == [pytest.approx(bars[1][0] * (value - low))]


def test_a_step_without_a_number_leaves_the_others_on_the_line() -> None:
    run = laddered(Ladder("x", "disk.seqwrite", "bandwidth", ("bare", "runc", "tcg")))  # runc skips it
    (chart,) = staircases(view_of(run))
    bars = [trace["x"][0] for trace in chart.figure["data"] if trace["mode"] == "lines"]
    assert bars == [1.0]  # the whole alone
    assert "No step has a number: runc skipped" in chart.caption
    assert len(chart.table) == 3


def test_a_metric_without_ratio_adds_up_in_its_unit() -> None:
    run = laddered()
    records = tuple(
        replace(r, metrics=(Metric("latency", "s", "lower", scale="difference", margin=1e-9),))
        if r.name == LADDER.benchmark
        else r
        for r in run.manifest.benchmarks
    )
    run = replace(run, manifest=replace(run.manifest, benchmarks=records, confirmatory=()))
    (found,) = report.json_document(run)["ladders"]
    added = sum(step["difference"]["mean"] for step in found["steps"])
    assert added == pytest.approx(found["whole"]["difference"]["mean"])
    (chart,) = staircases(view_of(run))
    assert chart.figure["data"][0]["x"][0] == 0
    assert "add up to the whole" in chart.caption


def test_hostile_names_stay_text() -> None:
    run = laddered(hostile=True)
    arms = tuple(record.name for record in run.manifest.environments if record.name != "control")
    run = replace(run, manifest=replace(run.manifest, ladders=(replace(LADDER, arms=arms),)))
    assert "<img" not in report.html(run)
    assert re.search(r"(?<!\\)<img", report.markdown(run)) is None


@pytest.mark.parametrize(
    ("what", "arm", "message", "hint"),
    [
        ("call", "bare", "bare is the first arm of call: no step leads to it", "runc, tcg"),
        ("call", "runk", "the ladder call of", "'runc'"),
        ("calls", "runc", "has no benchmark 'calls'", "'call'"),
    ],
)
def test_what_is_no_step_is_refused_to_be_explained(what: str, arm: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        report.explain(laddered(), what, arm)
    assert hint in (caught.value.hint or "")


def test_the_table_of_contrasts_has_the_steps_and_the_whole() -> None:
    run = laddered()
    frame = Tables(Passed(run, [], [])).contrasts
    assert list(frame.columns) == [column.name for column in CONTRASTS]
    assert list(zip(frame["kind"], frame["environment"], frame["before"], strict=True)) == [
        ("ladder step", "runc", "bare"),
        ("ladder step", "tcg", "runc"),
        ("whole ladder", "tcg", "bare"),
    ]
    (found,) = report.json_document(run)["ladders"]
    assert list(frame["cost"]) == [*(step["cost"] for step in found["steps"]), found["whole"]["cost"]]
    assert list(frame["before_median"]) == [step["before_median"] for step in (*found["steps"], found["whole"])]


def test_python_opens_the_contrasts_of_a_stored_run() -> None:
    run = api.load(Path(__file__).parents[2] / "results" / "quick-20261122T214659Z-9303")
    assert len(run.contrasts) == 0
