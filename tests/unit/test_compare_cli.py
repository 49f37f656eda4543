"""`vbench compare` from the command line: tables or JSON on stdout, a threshold as exit code, mistakes as messages."""

import json
from pathlib import Path

import pytest

from tests.unit.comparable_runs import small_run
from tests.unit.folders import NOTHING_SECRET
from tests.unit.program import Vbench
from vbench import store
from vbench.cli.compare import _draw
from vbench.cli.tags import tags
from vbench.compare import compare
from vbench.errors import UsageError
from vbench.model import Run, State


def stored(run: Run) -> str:
    """The run as a folder in results/; its name."""
    with store.create(Path("results"), run.manifest, clean=NOTHING_SECRET) as writer:
        for trial in run.trials:
            writer.append(trial)
        for name, facts in {"host": run.host, **run.facts}.items():
            writer.facts(name, facts)
        writer.finish(State.COMPLETE)
    return run.manifest.run_id


def groups(count: int, *, grown: float) -> list[str]:
    """Names of `count` runs tagged day=1, and as many tagged day=2 whose cost is `grown` times as large."""
    return [
        stored(small_run(f"d{day}n{n}", cost=1.2 * factor * (1 + 0.005 * n), blocks=5, tags={"day": day}))
        for day, factor in (("1", 1.0), ("2", grown))
        for n in range(count)
    ]


def test_runs_are_named_as_in_results_and_compared_on_stdout(vbench: Vbench) -> None:
    ended = vbench("compare", stored(small_run("one")), str(Path("results", stored(small_run("two")))))
    assert (ended.status, ended.stderr) == (0, "")
    assert "One run a side" in ended.stdout
    assert "cpu.hash time" in ended.stdout


def test_json_alone_is_on_stdout(vbench: Vbench) -> None:
    ended = vbench("compare", *groups(1, grown=2.0), "--format", "json", "--fail-above", "5%")
    document = json.loads(ended.stdout)
    assert document["comparisons"][0]["support"] == "machines"
    assert "could not be judged" in document["comparisons"][0]["threshold"]["warning"]


def test_a_file_is_written_and_its_path_printed(vbench: Vbench) -> None:
    ended = vbench("compare", *groups(1, grown=1.0), "-o", "out/compared.txt")
    assert ended.stdout == "out/compared.txt\n"
    assert "Raw medians" in Path("out/compared.txt").read_text()


def test_a_cost_that_grew_beyond_the_threshold_for_certain_ends_with_one(vbench: Vbench) -> None:
    ended = vbench("compare", "--by", "day", *groups(3, grown=1.3), "--fail-above", "5%")
    assert ended.status == 1
    assert "wholly above the threshold" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("grown", [1.0, 0.7])
def test_costs_that_stayed_or_fell_end_with_zero(vbench: Vbench, grown: float) -> None:
    ended = vbench("compare", "--by", "day", *groups(3, grown=grown), "--fail-above", "5%")
    assert (ended.status, ended.stderr) == (0, "")


@pytest.mark.parametrize("count", [1, 2])
def test_a_design_that_cannot_support_the_threshold_warns_and_ends_with_zero(vbench: Vbench, count: int) -> None:
    ended = vbench("compare", "--by", "day", *groups(count, grown=9.0), "--fail-above", "5%")
    assert ended.status == 0
    assert "could not be judged" in ended.stderr


def test_costs_without_spread_warn_with_that_reason_and_end_with_zero(vbench: Vbench) -> None:
    names = [
        stored(small_run(f"d{day}n{n}", cost=cost, noise=0, blocks=5, tags={"day": day}))
        for day, cost in (("1", 1.2), ("2", 9.0))
        for n in range(3)
    ]
    ended = vbench("compare", "--by", "day", *names, "--fail-above", "5%")
    assert ended.status == 0
    assert "no cost has an interval over runs: no spread (2 costs)" in ended.stderr
    assert "3 runs a side" not in ended.stderr


def test_names_are_no_markup_for_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    forged = "[red]x[/red] [/]"
    _draw(compare([small_run("one", tags={"x": forged}, blocks=1), small_run("two", blocks=1)]))
    assert forged in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "at least 2 runs"),
        (["one"], "at least 2 runs"),
        (["one", "one"], "given 2 times"),
        (["one", "results/one"], "given 2 times"),
        (["one", "two", "--by", "instance"], "no tag 'instance'"),
        (["one", "two", "--by", "day"], "all 2 runs have day=1"),
        (["one", "two", "--fail-above", "5"], "takes a percentage"),
        (["one", "two", "--reference", "three"], "no run is 'three'"),
        (["one", "nowhere"], "no run folder is named 'nowhere'"),
    ],
)
def test_wrong_use_ends_with_two_and_a_message(vbench: Vbench, words: list[str], message: str) -> None:
    for name in ("one", "two"):
        stored(small_run(name, blocks=1, tags={"day": "1"}))
    ended = vbench("compare", *words)
    assert (ended.status, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "hint:" in ended.stderr


def test_a_bad_tag_is_refused_before_anything_is_started(vbench: Vbench) -> None:
    ended = vbench("run", "smoke", "--tag", "instance")
    assert (ended.status, ended.stdout) == (2, "")
    assert "has no '='" in ended.stderr
    assert not Path("results").exists()


def test_tags_are_read_in_order_and_stripped() -> None:
    assert tags(["instance=m9x.large", "day= 2 ", "note=a=b"]) == {"instance": "m9x.large", "day": "2", "note": "a=b"}


@pytest.mark.parametrize(
    "words", [["a"], ["=1"], ["a="], ["a= "], ["a b=1"], ["a=1", "a=2"], ["a=\x1b[31m"], ["a=" + "x" * 81], ["-a=1"]]
)
def test_tags_that_cannot_be_named_or_shown_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        tags(words)
    assert "KEY=VALUE" in error.value.hint or "one value" in error.value.hint
