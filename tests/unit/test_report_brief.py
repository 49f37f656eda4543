"""The findings of a run in a few lines: what costs how much, and how much is undecided, for each environment."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from tests.unit.comparable_runs import small_run, with_arms
from tests.unit.folders import stored
from tests.unit.large_runs import large_run
from tests.unit.runs import BIDI, make_run
from vbench import report
from vbench.cli.report import report as command
from vbench.model import Measured, Run
from vbench.report import brief
from vbench.report.view import view_of


def headline(run: Run, arm: str = "runc") -> str:
    return next(found.text for found in brief.headlines(view_of(run)) if found.arm.name == arm)


def test_a_headline_names_the_largest_costs_in_plain_words_and_counts_what_is_undecided() -> None:
    run = make_run(losses=False)
    assert headline(run).startswith("start 4.16×, getpid 1.3")
    undecided = sum(
        cost["verdict"] in ("inconclusive", "withheld", None)
        for cost in report.json_document(run)["costs"]
        if cost["environment"] == "runc"
    )
    assert undecided > 0
    assert headline(run).endswith(f"; {undecided} of 16 undecided")


def test_of_many_families_three_are_named_and_the_others_counted() -> None:
    assert headline(make_run(losses=False), "tcg").startswith("start 215×, fork 52.0×, TCP stream 21.7×")
    assert " and 3 more families; all 16 decided" in headline(make_run(losses=False), "tcg")


def test_where_nothing_is_slower_no_cost_is_shown() -> None:
    assert headline(small_run("r", cost=1.0, noise=0.001, blocks=12)) == "no cost shown; all 2 decided"


def test_what_is_faster_is_counted() -> None:
    assert headline(small_run("r", cost=0.5, noise=0.001, blocks=12)) == "no cost shown; 2 faster; all 2 decided"


@pytest.mark.parametrize("blocks", [5, 9])
def test_of_too_few_blocks_what_was_observed_is_told_without_a_verdict(blocks: int) -> None:
    text = headline(make_run(blocks=blocks, losses=False))
    assert text.startswith("start 4.")
    assert text.endswith(f" observed; no verdict, which needs 10 blocks and has {blocks}")


def test_values_without_a_cost_have_no_verdict_however_many_blocks() -> None:
    run = small_run("r", blocks=12)
    zeros = [replace(trial, outcome=Measured({"time": (0.0,), "bandwidth": (0.0,)})) for trial in run.trials]
    assert headline(replace(run, trials=tuple(zeros))) == "no verdict"


def test_below_five_blocks_no_number_is_told() -> None:
    assert headline(make_run(blocks=2, losses=False)) == "no verdict, which needs 10 blocks and has 2"


def test_a_run_without_trials_says_so() -> None:
    empty = replace(make_run(blocks=1), trials=(), host={}, facts={})
    assert "undecided" not in report.findings(empty)
    assert "Noise floor: unknown" in report.findings(empty)


def test_the_title_of_few_environments_tells_each_and_that_of_many_the_largest() -> None:
    run = make_run(losses=False)
    assert brief.title(view_of(run)) == f"runc: {headline(run)} · tcg: {headline(run, 'tcg')}"
    many = with_arms(run, 12)
    assert brief.title(view_of(many)).startswith("12 environments against bare: largest 215× (tcg, start); ")


def test_the_text_has_intervals_families_and_the_noise_floor() -> None:
    text = " ".join(report.findings(make_run()).split())
    assert "runc and tcg against bare: Intel Xeon Processor @ 2.90GHz, kernel 6.1.155+, 2026-11-22, " in text
    assert "slower start 4.16× (3.83 to 4.58); getpid 1.308×" in text
    assert "families computing 1.003× (0.9997 to 1.005); memory" in text
    assert "Noise floor: 2.5 % at the median of 16 metrics" in text
    assert "1 failed, 10 were skipped." in text


def test_the_text_fits_a_terminal_and_is_the_same_again() -> None:
    text = report.findings(large_run(), width=70)
    assert max(map(len, text.splitlines())) <= 70
    assert text == report.findings(large_run(), width=70)


def test_a_hostile_name_cannot_steer_a_terminal() -> None:
    text = report.findings(make_run(hostile=True))
    assert BIDI not in text
    assert "safe⟨U+202E⟩gnp.exe:" in text
    assert all(sign.isprintable() or sign == "\n" for sign in text)


def test_the_command_prints_the_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = stored(Path("results"), make_run())
    result = CliRunner().invoke(command, [folder.name, "--format", "findings"])
    assert result.exit_code == 0, result.output
    assert result.stdout == report.findings(make_run())
