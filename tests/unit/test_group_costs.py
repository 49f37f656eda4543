"""Arms that were alive in groups: each is compared with the baseline of its own group, however far the groups drift."""

import math
import random
from dataclasses import replace as with_changes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.costs import METRICS, trial, trials
from tests.unit.outcomes import error
from vbench.cost import COST, Analysis, Design
from vbench.cost.design import Contrast, MetricContrast, Term, between, interference
from vbench.model import BenchmarkRecord, Failed, Ladder, Measured, Metric, Trial

GROUPS = (("bare", "a"), ("bare", "b", "control"))
ARMS = ("bare", "a", "b", "control")
COSTS = {"a": 1.1, "b": 1.3}
BLOCKS = 20
CHANGE = Metric("change", "s", "lower", scale="difference", margin=1.0)
LADDER = Ladder("layers", "cpu.hash", "time", ("bare", "a", "b"))
FOUR = interference("noise", ("a", "b"), ("control", "bare"))


def made_up(*, factor: float = 2.0, noise: float = 0.01) -> list[Trial]:
    """Arms with known costs on a host that is slower by `factor` while it measures group 1."""
    rng = random.Random(5)
    found = []
    for group, arms in enumerate(GROUPS):
        for arm in arms:
            times = [COSTS.get(arm, 1.0) * factor**group * rng.lognormvariate(0, noise) for _ in range(BLOCKS)]
            found += [replace(one, group=group) for one in trials(arm, times)]
    return [_with_change(one) for one in found]


def _with_change(one: Trial) -> Trial:
    assert isinstance(one.outcome, Measured)
    samples = one.outcome.samples
    return replace(one, outcome=replace(one.outcome, samples=samples | {"change": samples["time"]}))


def design(*more: Contrast, groups: tuple[tuple[str, ...], ...] = GROUPS, metric: str = "time") -> Design:
    record = BenchmarkRecord("cpu.hash", "cpu.hash", {}, (*METRICS, CHANGE))
    extra = tuple(MetricContrast("cpu.hash", metric, contrast) for contrast in more)
    return Design(ARMS, "bare", "control", (record,), 0.02, ladders=(LADDER,), more=extra, groups=groups)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return Analysis(design(), made_up())


def test_costs_come_out_right_on_a_host_that_drifts_between_the_groups(analysis: Analysis) -> None:
    costs = {cost.environment: cost for cost in analysis.costs if cost.metric == "time"}
    for arm, cost in costs.items():
        assert cost.cost == pytest.approx(COSTS.get(arm, 1.0), rel=0.02)
    assert {arm: cost.group for arm, cost in costs.items()} == {"a": 0, "b": 1, "control": 1}
    assert costs["b"].verdict == "slower"
    assert costs["b"].baseline_median == pytest.approx(2.0, rel=0.02)
    assert costs["a"].baseline_median == pytest.approx(1.0, rel=0.02)


def test_the_other_groups_baseline_would_give_twice_the_cost() -> None:
    """What the pairing prevents: the same trials, with the baselines of the two groups exchanged."""
    swapped = [replace(one, group=1 - one.group) if one.environment == "bare" else one for one in made_up()]
    (cost,) = [c for c in Analysis(design(), swapped).costs if (c.environment, c.metric) == ("b", "time")]
    assert cost.cost == pytest.approx(2 * 1.3, rel=0.02)


def test_a_step_between_groups_goes_through_each_arms_own_baseline(analysis: Analysis) -> None:
    (climb,) = analysis.ladders
    first, second = climb.steps
    assert first.cost.cost == pytest.approx(1.1, rel=0.02)
    assert second.cost.cost == pytest.approx(1.3 / 1.1, rel=0.02)
    assert climb.whole.cost.cost == pytest.approx(first.cost.cost * second.cost.cost)  # type: ignore[operator]
    assert second.comparison.terms == (
        Term("b", 1, 1.0),
        Term("a", 0, -1.0),
        Term("bare", 0, 1.0, " (group 0)"),
        Term("bare", 1, -1.0, " (group 1)"),
    )
    values = second.comparison.values
    for block, d in zip(second.comparison.pairs.blocks, second.comparison.pairs.d, strict=True):
        b, a, base_0, base_1 = (of[block] for of in values)
        assert d == pytest.approx(math.log(b / base_1) - math.log(a / base_0), abs=1e-12)
    assert (second.cost.median, second.cost.baseline_median) == second.comparison.medians()[:2]
    assert [f.comparison.floor_scale for f in (first, second, climb.whole)] == [1.0, math.sqrt(2), 1.0]


def test_a_difference_between_groups_is_one_of_differences_to_each_arms_own_baseline() -> None:
    step = between("b", "a", kind="step")
    (found,) = Analysis(design(step, metric="change"), made_up()).by_kind["step"]
    assert found.cost.difference is not None
    assert found.cost.difference.mean == pytest.approx((2.6 - 2.0) - (1.1 - 1.0), rel=0.05)


def test_a_difference_of_differences_over_groups_has_the_planted_value() -> None:
    (found,) = Analysis(design(FOUR), made_up()).by_kind["interference"]
    assert found.cost.cost == pytest.approx(1.1 / 1.3, rel=0.02)
    assert {(term.arm, term.group): term.weight for term in found.comparison.terms} == {
        ("a", 0): 1.0,
        ("b", 1): -1.0,
        ("control", 1): -1.0,
        ("bare", 0): -1.0,
        ("bare", 1): 2.0,
    }


def test_another_baseline_is_compared_through_that_of_the_groups(analysis: Analysis) -> None:
    costs = {cost.environment: cost.cost for cost in analysis.against("a").costs if cost.metric == "time"}
    assert costs["b"] == pytest.approx(1.3 / 1.1, rel=0.02)
    assert costs["bare"] == pytest.approx(1 / 1.1, rel=0.02)


@given(
    weights=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    groups=st.lists(st.integers(0, 2), min_size=3, max_size=3),
)
def test_the_terms_of_each_group_sum_to_nothing(weights: list[int], groups: list[int]) -> None:
    """What is common to a group, such as the state of the host, cancels."""
    arms = ("a", "b", "control")
    named = tuple(("bare", *(arm for arm, own in zip(arms, groups, strict=True) if own == n)) for n in range(3))
    own = tuple((arm, float(weight)) for arm, weight in zip(arms, weights, strict=True))
    contrast = Contrast("x", (*own, ("bare", -float(sum(weights)))), COST)
    terms = design(groups=named).terms(contrast)
    for group in range(3):
        assert math.fsum(term.weight for term in terms if term.group == group) == 0
    assert {term.arm: term.weight for term in terms if term.arm != "bare" and term.weight} == {
        arm: weight for arm, weight in own if weight
    }


def test_arms_of_one_group_are_compared_as_they_ever_were() -> None:
    together = [replace(one, group=0) for one in made_up() if (one.environment, one.group) != ("bare", 1)]
    apart = with_changes(Analysis(design(groups=()), together))
    assert all(
        f.comparison.contrast.weights == tuple((t.arm, t.weight) for t in f.comparison.terms) for f in apart.findings
    )
    assert {term.name for f in apart.findings for term in f.comparison.terms} == set(ARMS)
    one_group = Analysis(design(groups=(("bare", "a", "b", "control"),)), together)
    assert [f.comparison.pairs for f in one_group.findings] == [f.comparison.pairs for f in apart.findings]


def test_a_block_without_the_baseline_of_a_group_is_no_pair_for_the_arms_of_that_group_alone() -> None:
    lost = [
        replace(trial("bare", 3, Failed(error("no answer"))), group=1)
        if (one.environment, one.group, one.block) == ("bare", 1, 3)
        else one
        for one in made_up()
    ]
    analysis = Analysis(design(), lost)
    found = {f.comparison.name: f.comparison for f in analysis.findings if f.comparison.metric.name == "time"}
    assert found["b cpu.hash time"].unpaired == {3: "bare (group 1): failed: no answer"}
    assert found["a cpu.hash time"].unpaired == {}
    assert found["layers: b after a cpu.hash time"].unpaired == {3: "bare (group 1): failed: no answer"}
    own = {arm: next(t for t in lost if (t.environment, t.block) == (arm, 3)) for arm in ("a", "b")}
    assert analysis.use(own["a"], "time").used
    assert analysis.use(own["b"], "time").why == "the baseline has no number in this block"


def test_every_trial_of_the_baseline_is_used(analysis: Analysis) -> None:
    mine = [one for one in analysis.trials if one.environment == "bare"]
    assert len(mine) == 2 * BLOCKS
    assert all(analysis.use(one, "time").used for one in mine)
    assert len(analysis.attempts.final) == len(analysis.trials)
