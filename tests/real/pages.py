"""What the tests of the report's page ask of it, and what its reader does: open, scroll, type, press."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.real import browser
from tests.real.browser import Browser, Page

AXE = Path(__file__).parents[1] / "data" / "axe-core" / "axe-4.14.1.min.js.gz"
PLOTS = "[...document.querySelectorAll('[data-figure]')]"
SEEN = f"{PLOTS}.filter(plot => plot.checkVisibility())"
DRAWN = f"{PLOTS}.filter(plot => plot.querySelector('.main-svg')).length"
ROWS = "[...document.querySelectorAll('#costs tbody tr')]"
DRIFT = "[...document.querySelectorAll('.chosen .chart')].filter(chart => chart.checkVisibility()).map(({id}) => id)"
CATCH_SAVED = """
window.saved = []; window.last = null;
URL.createObjectURL = (blob) => { window.last = blob; return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { saved.push([this.download, last]); };
"""
WIDEST = "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('figure, .plot, .main-svg')]"
WIDEST += ".map(box => box.getBoundingClientRect().right))"


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
