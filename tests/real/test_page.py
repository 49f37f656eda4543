"""The report in a real browser: it draws, prints, fits a phone, reads nothing from anywhere, and is accessible."""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real import browser
from tests.real.browser import Browser, Page
from tests.unit.runs import gated, make_run
from vbench import report

AXE = Path(__file__).parent.parent / "data" / "axe-core" / "axe-4.14.1.min.js.gz"
PLOTS = "[...document.querySelectorAll('[data-figure]')]"
DRAWN = f"{PLOTS}.filter(plot => plot.querySelector('.main-svg')).length"
GROUND = "getComputedStyle(document.documentElement).backgroundColor"
MARK = "getComputedStyle(document.querySelector('.scatterlayer .point')).fill"
WIDEST = "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('figure, .plot, .main-svg')]"
WIDEST += ".map(box => box.getBoundingClientRect().right))"


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser.chromium() as started:
        yield started


@pytest.fixture
def chromium(running: Browser) -> Iterator[Browser]:
    yield running
    running.close_tabs()


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.html(make_run()), encoding="utf-8")
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


def draw_all(page: Page) -> None:
    """As a reader who scrolls through the whole page."""
    page.ask(f"{PLOTS}.forEach(plot => plot.scrollIntoView())")
    for place in range(page.ask(f"{PLOTS}.length")):
        page.ask(f"{PLOTS}[{place}].scrollIntoView()")
        page.until(f"{PLOTS}[{place}].querySelector('.main-svg')")


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
    page = opened(chromium, html, height=1600)
    assert 0 < page.ask(DRAWN) < page.ask(f"{PLOTS}.length")
    draw_all(page)
    assert page.ask(DRAWN) == page.ask(f"{PLOTS}.length") == 18


def test_all_charts_are_drawn_for_print_in_the_light_palette(page: Page) -> None:
    ground = page.ask(GROUND)
    page.ask("dispatchEvent(new Event('beforeprint'))")
    assert page.ask(DRAWN) == 18
    assert (page.ask(GROUND), page.ask(MARK)) == ("rgb(255, 255, 255)", "rgb(0, 114, 178)")
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert page.ask(GROUND) == ground


def test_it_prints_on_paper(page: Page, tmp_path: Path) -> None:
    assert page.pdf(tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert page.ask(DRAWN) == 18


def test_page_and_charts_change_with_the_colour_scheme_while_open(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html, height=1600)
    assert (page.ask(GROUND), page.ask(MARK)) == ("rgb(247, 247, 245)", "rgb(0, 114, 178)")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.call("Emulation.setEmulatedMedia", media="", features=[dark])
    page.until(f"{MARK} === 'rgb(86, 180, 233)'")
    assert page.ask(GROUND) == "rgb(21, 23, 26)"


def test_nothing_offers_to_send_the_data_away(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html, height=1600)
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
    page = opened(chromium, html, height=1600)
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
    assert page.ask(visible) == 3
    assert page.ask("document.getElementById('shown').textContent") == "3 of 48 rows"


def test_more_columns_are_shown_when_asked_for_and_sort_too(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    heads = "[...document.querySelectorAll('#costs thead th')].filter(head => head.checkVisibility())"
    names = f"{heads}.map(head => head.textContent.trim())"
    assert page.ask(names)[-3:] == ["Verdict", "Noise floor", "Note"]
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


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_fault(chromium: Browser, html: Path, width: int, *, dark: bool) -> None:
    page = opened(chromium, html, width=width, dark=dark)
    draw_all(page)
    page.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.ask("document.getElementById('more').click()")
    page.ask(gzip.decompress(AXE.read_bytes()).decode())
    faults = (
        "({violations}) => violations.map(({id, nodes}) => [id, nodes[0].html.slice(0, 200), nodes[0].failureSummary])"
    )
    assert page.ask(f"axe.run(document, {{resultTypes: ['violations']}}).then({faults})") == []


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
    assert "main-svg" in browser.dom(html, height=2000)
