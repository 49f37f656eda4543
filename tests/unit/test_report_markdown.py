"""The report as Markdown: the same verdicts, in tables that no name can break."""

import re

from tests.unit.runs import BIDI, gated, make_run
from vbench import report
from vbench.cost import Analysis
from vbench.report.markdown import markdown

RUN = make_run(blocks=12)


def table(text: str, title: str) -> list[list[str]]:
    body = text[text.index(f"## {title}") :].split("\n\n")[1]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in body.splitlines()]


def test_every_cost_is_a_row_with_its_verdict() -> None:
    head, rule, *rows = table(markdown(RUN), "Every number")
    assert head[:6] == ["Benchmark", "Environment", "Cost", "95 % interval", "Verdict", "Role"]
    assert set(rule) == {"---"}
    assert len(rows) == len(Analysis.of(RUN).costs)
    assert {len(row) for row in rows} == {len(head)}
    fork = next(row for row in rows if row[:2] == ["syscall.fork latency", "tcg"])
    assert fork[4:6] == ["slower", "exploratory"]


def test_words_scope_control_and_losses_are_there() -> None:
    text = markdown(RUN)
    for wanted in ("# runc and tcg against bare", "slower by 31 %", "These figures describe this host", "O\\_DIRECT"):
        assert wanted in text
    assert "> Warning: journal.jsonl" in text
    assert "control is the baseline measured a second time" in text


def test_voided_blocks_and_readings_are_there() -> None:
    text = markdown(gated(RUN))
    assert "1 attempt at 1 block voided by gates" in text
    tcg = next(row for row in table(text, "Conditions of the host") if row[0] == "tcg")
    assert tcg == ["tcg", "12", "6.00 s", "0.50 %", "2.0 to 26 %", "1.2 %", "–", "2.5 ± 12 ppm", "1"]
    assert "Conditions of the host" not in markdown(RUN)


def test_no_name_breaks_a_table_or_starts_markup() -> None:
    text = report.markdown(make_run(blocks=10, hostile=True))
    assert BIDI not in text
    assert "<img" not in text.replace("\\<img", "")
    head, _, *rows = table(text, "Every number")
    assert {len(row) for row in rows} == {len(head)}


def test_the_same_run_gives_the_same_text() -> None:
    assert markdown(RUN) == markdown(make_run(blocks=12))


def test_a_run_without_trials_still_makes_a_text() -> None:
    from msgspec.structs import replace

    assert "nothing is claimed" in markdown(replace(make_run(blocks=1), trials=(), host={}, facts={}))
