"""`--fail-above`: a cost is beyond it only for certain, and what could not be judged is said with its reason."""

import pytest
from msgspec.structs import replace

from tests.unit.comparable_runs import small_run, typed
from vbench.compare import compare, judge, percent
from vbench.errors import UsageError


@pytest.mark.parametrize(("words", "share"), [("5%", 0.05), ("2.5 %", 0.025), (" 0% ", 0.0), ("150%", 1.5)])
def test_a_percentage_is_read(words: str, share: float) -> None:
    assert percent(words) == pytest.approx(share)


@pytest.mark.parametrize("words", ["5", "0.05", "-5%", "%", "", "five%", "5%%", "nan%", "1e3%", "9" * 400 + "%"])
def test_what_is_no_percentage_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError) as error:
        percent(words)
    assert "5%" in error.value.hint


def test_a_cost_is_beyond_the_threshold_only_when_its_whole_interval_is() -> None:
    (comparison,) = compare([*typed("a", 3), *typed("b", 3, cost=1.32)], by="instance").comparisons
    assert len(judge(comparison.costs, 0.05).beyond) == 2
    cell = comparison.costs[0]
    assert cell.low is not None
    assert cell.ratio is not None
    between = (cell.low + cell.ratio) / 2 - 1
    assert judge(comparison.costs, between).beyond == ()


@pytest.mark.parametrize("count", [1, 2])
def test_a_design_without_an_interval_over_runs_exceeds_nothing_and_warns(count: int) -> None:
    (comparison,) = compare([*typed("a", count), *typed("b", count, cost=9.0)], by="instance").comparisons
    judgement = judge(comparison.costs, 0.05)
    assert (judgement.beyond, judgement.judged) == ((), 0)
    assert "could not be judged" in judgement.warning


def test_what_was_not_judged_is_said_with_its_own_reasons() -> None:
    same = [small_run(f"{side}{n}", noise=0, tags={"side": side}) for side in "ab" for n in range(3)]
    judgement = judge(compare(same, by="side").comparisons[0].costs, 0.05)
    assert (judgement.beyond, judgement.judged) == ((), 0)
    assert judgement.warning == (
        "--fail-above 5% could not be judged, no cost has an interval over runs: no spread (2 costs)"
    )
    (comparison,) = compare([*typed("a", 3), *typed("b", 3)], by="instance").comparisons
    left, other = comparison.costs[0], replace(comparison.costs[0], ratio=None, low=None, high=None, why="no spread")
    partly = judge((left, other, replace(other, why="cpu.hash differs"), other), 0.05)
    assert partly.judged == 1
    assert partly.warning == (
        "--fail-above 5% judged 1 cost and not 3 costs without an interval over runs: "
        "no spread (2 costs); cpu.hash differs (1 cost)"
    )
    assert judge((left,), 0.05).warning == ""


def test_without_any_cost_nothing_is_judged_and_that_is_said() -> None:
    assert judge((), 0.05).warning == "--fail-above 5% could not be judged: there is no cost in these runs"


def test_slower_hosts_alone_exceed_no_threshold() -> None:
    (comparison,) = compare([*typed("a", 3), *typed("b", 3, base=3.0)], by="instance").comparisons
    assert judge(comparison.costs, 0.05).beyond == ()
