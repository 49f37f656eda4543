"""The page's charts: figures that plotly knows, told apart by colour, with captions and their numbers."""

import itertools
import math
import re
import sys
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest
from msgspec.structs import replace

from tests.unit.documents import Document, figures, packed
from tests.unit.large_runs import large_run
from tests.unit.runs import gated, make_run, with_attach
from vbench.model import Run
from vbench.report.charts.chart import Chart, log_axis, padded, rounded, seconds_axis
from vbench.report.charts.forest import NEUTRAL
from vbench.report.charts.panels import panels
from vbench.report.page import packing
from vbench.report.view import COLOURS, SYMBOLS, arms, view_of


def drawn(run: Run) -> list[Chart]:
    return panels(view_of(run)).all


RUNS: dict[str, Callable[[], Run]] = {  # made by the test that takes them, not where they are collected
    "one block": lambda: make_run(blocks=1, hostile=True),
    "attached": lambda: with_attach(gated(make_run(blocks=12)), 0.5),
    "large": lambda: gated(large_run(blocks=6)),
    "gated": lambda: gated(make_run(blocks=12)),
    "hostile": lambda: make_run(hostile=True),
    "not repeated": lambda: gated(large_run(blocks=6), repeated=False),
}


@pytest.mark.parametrize("name", ["one block", "attached", "large"])
def test_every_figure_is_one_of_plotly_s_own(name: str) -> None:
    """Python's plotly knows every key and its values, and keeps all of them."""
    for chart in drawn(RUNS[name]()):
        read = go.Figure(chart.figure).to_dict()
        read["layout"].pop("template")
        assert read["data"] == chart.figure["data"]
        assert read["layout"] == {key: value for key, value in chart.figure["layout"].items() if value != []}


def test_a_key_that_plotly_does_not_know_is_found() -> None:
    figure = drawn(make_run(blocks=5))[0].figure
    first, *others = figure["data"]
    with pytest.raises(ValueError, match="colour"):
        go.Figure(figure | {"data": [first | {"colour": "red"}, *others]})
    with pytest.raises(ValueError, match="margins"):
        go.Figure(figure | {"layout": figure["layout"] | {"margins": {}}})


def test_every_colour_of_a_chart_is_one_of_the_style_sheet_s(page: str, document: Document) -> None:
    drawn = packed(document)
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", drawn))
    defined = set(re.findall(r"(--[a-z0-9-]+):", page[: page.index("</style>")]))
    assert used <= defined
    assert not re.findall(r'"#[0-9a-fA-F]{3,8}"', drawn)


def test_every_chart_has_a_caption_a_label_and_its_data(document: Document) -> None:
    plots = [element for element in document.all("div") if "data-figure" in element]
    assert {plot["data-figure"] for plot in plots} == set(figures(document)["figures"])
    ids = {element["id"] for tag in ("h3", "figcaption") for element in document.all(tag) if "id" in element}
    assert all(plot["role"] == "img" and set((plot["aria-labelledby"] or "").split()) <= ids for plot in plots)
    assert len(document.all("figcaption")) == len(plots) == len(document.all("figure"))
    assert document.text.count("Data of this chart") == len(plots)


def test_every_chart_offers_its_numbers_under_names(document: Document) -> None:
    found = figures(document)
    assert (
        set(found["records"])
        == set(found["figures"])
        == {button["data-csv"] for button in document.all("button") if "data-csv" in button}
    )
    for records in found["records"].values():
        assert all(isinstance(name, str) for name in records["names"])
        assert len(records["columns"]) == len(records["names"])
        assert len({len(column) for column in records["columns"]}) == 1
        assert records["columns"][0]


@pytest.mark.parametrize("name", ["gated", "hostile", "not repeated"])
def test_what_the_page_holds_once_is_every_list_of_its_charts(name: str) -> None:
    charts = drawn(RUNS[name]())
    content = packing.run_figures(charts)
    stretches = 0
    for chart in charts:
        sources = {"records": content["records"][chart.key]["columns"], "cells": list(zip(*chart.table, strict=True))}
        figure, whole = content["figures"][chart.key], rounded(chart.figure)
        for trace, expected in zip(figure["data"], whole["data"], strict=True):
            for key, value in trace.items():
                assert expanded(value, sources) == expected[key], (chart.key, key)
                stretches += value != expected[key]
        assert figure | {"data": whole["data"]} == whole | {"height": chart.height}
    assert stretches > len(charts)


def expanded(value: Any, sources: dict[str, Any]) -> Any:
    """As page.js does it."""
    (source,) = (value.keys() & sources.keys() if isinstance(value, dict) else ()) or (None,)
    if source is None:
        return value
    rows = [row for row in range(value["from"], value["to"]) if row not in value.get("without", ())]
    return [sources[source][value[source]][row] for row in rows]


def test_few_benchmarks_are_all_in_sight_and_many_are_folded_by_family() -> None:
    few, many = panels(view_of(make_run(blocks=5))), panels(view_of(large_run(blocks=5)))
    assert [chart.key for fold in few.overview for chart in fold.charts] == ["forest", "heat"]
    assert not any(fold.title for fold in (*few.overview, *few.blocks))
    assert [fold.title for fold in many.overview] == ["", *(fold.title for fold in many.blocks)]
    assert [fold.title for fold in many.blocks][:4] == ["computing", "memory", "system calls", "scheduling"]
    assert len([chart for fold in many.blocks for chart in fold.charts]) == len(view_of(large_run(blocks=5)).groups)


def test_folded_plots_share_their_scale_and_the_heat_map_names_each_family() -> None:
    squares, *plots = [fold.charts[0].figure["layout"] for fold in panels(view_of(large_run(blocks=5))).overview]
    assert len({tuple(layout["xaxis"]["range"]) for layout in plots}) == 1
    names = squares["yaxis"]["ticktext"]
    assert [name for name in names if name.startswith("<b>")][:2] == ["<b>computing</b>", "<b>memory</b>"]
    assert "hash time" in names


def test_an_environment_has_one_colour_and_symbol_in_all_charts(document: Document) -> None:
    marks: dict[str, set[tuple[str, str]]] = {}
    for figure in figures(document)["figures"].values():
        for trace in figure["data"]:
            if "name" in trace:
                marks.setdefault(trace["name"], set()).add((trace["marker"]["color"], trace["marker"]["symbol"]))
    coloured = {name: {mark for mark in seen if mark[0] != NEUTRAL} for name, seen in marks.items()}
    assert {name: len(seen) for name, seen in coloured.items()} == {"runc": 1, "tcg": 1, "control": 1, "bare": 1}
    assert len(set.union(*coloured.values())) == 4
    assert all(len({symbol for _, symbol in seen}) == 1 for seen in marks.values())


def test_two_dozen_environments_can_be_told_apart() -> None:
    run = make_run(blocks=1)
    first, control, runc, _ = run.manifest.environments
    many = tuple(replace(runc, name=f"e{place}") for place in range(24))
    marks = arms(replace(run, manifest=replace(run.manifest, environments=(first, control, *many))))
    assert len({(arm.colour, arm.symbol) for arm in marks}) == 26 == math.lcm(COLOURS, len(SYMBOLS)) + 2


@pytest.mark.parametrize(("low", "high"), [(8.2e-6, 9.7e-6), (1e-5, 1e-5), (9.9e-3, 9.9e-3), (2.0, 2.1), (1e-6, 1.0)])
def test_every_axis_of_durations_has_two_labels_at_least(low: float, high: float) -> None:
    axis = seconds_axis(low, high)
    assert 2 <= len(set(axis["ticktext"])) <= 8
    assert all(axis["range"][0] <= math.log10(tick) <= axis["range"][1] for tick in axis["tickvals"])


EXTREMES = (5e-324, 1e-300, 1e-9, 1.0, 1e9, 1e308, sys.float_info.max)


@pytest.mark.parametrize(("low", "high"), list(itertools.combinations_with_replacement(EXTREMES, 2)))
def test_an_axis_between_any_two_numbers_is_finite_and_has_few_labels(low: float, high: float) -> None:
    for axis in (seconds_axis(low, high), log_axis(*padded(low, high))):
        assert all(map(math.isfinite, axis["range"]))
        assert len(axis["ticktext"]) <= 8
