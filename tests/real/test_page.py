"""The page in a real browser: it reads nothing from anywhere, is accessible and fits a phone."""

import struct
from pathlib import Path

import pytest

from tests.real import browser
from tests.real.browser import Browser, Page
from tests.real.pages import DRIFT, ROWS, WIDEST, axe_faults, draw_all, opened
from tests.unit.runs import make_run
from vbench import report


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def phone(request: pytest.FixtureRequest, chromium: Browser, html: Path) -> Page:
    return opened(chromium, html, width=375, height=812, dark=request.param)


def test_it_asks_for_nothing_but_itself_and_nothing_complains(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    draw_all(page)
    assert page.requests() == [html.resolve().as_uri()]
    assert page.complaints() == []


def test_it_could_not_fetch_if_it_wanted_to(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    assert page.ask("fetch('https://example.org/').then(() => 'fetched', () => 'refused')") == "refused"
    assert any("connect-src" in text for text in page.complaints())


def test_hostile_names_stay_text(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(report.html(make_run(hostile=True)), encoding="utf-8")
    page = opened(chromium, path, width=375)
    draw_all(page)
    assert page.ask("document.images.length") == 0
    assert page.complaints() == []
    assert page.ask(WIDEST) <= 375
    assert "onerror=alert(1)" in page.ask("document.querySelector('h1').textContent")


def test_without_a_script_everything_is_there(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    chromium.load(html.resolve().as_uri(), page.session)
    assert page.ask(f"{ROWS}.filter(row => row.checkVisibility()).length") == 48
    assert len(page.ask(DRIFT)) == 16
    assert page.ask("[...document.querySelectorAll('#costs :is(th, td)')].every(cell => cell.checkVisibility())")
    assert page.ask("[...document.querySelectorAll('.tools, .csv')].filter(part => part.checkVisibility()).length") == 0


def test_the_lead_chart_is_there_without_a_script(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    chromium.load(html.resolve().as_uri(), page.session)
    assert page.ask("document.querySelectorAll('.means tbody tr').length") == 12
    widths = "[...document.querySelectorAll('.means .point')].map(mark => mark.getBoundingClientRect().width)"
    assert min(page.ask(widths)) > 4


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (375, False)], ids=["dark", "light phone"])
def test_axe_finds_no_fault(chromium: Browser, html: Path, width: int, *, dark: bool) -> None:
    page = opened(chromium, html, width=width, dark=dark)
    draw_all(page)
    page.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.ask("document.getElementById('more').click()")
    assert axe_faults(page) == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)], ids=["light", "dark phone"])
def test_axe_finds_no_fault_in_the_page_of_the_whole_set(
    chromium: Browser, large: Path, width: int, *, dark: bool
) -> None:
    page = opened(chromium, large, width=width, dark=dark)
    page.ask("[...document.querySelectorAll('.fold')].slice(0, 2).forEach(fold => { fold.open = true; })")
    assert axe_faults(page) == []
    assert page.ask(WIDEST) <= width


def test_a_phone_never_scrolls_sideways(phone: Page) -> None:
    assert phone.ask("innerWidth") == 375
    draw_all(phone)
    assert phone.ask(WIDEST) <= 375


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


def test_a_picture_has_the_size_that_was_asked_for(html: Path, tmp_path: Path) -> None:
    png = browser.screenshot(html, tmp_path / "page.png", 375, 600, dark=True)
    assert struct.unpack(">II", png.read_bytes()[16:24]) == (375, 600)
