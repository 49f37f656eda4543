"""The charts of the page in a real browser: drawn when looked at or printed, in its reader's colours and width."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.real.browser import Browser, Page
from tests.real.pages import (
    DRAWN,
    DRIFT,
    PLOTS,
    SEEN,
    WIDEST,
    draw_all,
    draw_one,
    opened,
    press,
)
from tests.unit.runs import gated, make_run
from vbench import report

GROUND = "getComputedStyle(document.documentElement).backgroundColor"
MARK = "getComputedStyle(document.querySelector('.scatterlayer .point')).fill"


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: Browser, html: Path) -> Page:
    return opened(chromium, html, dark=request.param)


def downloads(chromium: Browser) -> list[dict[str, Any]]:
    return [event for event in chromium.events if event["method"] == "Browser.downloadProgress"]


def test_charts_are_drawn_when_scrolled_to(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    assert 0 < page.ask(DRAWN) < page.ask(f"{SEEN}.length")
    draw_all(page)
    assert page.ask(DRAWN) == page.ask(f"{SEEN}.length") == 20


def test_charts_follow_the_width_of_the_window(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    page.resize(375, 812)
    page.until(f"{WIDEST} <= 375")


def test_page_and_charts_change_with_the_colour_scheme_while_open(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    assert (page.ask(GROUND), page.ask(MARK)) == ("rgb(247, 247, 245)", "rgb(0, 114, 178)")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.call("Emulation.setEmulatedMedia", media="", features=[dark])
    page.until(f"{MARK} === 'rgb(86, 180, 233)'")
    assert page.ask(GROUND) == "rgb(21, 23, 26)"


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


def test_paper_shows_every_drift_and_every_fold_and_the_screen_is_put_back(chromium: Browser, large: Path) -> None:
    page = opened(chromium, large)
    folded = "document.querySelectorAll('.fold:not([open])').length"
    assert (page.ask(folded), page.ask(DRIFT)) == (18, ["drift-0"])
    page.ask("dispatchEvent(new Event('beforeprint'))")
    assert page.ask(DRAWN) == page.ask(f"{SEEN}.length") == page.ask(f"{PLOTS}.length")
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert (page.ask(folded), page.ask(DRIFT)) == (18, ["drift-0"])
    assert page.complaints() == []


def test_one_drift_is_shown_and_another_is_chosen_by_keyboard(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask("document.getElementById('drift').scrollIntoView()")
    page.ask("document.querySelector('.chooser select').focus()")
    assert page.ask(DRIFT) == ["drift-0"]
    press(page, "ArrowDown")
    assert page.ask(DRIFT) == ["drift-1"]
    page.until("document.querySelector('#drift-1 .main-svg')")


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


def test_a_fold_opens_by_keyboard_and_draws_its_charts(chromium: Browser, large: Path) -> None:
    page = opened(chromium, large)
    page.ask("document.querySelector('.fold summary').focus()")
    press(page, "Enter")
    page.until("document.querySelector('.fold[open] .main-svg')")


def test_nothing_offers_to_send_the_data_away(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_one(page)
    config = page.ask(
        "(({showSendToCloud, plotlyServerURL, displaylogo}) => [showSendToCloud, plotlyServerURL, displaylogo])"
        "(document.querySelector('.js-plotly-plot')._context)"
    )
    assert config == [False, "", False]
    assert page.ask("document.querySelectorAll('.modebar-btn, a[href^=http]').length") == 0


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


def test_the_marks_of_the_lead_chart_stand_on_their_scale(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    middle = "(part => { const box = part.getBoundingClientRect(); return box.left + box.width / 2; })"
    one = f"{middle}([...document.querySelectorAll('.means')][1].querySelector('.one'))"
    tick = f"{middle}([...[...document.querySelectorAll('.scale')][1].children].find(i => i.textContent === '1×'))"
    assert abs(page.ask(f"{one} - {tick}")) < 2


def test_a_run_with_voided_blocks_and_readings_draws_too(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "gated.html"
    path.write_text(report.html(gated(make_run(blocks=12))), encoding="utf-8")
    page = opened(chromium, path, width=375)
    draw_all(page)
    assert page.complaints() == []
    assert page.ask(WIDEST) <= 375


def test_every_chart_of_a_run_that_lost_nothing_is_drawn_on_a_phone(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "whole.html"
    path.write_text(report.html(make_run(losses=False)), encoding="utf-8")
    page = opened(chromium, path, width=375, height=812)
    draw_all(page)
    assert page.complaints() == []


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_runs_of_few_blocks_draw_too(chromium: Browser, tmp_path: Path, blocks: int) -> None:
    path = tmp_path / "few.html"
    path.write_text(report.html(make_run(blocks=blocks, losses=False)), encoding="utf-8")
    page = opened(chromium, path)
    draw_all(page)
    assert page.complaints() == []
