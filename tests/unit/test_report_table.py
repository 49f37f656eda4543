"""The table on a terminal and the CSV of the costs: verdicts in words, colour only where it is allowed."""

import csv
import fcntl
import io
import json
import os
import select
import struct
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from rich.console import Console

from tests.unit.folders import stored, writable
from tests.unit.program import Vbench, refused
from tests.unit.runs import BIDI, HOSTILE, make_run
from vbench.cli.report import report as command
from vbench.cli.table import draw
from vbench.cost import Analysis
from vbench.host import proc
from vbench.model import Run
from vbench.report.view import view_of

VBENCH = str(Path(sys.executable).with_name("vbench"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return stored(Path("results"), make_run())


UNIT = "<script>alert(1)</script>\u202e\x1b[31m=cmd|x"


def drawn(run: Run | None = None, *, hostile: bool = False, width: int = 160, **settings: object) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, **settings)  # type: ignore[arg-type]
    draw(view_of(run or make_run(hostile=hostile)), console)
    return file.getvalue()


def test_every_cost_has_a_line_with_its_verdict() -> None:
    lines = drawn().splitlines()
    assert lines[0] == "runc and tcg against bare"
    assert any(line.startswith("cpu.matrix time") and "tcg" in line and "▲ slower" in line for line in lines)
    assert any(line.startswith("disk.seqwrite") and "runc" in line and "–" in line for line in lines)
    assert len(lines) == 3 + len(Analysis.of(make_run()).costs)  # title, warning, head


def test_without_a_terminal_there_is_no_escape_sequence() -> None:
    assert "\x1b" not in drawn()


def test_colour_says_nothing_that_the_words_do_not() -> None:
    coloured = drawn(force_terminal=True, color_system="standard")
    assert "\x1b[31m▲ slower" in coloured
    plain = drawn(force_terminal=True, no_color=True, color_system="standard")
    assert "\x1b[31m" not in plain
    assert "▲ slower" in plain


@pytest.mark.parametrize("width", [24, 60, 80])
def test_a_narrow_terminal_loses_no_words(width: int) -> None:
    text = drawn(width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_names_can_neither_reorder_nor_mark_up() -> None:
    text = drawn(hostile=True, width=200)
    assert BIDI not in text and "⟨U+202E⟩" in text
    assert HOSTILE in text


def test_a_unit_can_do_no_more_than_a_name() -> None:
    run = make_run(losses=False)
    first, *others = run.manifest.benchmarks
    odd = tuple(replace(metric, unit=UNIT, scale="difference", margin=1.0) for metric in first.metrics)
    manifest = replace(run.manifest, benchmarks=(replace(first, metrics=odd), *others))
    text = drawn(replace(run, manifest=manifest), width=400)
    assert "\x1b" not in text and "\u202e" not in text
    assert "⟨U+202E⟩⟨U+001B⟩[31m" in text


@pytest.mark.parametrize("words", [("report", "{}", "--format", "table"), ("report", "{}"), ("compare", "{}", "{}")])
@pytest.mark.parametrize("schema", [1, 2])
def test_a_run_folder_with_a_hostile_unit_is_refused(
    vbench: Vbench,
    tmp_path: Path,
    words: tuple[str, ...],
    schema: int,
) -> None:
    folder = writable(stored(tmp_path, make_run(blocks=1)))
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    document["benchmarks"][0]["metrics"][0]["unit"] = UNIT
    path.write_text(json.dumps(document | {"schema": schema}))
    said = refused(vbench(*(word.format(folder) for word in words)))
    assert "cannot be a metric's unit" in said and "hint: no vbench wrote it" in said
    assert all(sign.isprintable() or sign == "\n" for sign in said)


def test_the_table_is_a_format(folder: Path) -> None:
    result = CliRunner().invoke(command, [folder.name, "--format", "table"], catch_exceptions=False)
    assert "▲ slower" in result.stdout and "\x1b" not in result.stdout
    assert not Path("reports").exists()


def test_csv_is_the_table_of_costs(folder: Path) -> None:
    result = CliRunner().invoke(command, [folder.name, "--format", "csv"], catch_exceptions=False)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == len(Analysis.of(make_run()).costs)
    assert {row["verdict"] for row in rows} >= {"slower", "inconclusive"}
    written = CliRunner().invoke(command, [folder.name, "--format", "csv", "-o", "costs.csv"], catch_exceptions=False)
    assert written.stdout == "costs.csv\n"
    assert Path("costs.csv").read_text() == result.stdout


def on_a_terminal(*words: str, **env: str) -> str:
    """What the command prints where its stdout is a terminal of its own."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    said, more = b"", {"TTY": os.ttyname(slave), "TERM": "xterm-256color"} | env
    try:
        with proc.spawn(["sh", "-c", 'exec "$@" >"$TTY"', "sh", VBENCH, *words], env=more) as process:
            while process.poll() is None or select.select([master], [], [], 0)[0]:
                if select.select([master], [], [], 0.05)[0]:
                    said += os.read(master, 65536)
        assert process.poll() == 0, process.stderr()
    finally:
        os.close(slave)
        os.close(master)
    return said.decode().replace("\r\n", "\n")


def test_on_a_terminal_the_table_stands_above_the_path_of_the_page(folder: Path) -> None:
    text = on_a_terminal("report", folder.name)
    lines = text.splitlines()
    assert "runc and tcg against bare" in lines[0]
    assert "\x1b[31m▲ slower" in text
    assert lines[-1] == f"reports/{folder.name}.html"
    assert Path(lines[-1]).is_file()


def test_no_color_is_honoured_on_a_terminal(folder: Path) -> None:
    text = on_a_terminal("report", folder.name, NO_COLOR="1")
    assert "▲ slower" in text
    assert "\x1b[3" not in text


def test_who_names_a_format_or_a_file_gets_no_table(folder: Path) -> None:
    assert on_a_terminal("report", folder.name, "--format", "html") == f"reports/{folder.name}.html\n"
    assert on_a_terminal("report", folder.name, "-o", "page.html") == "page.html\n"
