"""Headless Chromium for the tests: pictures of a page, and questions asked of the page as its reader would get it.

The browser is driven through its debugging pipe, so that a page is looked at unchanged: at any width, light or dark,
on screen or on paper, with every request and every complaint recorded.
"""

import base64
import json
import select
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vbench.host import proc

LIMIT_S = 180.0  # against a browser that hangs; on a busy machine one answer took a minute
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe"),
)
# Chromium reads commands from descriptor 3 and answers on 4.
PIPES = ("/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 >/dev/null', "sh")


@dataclass
class Browser:
    process: proc.LocalProcess
    pending: bytearray = field(default_factory=bytearray)
    events: list[dict[str, Any]] = field(default_factory=list)
    tabs: dict[str, str] = field(default_factory=dict)  # targets by session
    empty: str | None = None  # the target that the next page is opened in
    last: int = 0

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its answer; events that come between are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params} | ({"sessionId": session} if session else {})
        _write(self.process, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_S
        while (answer := self._message(deadline)).get("id") != self.last:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def close_tabs(self) -> None:
        """All but one, which is emptied: where plotly was compiled before, a page opens in less than half the time."""
        for session, target in self.tabs.items():
            if self.empty:
                self.call("Target.closeTarget", targetId=target)
            else:
                self.empty = target
                self.load("about:blank", session)
                self.call("Target.detachFromTarget", sessionId=session)  # takes back all that was set for the page
        self.tabs.clear()
        self.events.clear()

    def load(self, url: str, session: str) -> None:
        """Returns when it is loaded; what the page before it told is forgotten."""
        self.events[:] = [event for event in self.events if event.get("sessionId") != session]
        self.call("Page.navigate", session, url=url)
        self.wait_for("Page.loadEventFired", session)

    def wait_for(self, event: str, session: str | None) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not any(seen["method"] == event and seen.get("sessionId") == session for seen in self.events):
            self.events.append(self._message(deadline))

    def _message(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            data = self.process.stdout.read(1 << 20) if ready else b""
            assert data, f"Chromium fell silent: {self.process.stderr()[-2000:].decode(errors='replace')}"
            self.pending += data
        line, _, rest = self.pending.partition(b"\0")
        self.pending = bytearray(rest)
        message: dict[str, Any] = json.loads(bytes(line))
        return message

    def open(self, html: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False) -> "Page":
        """A loaded page, a file or an address, in a tab of its own."""
        target = self.empty or self.call("Target.createTarget", url="about:blank")["targetId"]
        self.empty = None
        page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        self.tabs[page.session] = target
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.load(html if isinstance(html, str) else html.resolve().as_uri(), page.session)
        return page


@dataclass(frozen=True)
class Page:
    browser: Browser
    session: str

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Returns when the condition holds, looked at before each picture the page draws."""
        self.ask(
            f"new Promise(done => {{const look = () => ({condition}) ? done() : requestAnimationFrame(look); look()}})"
        )

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, png: Path) -> Path:
        png.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return png

    def pdf(self, target: Path) -> Path:
        target.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))
        return target

    def complaints(self) -> list[str]:
        """Console messages, uncaught errors and refusals of the page's policy."""
        logged = [event["params"]["entry"]["text"] for event in self._events("Log.entryAdded")]
        said = [str(event["params"]["args"]) for event in self._events("Runtime.consoleAPICalled")]
        return logged + said + [str(event["params"]) for event in self._events("Runtime.exceptionThrown")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for, itself included; what stands in the page as `data:` is none."""
        asked = [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith("data:")]

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [e for e in self.browser.events if e["method"] == method and e.get("sessionId") == self.session]


@contextmanager
def chromium() -> Iterator[Browser]:
    with tempfile.TemporaryDirectory(prefix="vbench-chromium-", ignore_cleanup_errors=True) as profile:
        # TMPDIR: it leaves the folder of its own socket where it was killed.
        argv = [
            "/usr/bin/env",
            f"TMPDIR={profile}",
            *PIPES,
            "chromium",
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        with proc.spawn(argv) as process:
            yield Browser(process)


def screenshot(html: Path, png: Path, width: int, height: int, dark: bool = False) -> Path:
    """A picture of the page's first `height` pixels, its charts drawn."""
    with chromium() as browser:
        page = browser.open(html, width=width, height=height, dark=dark)
        settle(page)
        return page.picture(png)


def settle(page: Page) -> None:
    """Until every chart in view is drawn."""
    inside = "box.top < innerHeight && box.bottom > 0"
    folded = "plot.closest('details:not([open])')"  # has a box all the same
    drawn = f"(box => !({inside}) || {folded} || plot.querySelector('.main-svg'))(plot.getBoundingClientRect())"
    page.until(f"[...document.querySelectorAll('[data-figure]')].every(plot => {drawn})")
    page.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _write(process: proc.LocalProcess, data: bytes) -> None:
    """All of it: the pipe is unbuffered and takes what fits."""
    left = memoryview(data)
    while left:
        left = left[process.stdin.write(left) :]
