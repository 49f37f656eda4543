"""What the page says in ten seconds: the finding in its title, the families, links, plain names, and no idle colour."""

import math
import re
import sys

import pytest
from msgspec.structs import replace

from tests.unit.comparable_runs import with_arms
from tests.unit.documents import Document, figures
from tests.unit.runs import HOSTILE, WORLD, make_run
from vbench import report
from vbench.model import Measured
from vbench.report.charts import means
from vbench.report.charts.forest import NEUTRAL
from vbench.report.view import anchors, view_of
from vbench.text import is_decided


@pytest.fixture(scope="module")
def document() -> Document:
    return Document(report.html(make_run()))


def test_the_title_is_the_finding_and_the_first_screen_has_processor_kernel_and_day(document: Document) -> None:
    text = " ".join(document.text.split())
    assert text.startswith(
        "runc: start 4.16×, getpid 1.308×, TCP round trip latency p99 1.086×; 7 of 16 undecided · tcg: "
    )
    first = text[text.index("Skip to the report") : text.index("Families of benchmarks")]
    for wanted in (
        "Intel Xeon Processor @ 2.90GHz, kernel 6.1.155+, 2026-11-22, this host is itself a guest",
        "tcg: start",
    ):
        assert wanted in first


def test_a_page_of_many_environments_has_a_line_for_each() -> None:
    document = Document(report.html(with_arms(make_run(losses=False), 12)))
    text = " ".join(document.text.split())
    assert text.startswith("12 environments against bare: largest 215× (tcg, start); ")
    assert text.count("runc-3: start 4.16×") == 1


def test_the_lead_chart_has_a_row_for_each_family_of_each_environment() -> None:
    found = means.panels(view_of(make_run(losses=False)))
    assert [panel.arm.name for panel in found] == ["runc", "tcg"]
    expected = ["computing", "memory", "system calls", "disk", "network", "start-up"]
    assert all([mean.family for mean in panel.means] == expected for panel in found)
    tcg = found[1]
    assert all(mean.is_judged and mean.noise for mean in tcg.means)
    geometric = {f.family: f for f in view_of(make_run(losses=False)).families if f.environment == "tcg"}
    assert (tcg.means[0].cost, tcg.means[0].low) == (geometric["cpu"].cost, geometric["cpu"].low)
    assert [mean.members for mean in tcg.means] == [3, 2, 3, 2, 2, 1]


def test_one_family_far_from_the_others_does_not_hide_them() -> None:
    runc, tcg = means.panels(view_of(make_run(losses=False)))
    assert runc.scale.high < 2 < (runc.means[-1].cost or 0)
    assert (runc.scale.beyond(runc.means[-1].cost or 0), runc.scale.position(runc.means[-1].cost or 0)) == (1, 100)
    assert all(tcg.scale.beyond(mean.cost or 0) == 0 for mean in tcg.means)
    assert all(0 <= place <= 100 for place, _ in runc.scale.ticks)


def test_a_label_that_all_intervals_have_stands_once() -> None:
    run = make_run(blocks=6, losses=False)
    assert [panel.label for panel in means.panels(view_of(run))] == ["rough", "rough"]
    text = " ".join(Document(report.html(run)).text.split())
    assert text.count(", intervals rough") == 2
    assert [panel.label for panel in means.panels(view_of(make_run(losses=False)))] == ["", ""]


def test_a_scale_reaches_from_the_smallest_to_the_largest_floats() -> None:
    scale = means.Scale(sys.float_info.min, sys.float_info.max)
    assert [scale.position(value) for value in (0.0, 1e-310, sys.float_info.max, math.inf)] == [0, 0, 100, 100]
    assert 49 < scale.position(1.0) < 51
    run = make_run(losses=False)
    huge = tuple(
        replace(t, outcome=replace(t.outcome, samples=dict.fromkeys(t.outcome.samples, (1e300,))))
        if isinstance(t.outcome, Measured) and t.environment == "tcg"
        else t
        for t in run.trials
    )
    (_, tcg) = means.panels(view_of(replace(run, trials=huge)))
    assert all(0 <= tcg.scale.position(mean.cost or 1) <= 100 for mean in tcg.means)


def test_without_families_there_is_no_lead_chart() -> None:
    run = make_run(blocks=1)
    assert means.panels(view_of(replace(run, trials=()))) == ()
    assert 'id="families"' not in report.html(replace(run, trials=()))


def test_every_link_of_the_contents_leads_somewhere_and_every_benchmark_has_one(document: Document) -> None:
    ids = {attributes["id"] for _, attributes in document.elements if "id" in attributes}
    links = [(link["href"] or "")[1:] for link in document.all("a")]
    assert set(links) <= ids
    assert {f"b-{name}" for name in WORLD} <= set(links)
    assert {link["href"] for link in document.all("a") if link.get("class") == "permalink"} == {
        f"#b-{n}" for n in WORLD
    }


def test_anchors_are_safe_in_an_address_and_no_two_are_the_same() -> None:
    found = anchors(["cpu.hash", HOSTILE, f"{HOSTILE}!", "x/y", "x?y", "x-y", "cpu.hash"])
    assert found["cpu.hash"] == "b-cpu.hash"
    assert len(set(found.values())) == len(found) == 6
    assert all(re.fullmatch(r"b-[A-Za-z0-9._-]+", anchor) for anchor in found.values())


def test_plain_names_stand_beside_the_names_of_the_suite(document: Document) -> None:
    text = " ".join(document.text.split())
    assert "4 KiB random reads" in text
    assert "99th percentile of latency, within the trial" in text


def test_a_long_note_is_folded_under_its_gist() -> None:
    page = report.html(make_run(losses=False))
    found = re.findall(r"<details><summary>([^<]+) …</summary>([^<]+)</details>", page)
    assert found
    assert all(text.startswith(gist) and len(text) > 32 for gist, text in found)


def test_no_cost_has_a_colour_without_a_verdict() -> None:
    run = make_run(losses=False)
    decided = {
        (row.cost.environment, row.cost.benchmark, row.cost.metric): is_decided(row.cost) for row in view_of(run).rows
    }
    drawn = figures(Document(report.html(run)))["figures"]
    marks = [trace for trace in drawn["forest"]["data"] if trace.get("customdata")]
    assert {trace["marker"]["color"] == NEUTRAL for trace in marks} == {True, False}
    for trace in marks:
        neutral = trace["marker"]["color"] == NEUTRAL == trace["error_x"]["color"]
        for benchmark, metric in (found[0].split(" ") for found in trace["customdata"]):
            assert decided[trace["name"], benchmark, metric] is not neutral
    squares = drawn["heat"]["data"][0]
    assert all(
        (shade == 0) != text.startswith("<b>")
        for line in zip(squares["z"], squares["text"], strict=True)
        for shade, text in zip(*line, strict=True)
    )


def test_a_rough_run_has_no_coloured_cost_at_all() -> None:
    document = Document(report.html(make_run(blocks=6, losses=False)))
    drawn = figures(document)["figures"]
    assert {t["marker"]["color"] for t in drawn["forest"]["data"] if t.get("customdata")} == {NEUTRAL}
    assert {shade for line in drawn["heat"]["data"][0]["z"] for shade in line} == {0}
    assert not [row for row in document.all("tr") if row.get("class") == "judged"]
