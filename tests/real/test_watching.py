"""A run on a real terminal, and its list in a real browser: drawn, usable, and nothing left when it is over."""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.traces import left_by
from tests.real import browser
from tests.real.browser import Browser, Page
from tests.real.pages import axe_faults
from tests.real.program import LIMIT_S, VBENCH, suite, wait_for
from tests.unit.terminal import Terminal
from vbench import store
from vbench.host import proc
from vbench.model import State

SLOW = '[environments.slow]\nkind = "fake"\nslowdown = 1.25\nnoise = 0.01'
BROKEN = "broken\u202e<img src=x onerror=alert(1)>"
STDERR_ON = 'exec "$@" 2>"$TTY"'


@contextmanager
def on_terminal(*words: str, width: int, height: int, **env: str) -> Iterator[tuple[proc.LocalProcess, int]]:
    """The command with its stderr on a terminal of its own, and the other end of that terminal."""
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    more = {"TERM": "xterm-256color", "TTY": os.ttyname(slave), "COLUMNS": str(width), "LINES": str(height)} | env
    try:
        with proc.spawn(["sh", "-c", STDERR_ON, "sh", VBENCH, *words], env=more) as process:
            yield process, master
    finally:
        os.close(slave)
        os.close(master)


def read(master: int, deadline: float) -> bytes:
    """What was written since, or nothing after a tenth of a second."""
    assert time.monotonic() < deadline
    ready, _, _ = select.select([master], [], [], 0.1)
    return os.read(master, 65536) if ready else b""


def until_ended(process: proc.LocalProcess, master: int) -> str:
    """Everything that it drew until it ended."""
    said, deadline = b"", time.monotonic() + LIMIT_S
    while process.poll() is None:
        said += read(master, deadline)
    while more := read(master, deadline):
        said += more
    return said.decode()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 8)])
def test_a_run_is_drawn_on_a_terminal_and_its_summary_stays(tmp_path: Path, width: int, height: int) -> None:
    words = ("run", suite(tmp_path, more=SLOW, blocks=6), "--results", str(tmp_path / "results"))
    with on_terminal(*words, width=width, height=height) as (process, master):
        said = until_ended(process, master)
        folder = process.stdout.read(65536).decode().strip()
        assert process.wait(timeout_s=LIMIT_S) == 0
    assert said.count("calibration") >= 1, "it was drawn while the run went on"
    text = Terminal(width).write(said).text
    assert text.count("small · done") == text.count("small") == 1
    assert "6 of 6 blocks in " in text
    assert "cpu.hash" in text
    assert "1.25" in text
    assert store.load(Path(folder)).manifest.state is State.COMPLETE


def test_without_colour_it_is_drawn_without(tmp_path: Path) -> None:
    words = ("run", suite(tmp_path, more=SLOW, blocks=1), "--results", str(tmp_path / "results"))
    with on_terminal(*words, width=80, height=24, NO_COLOR="1") as (process, master):
        said = until_ended(process, master)
    assert "small" in said
    colours = [f"\x1b[{number}m" for number in (*range(30, 38), *range(90, 98))]
    assert [colour for colour in colours if colour in said] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_leaves_the_terminal_as_it_was(tmp_path: Path, number: int) -> None:
    """The terminal of the test refuses every sequence that would need undoing, such as hiding the cursor."""
    words = ("run", suite(tmp_path, more=SLOW, blocks=1000), "--results", str(tmp_path / "results"))
    with on_terminal(*words, width=80, height=24) as (process, master):
        settings = termios.tcgetattr(master)
        before, deadline = b"", time.monotonic() + LIMIT_S
        while not re.search(rb"block \d+ of 1000", before):
            before += read(master, deadline)
        os.kill(process.pid, number)
        said = before.decode() + until_ended(process, master)
        assert process.wait(timeout_s=LIMIT_S) == 130
        assert termios.tcgetattr(master) == settings
    lines = Terminal(80).write(said).text.splitlines()
    assert lines[-1] == "vbench: interrupted"
    assert "stopping what was started …" in lines
    assert [line for line in lines if line.startswith("small · block ")], "the last picture stays"
    assert left_by(tmp_path / "scratch") == []


def test_a_terminal_that_cannot_be_drawn_on_gets_plain_lines(tmp_path: Path) -> None:
    words = ("run", suite(tmp_path, blocks=2), "--results", str(tmp_path / "results"))
    with on_terminal(*words, width=80, height=24, TERM="dumb") as (process, master):
        said = until_ended(process, master)
    assert "\x1b" not in said
    assert "block 2 of 2" in said


# --- vbench view --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server over two runs, one with a hostile tag, and a damaged folder of a hostile name."""
    folder = tmp_path_factory.mktemp("view")
    results = folder / "results"
    written = suite(folder, more=SLOW, blocks=2)
    for tags in ((), ("--tag", "note=<img src=x onerror=alert(1)>", "--tag", "day=monday")):
        proc.run([VBENCH, "run", written, "--results", str(results), *tags], timeout_s=LIMIT_S).check()
    (results / BROKEN).mkdir()
    (results / BROKEN / "manifest.json").write_text("{")
    proc.run([VBENCH, "report", str(next(results.glob("small-*")))], timeout_s=LIMIT_S, cwd=folder).check()
    with serving(folder) as (_, address):
        yield address


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[proc.LocalProcess, str]]:
    with proc.spawn([VBENCH, "view", "--port", "0", *words], cwd=folder) as process:
        yield process, wait_for(process, b"\n").decode().strip()


@pytest.mark.parametrize(
    "window", [{}, {"dark": True}, {"width": 375, "height": 812}], ids=["light", "dark", "a phone's width"]
)
def test_the_list_is_accessible_fits_and_asks_for_nothing(chromium: Browser, url: str, window: dict[str, Any]) -> None:
    page = chromium.open(url, **window)
    choose(page, 2)
    assert axe_faults(page) == []
    assert page.ask("document.documentElement.scrollWidth") <= window.get("width", 1280)
    assert page.complaints() == []
    assert page.requests() == [url]
    assert page.ask("document.images.length") == 0
    assert "⟨U+202E⟩" in page.ask("document.body.textContent")


ROWS = "[...document.querySelectorAll('#runs tbody tr')]"


def choose(page: Page, count: int) -> None:
    page.ask(f"[...document.querySelectorAll('#runs input')].slice(0, {count}).forEach(box => box.click())")


def type_in(page: Page, selector: str, value: str, event: str) -> None:
    box = f"document.querySelector({selector!r})"
    page.ask(f"{box}.value = {value!r}; {box}.dispatchEvent(new Event({event!r}))")


def test_the_list_is_filtered_sorted_and_names_the_command_that_compares(chromium: Browser, url: str) -> None:
    page = chromium.open(url)
    shown = f"{ROWS}.filter(row => !row.hidden).length"
    assert page.ask(shown) == 3
    type_in(page, "#filter", "MONDAY slow", "input")
    assert (page.ask(shown), page.ask("document.getElementById('shown').textContent")) == (1, "1 of 3 runs")
    type_in(page, "#filter", "", "input")
    type_in(page, "#state", "damaged", "change")
    assert page.ask(f"{ROWS}.filter(row => !row.hidden)[0].textContent.includes('broken')")
    type_in(page, "#state", "", "change")
    names = f"{ROWS}.map(row => row.cells[1].querySelector('a').textContent)"
    newest, oldest, damaged = page.ask(names)
    page.ask("document.querySelector('[aria-sort] button').click()")
    assert page.ask(names) == [oldest, newest, damaged]
    assert page.ask("document.getElementById('compare').hidden")
    choose(page, 2)
    assert page.ask("document.getElementById('compare-command').textContent") == f"vbench compare {oldest} {newest}"


def test_a_run_and_a_report_are_drawn_under_the_servers_policy(chromium: Browser, url: str) -> None:
    page = chromium.open(url)
    for selector in ("#runs tbody a", "a[href^='/reports/']"):
        address = page.ask(f"document.querySelector({selector!r}).href")
        opened = chromium.open(address)
        browser.settle(opened)
        opened.until("window.Plotly")
        assert opened.requests() == [address]
        assert opened.complaints() == []
        assert opened.ask("fetch('/').then(() => 'fetched', () => 'refused')") == "refused"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_ends_in_silence_and_its_port_is_free_again(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as (process, address):
        port = address.rstrip("/").rpartition(":")[2]
        taken = proc.run([VBENCH, "view", "--port", port], timeout_s=LIMIT_S)
        assert (taken.status, taken.stdout) == (2, b"")
        assert b"cannot be had: Address already in use\n  hint: another --port" in taken.stderr
        os.kill(process.pid, number)
        assert process.wait(timeout_s=LIMIT_S) == 0
        assert process.stderr() == b""
    with serving(tmp_path, "--port", port) as (_, again):
        assert again == address
