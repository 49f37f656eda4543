"""The report in a real browser: it draws, prints, fits a phone, reads nothing from anywhere, and is accessible."""

import csv
import gzip
import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.real import browser
from tests.real.browser import AXE, Browser, Page
from tests.unit.large_runs import large_run
from tests.unit.runs import gated, make_run
from vbench import report
from vbench.model import Run

PLOTS = "[...document.querySelectorAll('[data-figure]')]"
SEEN = f"{PLOTS}.filter(plot => plot.checkVisibility())"
DRAWN = f"{PLOTS}.filter(plot => plot.querySelector('.main-svg')).length"
ROWS = "[...document.querySelectorAll('#costs tbody tr')]"
DRIFT = "[...document.querySelectorAll('.chosen .chart')].filter(chart => chart.checkVisibility()).map(({id}) => id)"
FORMULA = '=cmd|"/c calc"!A1,../../etc'
CATCH_SAVED = """
window.saved = []; window.last = null;
URL.createObjectURL = (blob) => { window.last = blob; return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { saved.push([this.download, last]); };
"""
GROUND = "getComputedStyle(document.documentElement).backgroundColor"
MARK = "getComputedStyle(document.querySelector('.scatterlayer .point')).fill"
WIDEST = "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('figure, .plot, .main-svg')]"
WIDEST += ".map(box => box.getBoundingClientRect().right))"


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.html(make_run()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "report.html"
    path.write_text(report.html(gated(large_run())), encoding="utf-8")
    return path


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Browser, html: Path) -> Page:
    return opened(chromium, html, dark=request.param)


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def phone(request: pytest.FixtureRequest, chromium: Browser, html: Path) -> Page:
    return opened(chromium, html, width=375, height=812, dark=request.param)


def opened(chromium: Browser, html: Path, **window: Any) -> Page:
    page = chromium.open(html, **window)
    browser.settle(page)
    page.until("window.Plotly")
    return page


def fill(name: str, value: str) -> str:
    """A script that sets a control as its reader would."""
    told = "['input', 'change'].forEach(type => field.dispatchEvent(new Event(type)))"
    return f"(field => {{ field.value = {json.dumps(value)}; {told} }})(document.getElementById({json.dumps(name)}))"


def press(page: Page, key: str) -> None:
    text = {"Enter": "\r"}.get(key)
    codes = {"Enter": 13, "ArrowDown": 40}
    told = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]} | ({"text": text} if text else {})
    page.call("Input.dispatchKeyEvent", type="keyDown", **told)
    page.call("Input.dispatchKeyEvent", type="keyUp", **told)


def axe_faults(page: Page) -> Any:
    page.ask(gzip.decompress(AXE.read_bytes()).decode())
    faults = (
        "({violations}) => violations.map(({id, nodes}) => [id, nodes[0].html.slice(0, 200), nodes[0].failureSummary])"
    )
    return page.ask(f"axe.run(document, {{resultTypes: ['violations']}}).then({faults})")


def downloads(chromium: Browser) -> list[dict[str, Any]]:
    return [event for event in chromium.events if event["method"] == "Browser.downloadProgress"]


def renamed(run: Run, old: str, new: str) -> Run:
    """A benchmark under another name."""
    records = tuple(replace(record, name=new) if record.name == old else record for record in run.manifest.benchmarks)
    trials = tuple(replace(trial, benchmark=new) if trial.benchmark == old else trial for trial in run.trials)
    return replace(run, trials=trials, manifest=replace(run.manifest, benchmarks=records))


def is_formula(cell: str) -> bool:
    """A minus stands in front of numbers alone."""
    return cell.startswith("-") and re.fullmatch(r"-[\d.e+-]+", cell) is None


def draw_one(page: Page) -> None:
    """As a reader who scrolls to the first chart."""
    page.ask(f"{SEEN}[0].scrollIntoView()")
    page.until(f"{SEEN}[0].querySelector('.main-svg')")


def draw_all(page: Page) -> None:
    """As a reader who scrolls through the whole page."""
    page.ask(f"{SEEN}.forEach(plot => plot.scrollIntoView())")
    for place in range(page.ask(f"{SEEN}.length")):
        page.ask(f"{SEEN}[{place}].scrollIntoView()")
        page.until(f"{SEEN}[{place}].querySelector('.main-svg')")


def test_it_asks_for_nothing_but_itself_and_nothing_complains(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_all(page)
    assert page.requests() == [html.resolve().as_uri()]
    assert page.complaints() == []


def test_it_could_not_fetch_if_it_wanted_to(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    assert page.ask("fetch('https://example.org/').then(() => 'fetched', () => 'refused')") == "refused"
    assert any("connect-src" in text for text in page.complaints())


def test_charts_are_drawn_when_scrolled_to(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    assert 0 < page.ask(DRAWN) < page.ask(f"{SEEN}.length")
    draw_all(page)
    assert page.ask(DRAWN) == page.ask(f"{SEEN}.length") == 20


def test_all_charts_are_drawn_for_print_in_the_light_palette(page: Page) -> None:
    ground = page.ask(GROUND)
    page.ask("dispatchEvent(new Event('beforeprint'))")
    assert page.ask(DRAWN) == page.ask(f"{SEEN}.length") == 35
    assert (page.ask(GROUND), page.ask(MARK)) == ("rgb(255, 255, 255)", "rgb(0, 114, 178)")
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert page.ask(GROUND) == ground


def test_it_prints_on_paper(chromium: Browser, html: Path, tmp_path: Path) -> None:
    page = opened(chromium, html, dark=True)
    assert page.pdf(tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert page.ask(DRAWN) == 35


def test_page_and_charts_change_with_the_colour_scheme_while_open(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    assert (page.ask(GROUND), page.ask(MARK)) == ("rgb(247, 247, 245)", "rgb(0, 114, 178)")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.call("Emulation.setEmulatedMedia", media="", features=[dark])
    page.until(f"{MARK} === 'rgb(86, 180, 233)'")
    assert page.ask(GROUND) == "rgb(21, 23, 26)"


def test_a_mark_tells_what_the_table_below_it_says(chromium: Browser, html: Path) -> None:
    """The words are held once, in the table."""
    page = opened(chromium, html)
    page.ask("document.querySelector('#drift-1').scrollIntoView(); document.querySelector('.chooser select').focus()")
    press(page, "ArrowDown")
    page.until("document.querySelector('#drift-1 .main-svg')")
    page.ask("Plotly.Fx.hover(document.querySelector('#drift-1 .plot'), [{curveNumber: 2, pointNumber: 1}], 'xy3')")
    page.until("document.querySelector('#drift-1 .hoverlayer text')")
    row = page.ask("[...document.querySelector('#drift-1 tbody').rows[1].cells].map(cell => cell.textContent)")
    said = page.ask("document.querySelector('#drift-1 .hoverlayer').textContent")
    assert said == f"block {row[0]}, {row[6]}: {row[5]}"


def test_nothing_offers_to_send_the_data_away(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    config = page.ask(
        "(({showSendToCloud, plotlyServerURL, displaylogo}) => [showSendToCloud, plotlyServerURL, displaylogo])"
        "(document.querySelector('.js-plotly-plot')._context)"
    )
    assert config == [False, "", False]
    assert page.ask("document.querySelectorAll('.modebar-btn, a[href^=http]').length") == 0


def test_a_phone_never_scrolls_sideways(phone: Page) -> None:
    assert phone.ask("innerWidth") == 375
    draw_all(phone)
    assert phone.ask(WIDEST) <= 375


def test_every_chart_of_a_run_that_lost_nothing_is_drawn_on_a_phone(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "whole.html"
    path.write_text(report.html(make_run(losses=False)), encoding="utf-8")
    page = opened(chromium, path, width=375, height=812)
    draw_all(page)
    assert page.complaints() == []


def test_charts_follow_the_width_of_the_window(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    page.resize(375, 812)
    page.until(f"{WIDEST} <= 375")


def test_the_table_sorts_by_number_and_keeps_the_unknown_last(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    costs = "[...document.querySelectorAll('#costs tbody tr')].map(row => row.cells[5].textContent.trim())"
    press = "document.querySelectorAll('#costs thead button')[5].click()"
    for times in (1, -1):
        page.ask(press)
        *known, last = page.ask(costs)
        ratios = [times * float(text.rstrip("×")) for text in known]
        assert last == "–"
        assert ratios == sorted(ratios)


def test_the_table_filters_by_every_word(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask("document.getElementById('filter').focus()")
    page.call("Input.insertText", text="DISK p99")
    visible = "[...document.querySelectorAll('#costs tbody tr')].filter(row => row.checkVisibility()).length"
    assert page.ask(visible) == 2
    assert page.ask("document.getElementById('shown').textContent") == "2 of 48 rows"


def test_every_filter_narrows_the_table_and_the_rows_left_are_announced(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    said = "document.getElementById('shown').textContent"
    assert page.ask("document.getElementById('shown').role") == "status"
    assert page.ask(said) == "32 of 48 rows"
    for name, value, left in (("of-family", "disk", 8), ("of-arm", "tcg", 4), ("of-verdict", "slower", 4)):
        page.ask(fill(name, value))
        assert page.ask(said) == f"{left} of 48 rows"
        assert page.ask(f"{ROWS}.filter(row => row.checkVisibility()).length") == left
    page.ask(fill("least", "200"))
    costs = page.ask(f"{ROWS}.filter(row => row.checkVisibility()).map(row => parseFloat(row.cells[5].textContent))")
    assert costs
    assert all(cost >= 3 for cost in costs)
    page.ask("document.getElementById('clear').click()")
    assert page.ask(said) == "32 of 48 rows"


def test_what_is_large_but_not_significant_is_left_out(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask(fill("least", "0"))
    verdicts = page.ask(f"{ROWS}.filter(row => row.checkVisibility()).map(row => row.dataset.verdict)")
    assert set(verdicts) <= {"slower", "faster"}
    assert 0 < len(verdicts) < 48


def test_what_the_table_shows_stands_in_the_address(chromium: Browser, html: Path, tmp_path: Path) -> None:
    page = opened(chromium, html)
    for name, value in (("filter", "p99"), ("of-arm", "tcg"), ("least", "50"), ("order", "-cost")):
        page.ask(fill(name, value))
    page.until("location.hash.includes('order=-cost')")
    assert page.ask("location.hash") == "#text=p99&environment=tcg&least=50&order=-cost"
    shown = f"{ROWS}.filter(row => row.checkVisibility()).map(row => row.textContent)"
    again = chromium.open(html.resolve().as_uri() + page.ask("location.hash"))
    assert again.ask(shown) == page.ask(shown)
    assert again.ask("document.querySelector('#costs [aria-sort]').dataset.key") == "cost"
    assert again.ask("document.getElementById('order').value") == "-cost"
    again.ask("location.hash = '#verdict=inconclusive'")
    again.until("document.getElementById('of-verdict').value === 'inconclusive'")
    assert again.ask("document.getElementById('filter').value") == ""


@pytest.mark.parametrize(
    "fragment",
    [
        "text=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&family=__proto__&environment=constructor",
        "least=-1&order=toString&verdict=%00&columns=%FF%",
        "order=-&least=1e999&text=" + "a" * 5000,
    ],
)
def test_an_address_from_a_stranger_is_text_at_most(chromium: Browser, html: Path, fragment: str) -> None:
    page = chromium.open(f"{html.resolve().as_uri()}#{fragment}")
    browser.settle(page)
    assert page.ask("document.images.length") == 0
    assert page.ask("['of-family', 'of-arm', 'of-verdict'].map(id => document.getElementById(id).value).join('')") == ""
    assert page.ask("document.querySelectorAll('#costs [aria-sort]').length") == 0
    assert page.ask("document.getElementById('filter').value.length") <= 200
    assert page.complaints() == []


def test_headings_sort_by_keyboard_and_tell_which_way(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask("document.querySelector('[data-key=floor] button').focus()")
    for way in ("ascending", "descending"):
        press(page, "Enter")
        assert page.ask("document.querySelector('[data-key=floor]').ariaSort") == way
    assert page.ask("document.getElementById('order').value") == "-floor"
    page.ask(fill("order", ""))
    assert page.ask("document.querySelectorAll('#costs [aria-sort]').length") == 0


def test_one_drift_is_shown_and_another_is_chosen_by_keyboard(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask("document.getElementById('drift').scrollIntoView()")
    page.ask("document.querySelector('.chooser select').focus()")
    assert page.ask(DRIFT) == ["drift-0"]
    press(page, "ArrowDown")
    assert page.ask(DRIFT) == ["drift-1"]
    page.until("document.querySelector('#drift-1 .main-svg')")


def test_paper_shows_every_drift_and_every_fold_and_the_screen_is_put_back(chromium: Browser, large: Path) -> None:
    page = opened(chromium, large)
    folded = "document.querySelectorAll('.fold:not([open])').length"
    assert (page.ask(folded), page.ask(DRIFT)) == (18, ["drift-0"])
    page.ask("dispatchEvent(new Event('beforeprint'))")
    assert page.ask(DRAWN) == page.ask(f"{SEEN}.length") == page.ask(f"{PLOTS}.length")
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert (page.ask(folded), page.ask(DRIFT)) == (18, ["drift-0"])
    assert page.complaints() == []


def test_a_fold_opens_by_keyboard_and_draws_its_charts(chromium: Browser, large: Path) -> None:
    page = opened(chromium, large)
    page.ask("document.querySelector('.fold summary').focus()")
    press(page, "Enter")
    page.until("document.querySelector('.fold[open] .main-svg')")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)], ids=["light", "dark phone"])
def test_axe_finds_no_fault_in_the_page_of_the_whole_set(
    chromium: Browser, large: Path, width: int, *, dark: bool
) -> None:
    page = opened(chromium, large, width=width, dark=dark)
    page.ask("[...document.querySelectorAll('.fold')].slice(0, 2).forEach(fold => { fold.open = true; })")
    assert axe_faults(page) == []
    assert page.ask(WIDEST) <= width


def test_a_chart_saves_its_numbers(chromium: Browser, tmp_path: Path, large: Path) -> None:
    page = opened(chromium, large)
    saving = {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": True}
    chromium.call("Browser.setDownloadBehavior", **saving)
    page.ask("document.querySelector('[data-csv=tail-0]').click()")
    page.ask("new Promise(done => setTimeout(done))")
    chromium.wait_for("Browser.downloadWillBegin", None)
    while not any(event["params"].get("state") == "completed" for event in downloads(chromium)):
        page.ask("new Promise(done => requestAnimationFrame(done))")
    text = Path(tmp_path, "20261122-141500-quick-7f3a-tail-0.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["environment", "share slower", "pooled latency in s"]
    assert {row[0] for row in rows[1:]} == {"bare", "control", "runc", "tcg"}
    assert all(0 < float(share) <= 1 and 1e-6 < float(latency) < 1 for _, share, latency in rows[1:])
    assert page.complaints() == []


def test_every_chart_and_the_table_save_cells_that_no_spreadsheet_runs(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "formula.html"
    run = renamed(make_run(hostile=True), "cpu.hash", FORMULA)
    path.write_text(report.html(replace(run, manifest=replace(run.manifest, run_id="../../=x"))), encoding="utf-8")
    page = opened(chromium, path)
    page.ask(CATCH_SAVED)
    page.ask("document.querySelectorAll('button.csv').forEach(button => button.click())")
    saved = page.ask("Promise.all(saved.map(async ([name, blob]) => [name, await blob.text()]))")
    assert len(saved) == page.ask(f"{PLOTS}.length") + 1
    for name, text in saved:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*\.csv", name)
        assert "\u202e" not in text
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell[:1] in set("=+@\t\r") or is_formula(cell)]
    assert any(f"'{FORMULA}".replace('"', '""') in text for _, text in saved)


def test_the_table_saves_the_rows_it_shows_in_base_units(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask(CATCH_SAVED)
    page.ask(fill("filter", "start tcg"))
    page.ask("document.getElementById('save').click()")
    text = page.ask("saved[0][1].text()")
    names, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    (row,) = rows
    found = dict(zip(names, row, strict=True))
    assert (found["Benchmark"], found["Metric"], found["unit"], found["Environment"]) == (
        "start.ready",
        "time",
        "s",
        "tcg",
    )
    assert 3 < float(found["Median"]) < 6
    assert float(found["95 % low"]) < float(found["Cost"]) < float(found["95 % high"])


def test_without_a_script_everything_is_there(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    chromium.events.clear()
    page.call("Page.navigate", url=html.resolve().as_uri())
    chromium.wait_for("Page.loadEventFired", page.session)
    assert page.ask(f"{ROWS}.filter(row => row.checkVisibility()).length") == 48
    assert len(page.ask(DRIFT)) == 16
    assert page.ask("[...document.querySelectorAll('#costs :is(th, td)')].every(cell => cell.checkVisibility())")
    assert page.ask("[...document.querySelectorAll('.tools, .csv')].filter(part => part.checkVisibility()).length") == 0


def test_more_columns_are_shown_when_asked_for_and_sort_too(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    heads = "[...document.querySelectorAll('#costs thead th')].filter(head => head.checkVisibility())"
    names = f"{heads}.map(head => head.textContent.trim())"
    assert page.ask(names)[-3:] == ["Verdict", "Noise floor", "Note"]
    assert "Blocks" not in page.ask(names)
    page.ask("document.getElementById('more').click()")
    assert {"Detectable", "p adjusted", "Role", "Reason"} <= set(page.ask(names))
    page.ask(f"{heads}.find(head => head.textContent.trim() === 'Detectable').querySelector('button').click()")
    shown = "[...document.querySelectorAll('#costs tbody tr')].map(row => row.cells[10].textContent.trim())"
    *known, last = page.ask(shown)
    assert last == "–"
    assert [float(text.rstrip(" %")) for text in known] == sorted(float(text.rstrip(" %")) for text in known)


def test_a_run_with_voided_blocks_and_readings_draws_too(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "gated.html"
    path.write_text(report.html(gated(make_run(blocks=12))), encoding="utf-8")
    page = opened(chromium, path, width=375)
    draw_all(page)
    assert page.complaints() == []
    assert page.ask(WIDEST) <= 375


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (375, False)], ids=["dark", "light phone"])
def test_axe_finds_no_fault(chromium: Browser, html: Path, width: int, *, dark: bool) -> None:
    page = opened(chromium, html, width=width, dark=dark)
    draw_all(page)
    page.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.ask("document.getElementById('more').click()")
    assert axe_faults(page) == []


def test_hostile_names_stay_text(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(report.html(make_run(hostile=True)), encoding="utf-8")
    page = opened(chromium, path, width=375)
    draw_all(page)
    assert page.ask("document.images.length") == 0
    assert page.complaints() == []
    assert page.ask(WIDEST) <= 375
    assert "onerror=alert(1)" in page.ask("document.querySelector('h1').textContent")


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_runs_of_few_blocks_draw_too(chromium: Browser, tmp_path: Path, blocks: int) -> None:
    path = tmp_path / "few.html"
    path.write_text(report.html(make_run(blocks=blocks, losses=False)), encoding="utf-8")
    page = opened(chromium, path)
    draw_all(page)
    assert page.complaints() == []


def test_a_picture_has_the_size_that_was_asked_for(html: Path, tmp_path: Path) -> None:
    png = browser.screenshot(html, tmp_path / "page.png", 375, 600, dark=True)
    assert struct.unpack(">II", png.read_bytes()[16:24]) == (375, 600)


# --- the first screen, links, folds and the phone -----------------------------------------------------------------


def test_the_rows_of_the_control_are_folded_until_they_are_asked_for(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    controls = f"{ROWS}.filter(row => row.dataset.arm === 'control' && row.checkVisibility()).length"
    assert page.ask(controls) == 0
    page.ask("document.getElementById('controls').click()")
    assert page.ask(controls) == 16
    page.until("location.hash.includes('controls=shown')")
    again = chromium.open(html.resolve().as_uri() + page.ask("location.hash"))
    assert again.ask(controls) == 16
    again.ask("document.getElementById('controls').click()")
    again.ask(fill("of-arm", "control"))
    assert again.ask(controls) == 16


def test_a_link_to_a_benchmark_shows_its_row_whatever_was_left_out(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask(fill("filter", "nothing has this name"))
    page.ask("location.hash = '#b-network.rr'")
    page.until("document.getElementById('b-network.rr').checkVisibility()")
    box = "document.getElementById('b-network.rr').getBoundingClientRect()"
    page.until(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
    assert page.ask("document.getElementById('filter').value") == ""
    assert page.ask("document.querySelector('.permalink').getAttribute('href')") == "#b-cpu.hash"


def test_a_plain_name_stands_once_for_the_rows_of_one_metric(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    plain = f"{ROWS}.filter(row => row.checkVisibility() && row.querySelector('.plain').checkVisibility())"
    assert page.ask(f"{plain}.length") == 16
    page.ask(fill("of-arm", "tcg"))
    assert page.ask(f"{plain}.length") == 16


def test_the_lead_chart_is_there_without_a_script(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    chromium.events.clear()
    page.call("Page.navigate", url=html.resolve().as_uri())
    chromium.wait_for("Page.loadEventFired", page.session)
    assert page.ask("document.querySelectorAll('.means tbody tr').length") == 12
    widths = "[...document.querySelectorAll('.means .point')].map(mark => mark.getBoundingClientRect().width)"
    assert min(page.ask(widths)) > 4


def test_the_marks_of_the_lead_chart_stand_on_their_scale(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    middle = "(part => { const box = part.getBoundingClientRect(); return box.left + box.width / 2; })"
    one = f"{middle}([...document.querySelectorAll('.means')][1].querySelector('.one'))"
    tick = f"{middle}([...[...document.querySelectorAll('.scale')][1].children].find(i => i.textContent === '1×'))"
    assert abs(page.ask(f"{one} - {tick}")) < 2


def test_on_a_phone_every_number_and_verdict_is_in_sight(phone: Page) -> None:
    which = "#costs tbody tr:not([hidden]) td:not(:empty), .means td, .stacks td"
    cells = f"[...document.querySelectorAll('{which}')]"
    outside = f"{cells}.filter(cell => cell.checkVisibility() && cell.getBoundingClientRect().right > 375).length"
    assert phone.ask(f"{cells}.length") > 100
    assert phone.ask(outside) == 0
    tables = "['.stacks', '#costs', '.means'].map(name => document.querySelector(name).parentElement)"
    assert phone.ask(f"{tables}.every(box => box.scrollWidth <= box.clientWidth)")
    assert phone.ask("document.querySelector('#costs .cost').checkVisibility()")
    labels = (
        "[...document.querySelector('#costs tbody tr').cells].map(cell => getComputedStyle(cell, '::before').content)"
    )
    assert phone.ask(labels)[3:7] == ['"bare, median: "', '"Median: "', '"Cost: "', '"95 % interval: "']
