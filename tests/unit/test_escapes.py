"""JSON on a terminal: no character steers or reorders it, and a program reads the same text."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import vbench as api
from tests.unit.folders import stored
from tests.unit.outcomes import error
from tests.unit.program import Vbench
from tests.unit.runs import make_run
from vbench import exports
from vbench.cli import output
from vbench.model import Failed
from vbench.text import escaped, plain

STEERING = "\x1b[31m \x9b31m \x7f \u202e \u2066 \u200b \u2028 \U000e0041 \ufeff"
"""Escape sequences with seven and eight bits, DEL, bidirectional marks, hidden and tag characters."""


def is_harmless(text: str) -> bool:
    return plain(text) == text


@given(st.text())
def test_escaped_json_is_harmless_and_equal_when_parsed(text: str) -> None:
    document = json.dumps({text: [text]}, ensure_ascii=False)
    assert json.loads(escaped(document)) == {text: [text]}
    assert is_harmless(escaped(document))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])))
def test_what_does_no_harm_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


def test_a_lone_surrogate_stays_what_it_is() -> None:
    assert json.loads(output.as_json({"name": "\udcff"})) == {"name": "\udcff"}


def steering(results: Path, **manifest: object) -> Path:
    """A run that says such characters wherever it has words."""
    run = make_run(blocks=2)
    failed = Failed(error(STEERING), STEERING)
    trials = [replace(trial, outcome=failed) if at % 5 == 0 else trial for at, trial in enumerate(run.trials)]
    changed = replace(run.manifest, tags={STEERING: STEERING}, **manifest)
    return stored(results, replace(run, trials=tuple(trials), manifest=changed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return steering(tmp_path / "results")


@pytest.mark.parametrize("table", ["blocks", "samples"])
def test_ndjson_is_harmless_and_says_the_same(folder: Path, tmp_path: Path, table: str) -> None:
    path = tmp_path / "table.ndjson"
    exports.write("ndjson", api.load(folder), path, table=table)
    lines = path.read_text().splitlines()
    assert all(map(is_harmless, lines))
    rows = [json.loads(line) for line in lines]
    frame = getattr(api.load(folder), table)
    assert len(rows) == len(frame)
    if table == "blocks":
        assert [row["reason"] for row in rows] == list(frame["reason"])
        assert STEERING in {row["reason"] for row in rows}


def test_every_json_of_the_command_line_is_harmless(folder: Path, tmp_path: Path, vbench: Vbench) -> None:
    again = steering(tmp_path / "results", run_id="again")
    for words in (("report", folder.name), ("list", "runs"), ("compare", folder.name, again.name)):
        said = vbench(*words, "--format", "json").stdout
        json.loads(said)
        assert is_harmless(said), words
    row, _ = json.loads(vbench("list", "runs", "--format", "json").stdout)
    assert row["tags"] == {STEERING: STEERING}


HOSTILE = """
name = "x"
benchmarks = ["cpu.hash"]
[environments.a]
kind = "bare"
root = "host"
[environments.b]
kind = "oci"
options = ["--\\u001b[31m\\u202e"]
"""


def test_a_plan_of_a_strangers_suite_steers_no_terminal(vbench: Vbench, tmp_path: Path) -> None:
    """To a file, since click leaves escape sequences out where it writes to no terminal."""
    Path("x.toml").write_text(HOSTILE)
    vbench("plan", "x.toml", "--env", "b", "-o", "plan.txt")
    text = Path("plan.txt").read_text()
    assert "--⟨U+001B⟩[31m⟨U+202E⟩" in text
    assert is_harmless(text)


def test_a_page_for_a_reader_is_harmless() -> None:
    assert is_harmless(output.page([STEERING]))
    assert output.page(["a", "\N{EN DASH} b"]) == "a\n\N{EN DASH} b\n"
