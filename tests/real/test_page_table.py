"""The table of costs on the page, in a real browser: sorted, filtered, linked to, and saved as its reader sees it."""

import csv
import io
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.real import browser
from tests.real.browser import Browser
from tests.real.pages import (
    CATCH_SAVED,
    PLOTS,
    ROWS,
    fill,
    opened,
    press,
)
from tests.unit.runs import make_run
from vbench import report
from vbench.model import Run

FORMULA = '=cmd|"/c calc"!A1,../../etc'


def renamed(run: Run, old: str, new: str) -> Run:
    """A benchmark under another name."""
    records = tuple(replace(record, name=new) if record.name == old else record for record in run.manifest.benchmarks)
    trials = tuple(replace(trial, benchmark=new) if trial.benchmark == old else trial for trial in run.trials)
    return replace(run, trials=trials, manifest=replace(run.manifest, benchmarks=records))


def is_formula(cell: str) -> bool:
    """A minus stands in front of numbers alone."""
    return cell.startswith("-") and re.fullmatch(r"-[\d.e+-]+", cell) is None


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


def test_headings_sort_by_keyboard_and_tell_which_way(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask("document.querySelector('[data-key=floor] button').focus()")
    for way in ("ascending", "descending"):
        press(page, "Enter")
        assert page.ask("document.querySelector('[data-key=floor]').ariaSort") == way
    assert page.ask("document.getElementById('order').value") == "-floor"
    page.ask(fill("order", ""))
    assert page.ask("document.querySelectorAll('#costs [aria-sort]').length") == 0


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


def test_a_plain_name_stands_once_for_the_rows_of_one_metric(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    plain = f"{ROWS}.filter(row => row.checkVisibility() && row.querySelector('.plain').checkVisibility())"
    assert page.ask(f"{plain}.length") == 16
    page.ask(fill("of-arm", "tcg"))
    assert page.ask(f"{plain}.length") == 16


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


def test_a_link_to_a_benchmark_shows_its_row_whatever_was_left_out(chromium: Browser, html: Path) -> None:
    page = opened(chromium, html)
    page.ask(fill("filter", "nothing has this name"))
    page.ask("location.hash = '#b-network.rr'")
    page.until("document.getElementById('b-network.rr').checkVisibility()")
    box = "document.getElementById('b-network.rr').getBoundingClientRect()"
    page.until(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
    assert page.ask("document.getElementById('filter').value") == ""
    assert page.ask("document.querySelector('.permalink').getAttribute('href')") == "#b-cpu.hash"


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
