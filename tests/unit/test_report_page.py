"""The page as text: self-contained, closed to hostile names, and honest about what is unknown."""

import base64
import gzip
import hashlib
import itertools
import math
import re
import sys
from html import unescape
from importlib import resources
from typing import Any

import plotly.graph_objects as go
import pytest
from msgspec.structs import replace
from plotly.offline import get_plotlyjs_version

from tests.unit.documents import Document, figures, packed
from tests.unit.large_runs import large_run
from tests.unit.runs import BIDI, HOSTILE, gated, make_run, with_attach
from vbench import report
from vbench.cost import Analysis
from vbench.facts.registry import KEYS
from vbench.model import FAMILIES, Fact, Measured, Run, StackLayer, State
from vbench.report import words
from vbench.report.charts.chart import Chart, log_axis, padded, rounded, seconds_axis
from vbench.report.charts.forest import NEUTRAL
from vbench.report.charts.panels import panels
from vbench.report.page import packing
from vbench.report.view import COLOURS, SYMBOLS, arms, losses, view_of
from vbench.text import interval, number, plain, ratio

VENDORED = resources.files("vbench.report.page").joinpath("vendor", "plotly-cartesian.min.js")
TWO_MB = 2_000_000


@pytest.fixture(scope="module")
def page() -> str:
    return report.html(make_run())


@pytest.fixture(scope="module")
def document(page: str) -> Document:
    return Document(page)


def test_the_vendored_plotly_is_the_one_that_python_s_plotly_draws_for() -> None:
    version = re.search(r"plotly\.js \(cartesian - minified\) v(\S+)", VENDORED.read_text(encoding="utf-8")[:200])
    assert version is not None
    assert version[1] == get_plotlyjs_version()


def drawn(run: Run) -> list[Chart]:
    return panels(view_of(run)).all


@pytest.mark.parametrize(
    "run",
    [with_attach(gated(make_run(blocks=12)), 0.5), make_run(blocks=1, hostile=True), gated(large_run(blocks=6))],
    ids=["gated", "one block", "large"],
)
def test_every_figure_is_one_of_plotly_s_own(run: Run) -> None:
    """Python's plotly knows every key and its values, and keeps all of them."""
    for chart in drawn(run):
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


def test_the_page_is_one_small_file(page: str) -> None:
    assert len(page.encode()) < TWO_MB / 1.5


def test_the_page_of_the_whole_set_of_benchmarks_is_small_too() -> None:
    """With as many facts as a real host tells, each with its source."""
    run = large_run()
    value = Fact("a value as long as most of them are", "/sys/devices/system/somewhere/file")
    known = {key.name: value for key in KEYS}
    full = replace(run, host=known, facts={arm: known | found for arm, found in run.facts.items()})
    assert len(report.html(gated(full)).encode()) < TWO_MB


def test_the_same_run_gives_the_same_bytes(page: str) -> None:
    assert report.html(make_run()) == page


def test_nothing_in_the_page_points_outside(document: Document) -> None:
    pointing = {"src", "srcset", "href", "action", "data", "poster", "background", "ping"}
    targets = [value for _, attributes in document.elements for name, value in attributes.items() if name in pointing]
    assert targets
    assert all(value is not None and value.startswith("#") for value in targets)


def test_the_policy_forbids_every_fetch_and_allows_the_page_s_own_two_scripts_alone(document: Document) -> None:
    policy = next(meta["content"] for meta in document.all("meta") if "http-equiv" in meta) or ""
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    own = [
        hashlib.sha256(text.encode()).digest() for text in (document.scripts[2], VENDORED.read_text(encoding="utf-8"))
    ]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in own]
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_plotly_comes_out_of_the_page_as_it_went_in(document: Document) -> None:
    assert gzip.decompress(base64.b64decode(document.scripts[1])) == VENDORED.read_bytes()


def test_charts_offer_no_cloud(document: Document) -> None:
    for setting in ("displaylogo: false", "showSendToCloud: false", 'plotlyServerURL: ""'):
        assert setting in document.scripts[2]


def test_the_template_is_shipped_once(document: Document) -> None:
    found = figures(document)
    assert "paper_bgcolor" in found["template"]["layout"]
    assert not any("template" in figure["layout"] for figure in found["figures"].values())


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


@pytest.mark.parametrize(
    "run",
    [gated(make_run(blocks=12)), make_run(hostile=True), gated(large_run(blocks=6), repeated=False)],
    ids=["gated", "hostile", "large"],
)
def test_what_the_page_holds_once_is_every_list_of_its_charts(run: Run) -> None:
    charts = drawn(run)
    found = packing.run_figures(charts)
    stretches = 0
    for chart in charts:
        sources = {"records": found["records"][chart.key]["columns"], "cells": list(zip(*chart.table, strict=True))}
        figure, whole = found["figures"][chart.key], rounded(chart.figure)
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


def test_every_family_has_words() -> None:
    assert set(FAMILIES) == set(words.FAMILY_WORDS)
    assert words.family("of another version") == "of another version"


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


def test_no_name_of_a_baseline_ends_the_style_that_labels_its_columns() -> None:
    run = make_run(blocks=5)
    name = 'a"; } </style><script>"\\'
    renamed = tuple(replace(trial, environment=name) if trial.environment == "bare" else trial for trial in run.trials)
    records = tuple(replace(one, name=name) if one.name == "bare" else one for one in run.manifest.environments)
    manifest = replace(run.manifest, baseline=name, environments=records, confirmatory=())
    page = report.html(replace(run, manifest=manifest, trials=renamed))
    style = page[page.index("<style>") : page.index("</style>")]
    assert 'content: "a\\22 ; } \\3c /style\\3e \\3c script\\3e \\22 \\5c , median: "' in style
    assert len(Document(page).all("style")) == 2


def test_hostile_names_stay_text() -> None:
    document = Document(report.html(make_run(hostile=True)))
    assert not document.all("img")
    assert not any(name.startswith("on") for _, attributes in document.elements for name in attributes)
    assert len(document.all("script")) == 3
    assert HOSTILE in document.text
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", document.scripts[0])


def test_a_bidirectional_name_cannot_turn_what_stands_beside_it() -> None:
    page = report.html(make_run(hostile=True))
    for text in (page, packed(Document(page))):
        assert BIDI not in text
        assert "\u202e" not in text
        assert "\\u202e" not in text
    assert "safe⟨U+202E⟩gnp.exe" in page


def test_a_chart_reads_no_markup_out_of_a_name() -> None:
    document = Document(report.html(make_run(hostile=True)))
    names = {trace.get("name", "") for figure in figures(document)["figures"].values() for trace in figure["data"]}
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in names


def test_the_first_line_says_that_the_host_is_itself_a_guest(document: Document) -> None:
    text = " ".join(document.text.split())
    assert "guest" in text[: text.index("runc and tcg against bare", text.index("Skip to"))].partition("Skip to")[2]


def test_layers_commands_mechanisms_and_the_way_to_reproduce_are_there(document: Document) -> None:
    text = " ".join(document.text.split())
    for wanted in (
        "All environments run on firecracker › guest, outermost first",
        "tcg › guest",
        "qemu-system-x86_64 -accel tcg,thread=multi -m 1024 -kernel /cache/vmlinux",
        "namespaces mnt pid net ipc uts",
        "vbench run suites/quick.toml --seed 7",
        "sha256:4be1",
        'name = "quick"',
    ):
        assert wanted in text


def test_warnings_of_the_run_come_before_its_numbers(document: Document) -> None:
    assert 0 < document.text.index("a torn last line was dropped") < document.text.index("In words")


def test_a_run_that_is_not_complete_says_so() -> None:
    run = make_run(blocks=5)
    page = report.html(replace(run, manifest=replace(run.manifest, state=State.PARTIAL, blocks=9)))
    assert "<dt>State</dt><dd>partial</dd>" in page
    assert "5 of 9" in page
    assert "5 blocks of 9 planned analysed" in page


def test_lost_trials_are_shown_with_reason_hint_and_blocks(document: Document) -> None:
    for wanted in (
        "refuses O_DIRECT",
        "use scratch space on ext4 or xfs",
        "calibration, 1 to 10",
        "iperf3: the server closed",
    ):
        assert wanted in document.text


def test_no_lost_trial_is_said_too() -> None:
    text = " ".join(Document(report.html(make_run(losses=False))).text.split())
    assert "Failed and skipped trials None." in text
    assert "trials gave numbers." in text


def test_every_confound_is_shown_with_both_sides(document: Document) -> None:
    assert "6.1.0-40-amd64" in document.text
    assert "6.1.155+" in document.text
    assert "clock.source" in document.text


def test_what_is_unknown_is_a_dash(document: Document) -> None:
    assert re.search(
        r"disk\.seqwrite#.*\s*bandwidth ↑bytes written a second\s*runc\s*\S+ MB/s\s*–\s*–\s*–\s*0", document.text
    )
    assert "denied" in document.text


def test_a_fact_of_another_version_is_shown_as_it_is() -> None:
    run = make_run(blocks=1)
    facts = {**run.facts, "tcg": {**run.facts["tcg"], "future.fact": Fact("odd", "somewhere")}}
    known = replace(run, facts=facts)
    assert "future.fact" in _facts_section(known)


def _facts_section(run: Run) -> str:
    from vbench.report.page.html import _facts_table

    return str(_facts_table(run))


def test_notes_of_the_trials_are_counted_in_the_table() -> None:
    run = make_run(blocks=5, losses=False)
    noted = tuple(
        replace(t, outcome=replace(t.outcome, notes=("peer-limited",)))
        if isinstance(t.outcome, Measured)
        and (t.environment, t.benchmark) == ("runc", "network.stream")
        and t.block < 4
        else t
        for t in run.trials
    )
    assert "peer-limited (3 of 5 trials)" in report.html(replace(run, trials=noted))


def test_notes_that_differ_in_their_figures_are_one_note() -> None:
    run = make_run(blocks=5, losses=False)
    noted = tuple(
        replace(t, outcome=replace(t.outcome, notes=(f"no steady state: off by {t.block} %",)))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("tcg", "cpu.hash")
        else t
        for t in run.trials
    )
    rows = {(row.cost.environment, row.cost.benchmark): row.notes for row in view_of(replace(run, trials=noted)).rows}
    assert rows["tcg", "cpu.hash"] == ("no steady state (5 of 5 trials)",)


def test_a_label_of_single_trials_is_kept_and_is_no_note() -> None:
    run = make_run(losses=False)
    labelled = tuple(
        replace(t, outcome=replace(t.outcome, notes=("no steady state: off by 7 %", "peer-limited")))
        if isinstance(t.outcome, Measured) and (t.environment, t.benchmark) == ("tcg", "cpu.hash")
        else t
        for t in run.trials
    )
    run = replace(run, trials=labelled)
    row = next(row for row in view_of(run).rows if (row.cost.environment, row.cost.benchmark) == ("tcg", "cpu.hash"))
    assert row.label.endswith("; peer-limited (10 of 10 trials)")
    assert "no steady state" not in report.html(run)
    assert "no steady state" not in report.markdown(run)
    cost = next(
        c for c in report.json_document(run)["costs"] if (c["environment"], c["benchmark"]) == ("tcg", "cpu.hash")
    )
    assert cost["notes"][0].startswith("no steady state")
    assert (cost["steadiness"]["labelled"], cost["steadiness"]["drifting"]) == (10, False)


def test_every_layer_of_a_stack_shows_its_commands_limit_and_files() -> None:
    run = make_run(blocks=1)
    low = StackLayer("machine", "qemu", (("qemu", "-m", "1G"),), ("a kernel of its own",), 2**30, ("raw/console.log",))
    tcg = replace(run.manifest.environments[2], on="machine", stack=(low, StackLayer("inner", "bare", (("agent",),))))
    environments = (*run.manifest.environments[:2], tcg, run.manifest.environments[3])
    run = replace(run, manifest=replace(run.manifest, environments=environments))
    text = " ".join(Document(report.html(run)).text.split())
    shown = text[text.rindex("Exact commands") :]
    assert "machine qemu qemu -m 1G a kernel of its own memory limit 1 GiB, raw/console.log inner bare agent" in shown
    stack = report.json_document(run)["environments"][tcg.name]["stack"]
    assert [layer["environment"] for layer in stack] == ["machine", "inner"]
    assert (stack[0]["memory_limit_b"], stack[1]["memory_limit_b"]) == (2**30, None)


def test_settings_leave_out_what_is_not_set_and_give_sizes_a_unit() -> None:
    run = make_run(blocks=1)
    runc = replace(run.manifest.environments[2], settings={"runtime": "runc", "on": None, "scratch": 2**30, "cpus": 1})
    environments = (*run.manifest.environments[:2], runc, run.manifest.environments[3])
    document = Document(report.html(replace(run, manifest=replace(run.manifest, environments=environments))))
    text = " ".join(document.text.split())
    assert "oci scratch = 1 GiB cpus = 1 compared" in text
    assert "oci runtime = runc scratch = 1 GiB cpus = 1" in text[text.index("All settings, defaults too") :]


def test_a_repeated_block_counts_as_it_stands_last() -> None:
    run = make_run(blocks=2)
    failed = next(trial for trial in run.trials if trial.environment == "tcg" and trial.benchmark == "network.stream")
    again = replace(failed, block=2, outcome=failed.outcome)
    assert [loss.environment for loss in losses(Analysis.of(replace(run, trials=(*run.trials, again))))] == ["runc"]


def test_a_run_without_trials_still_makes_a_page() -> None:
    page = report.html(replace(make_run(blocks=1), trials=(), host={}, facts={}))
    assert "0 blocks of 1 planned analysed" in page


@pytest.mark.parametrize("blocks", [1, 4])
def test_below_five_blocks_nothing_is_claimed(blocks: int) -> None:
    seen = view_of(make_run(blocks=blocks, losses=False))
    assert [found.claims for found in words.summaries(seen)] == [(), ()]
    assert all("nothing is claimed" in found.count for found in words.summaries(seen))
    assert "unknown" in words.control_sentence(seen)
    assert "dots only" in words.standing(seen)


def test_every_claim_has_its_interval_and_the_control_s_beside_it() -> None:
    seen = view_of(make_run())
    claims = [claim for found in words.summaries(seen) for claim in found.claims]
    assert len(claims) > 6
    assert all(re.fullmatch(r"control [\d.]+ to [\d.]+", claim.noise) for claim in claims)
    said = r"slower (by|at) [\d.]+( %|×) \([\d.]+ to [\d.]+( %)?\), (exploratory|confirmatory)"
    assert all(re.fullmatch(said, claim.verdict) for claim in claims)
    assert {claim.where for claim in claims} >= {"system calls", "start-up", "disk"}


def test_claims_are_the_largest_of_their_family_largest_first() -> None:
    tcg = words.summaries(view_of(make_run()))[1]
    costs = [float(claim.cost.rstrip("×")) for claim in tcg.claims]
    assert costs == sorted(costs, reverse=True)
    assert [claim.metric for claim in tcg.claims][:2] == ["start.ready time", "syscall.fork latency"]


def test_page_and_facts_name_every_environment(document: Document) -> None:
    heads = unescape(document.text)
    assert all(name in heads for name in ("bare", "control", "runc", "tcg"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0034, "1.003"), (0.5, "0.500"), (4.206, "4.21"), (52.03, "52.0"), (210.4, "210"), (None, "–"), (math.nan, "–")],
)
def test_ratios_print_the_digits_that_matter(value: float | None, shown: str) -> None:
    assert number(value) == shown
    assert ratio(value) == (shown if shown == "–" else shown + "×")


def test_half_an_interval_is_none() -> None:
    assert interval(1.0, None) == interval(None, 1.0) == interval(math.inf, 1.0) == "–"


def test_hidden_characters_become_visible_and_others_stay() -> None:
    assert plain("a\u202eb\x1b[0m\u200b µ ✓\n") == "a⟨U+202E⟩b⟨U+001B⟩[0m⟨U+200B⟩ µ ✓\n"


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
