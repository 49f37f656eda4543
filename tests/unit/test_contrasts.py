"""A contrast is a weighted sum over arms within a block: costs, steps of a ladder and interference go one way."""

import dataclasses
import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.proof import coverage, worlds
from tests.proof.procedure import VBENCH
from tests.unit.costs import METRICS, run_of, trial, trials
from tests.unit.outcomes import error
from tests.unit.runs import make_run
from vbench import report
from vbench.cost import Analysis, Design
from vbench.cost.design import (
    COST,
    INTERFERENCE,
    STEP,
    Contrast,
    MetricContrast,
    between,
    floor_scale,
    interference,
    steps,
    whole,
)
from vbench.model import BenchmarkRecord, Failed, Ladder, Measured, Metric, Run, Trial
from vbench.report.explain import explained
from vbench.stats import pairing
from vbench.stats.judgement import EXPLORATORY

ARMS = ("bare", "control", "a", "b", "c", "d")
FOUR = interference("noise", ("a", "b"), ("c", "d"))
NUMBERS = st.floats(1e-9, 1e9)


def analysis_of(costs: Mapping[str, float], *, blocks: int = 20, noise: float = 0.01, **design: object) -> Analysis:
    """Fake arms with known costs, drifting together from block to block."""
    rng = random.Random(3)
    drift = [rng.lognormvariate(0, 0.3) for _ in range(blocks)]
    found = [
        one
        for arm in ARMS
        for one in trials(arm, [costs.get(arm, 1.0) * level * rng.lognormvariate(0, noise) for level in drift])
    ]
    metrics = (*METRICS, Metric("change", "s", "lower", scale="difference", margin=1.0))
    record = BenchmarkRecord("cpu.hash", "cpu.hash", {}, metrics)
    return Analysis(Design(ARMS, "bare", "control", (record,), 0.02, **design), tuple(map(_with_change, found)))  # type: ignore[arg-type]


def _with_change(trial: Trial) -> Trial:
    assert isinstance(trial.outcome, Measured)
    samples = trial.outcome.samples
    return replace(trial, outcome=replace(trial.outcome, samples=samples | {"change": samples["time"]}))


def wanted(*contrasts: Contrast, metric: str = "time") -> tuple[MetricContrast, ...]:
    return tuple(MetricContrast("cpu.hash", metric, contrast) for contrast in contrasts)


def test_weights_that_do_not_sum_to_zero_are_no_contrast() -> None:
    with pytest.raises(ValueError, match="sum to 0"):
        Contrast("x", (("a", 1.0), ("b", -0.5)), COST)


@pytest.mark.parametrize("unit", ["1", "s"])
@given(values=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_swapped_arms_invert_exactly(unit: str, values: list[tuple[float, ...]]) -> None:
    arms = [dict(enumerate(of)) for of in zip(*values, strict=True)]
    there = pairing.contrast("x", list(zip(arms, (1.0, -1.0, -1.0, 1.0), strict=True)), "lower", unit=unit)
    swapped = (arms[1], arms[0], arms[3], arms[2])
    back = pairing.contrast("x", list(zip(swapped, (1.0, -1.0, -1.0, 1.0), strict=True)), "lower", unit=unit)
    assert back.d == tuple(-d for d in there.d)
    higher = pairing.contrast("x", list(zip(arms, (1.0, -1.0, -1.0, 1.0), strict=True)), "higher", unit=unit)
    assert higher.d == back.d


def test_swapped_arms_invert_interval_and_verdict() -> None:
    swapped = interference("noise", ("b", "a"), ("d", "c"))
    there, back = analysis_of({"a": 1.3}, more=wanted(FOUR, swapped)).by_kind[INTERFERENCE]
    assert (there.cost.verdict, back.cost.verdict) == ("slower", "faster")
    assert there.judged.envelope.low == -back.judged.envelope.high  # type: ignore[operator]
    assert there.judged.envelope.high == -back.judged.envelope.low  # type: ignore[operator]


def test_a_difference_of_differences_has_the_planted_value() -> None:
    planted = {"a": 1.5, "b": 1.2, "c": 1.1, "d": 1.0}
    (found,) = analysis_of(planted, more=wanted(FOUR)).by_kind[INTERFERENCE]
    truth = (1.5 / 1.2) / (1.1 / 1.0)
    assert found.cost.low is not None
    assert found.cost.high is not None
    assert found.cost.low < truth < found.cost.high
    assert found.cost.cost == pytest.approx(truth, rel=0.02)
    assert (found.cost.median, found.cost.baseline_median) == (None, None)  # four arms have no two medians


def test_a_difference_of_differences_in_a_metric_without_ratio_is_in_its_unit() -> None:
    planted = {"a": 1.5, "b": 1.2, "c": 1.1, "d": 1.0}
    (found,) = analysis_of(planted, more=wanted(FOUR, metric="change")).by_kind[INTERFERENCE]
    item = found.comparison
    expected = [item.values[0][b] - item.values[1][b] - (item.values[2][b] - item.values[3][b]) for b in item.blocks]
    assert item.pairs.unit == "s"
    assert item.pairs.d == pytest.approx(expected)
    assert found.cost.difference is not None
    assert found.cost.cost is None


def test_the_floor_of_four_arms_is_the_controls_times_root_two_and_says_so() -> None:
    assert floor_scale(weight for _, weight in between("a", "b", kind=STEP).weights) == 1.0
    assert floor_scale(weight for _, weight in FOUR.weights) == math.sqrt(2)
    analysis = analysis_of({}, noise=0.06, more=wanted(FOUR))
    (found,) = analysis.by_kind[INTERFERENCE]
    control = next(f for f in analysis.findings if f.cost.environment == "control" and f.cost.metric == "time")
    assert control.judged.floor is not None
    assert found.judged.floor == control.judged.floor * math.sqrt(2)
    assert "its control's noise floor, times 1.41 for the number of arms" in found.cost.reason
    assert "times 1.41" not in control.cost.reason


LADDER = Ladder("layers", "cpu.hash", "time", ("bare", "a", "b", "c"))


def test_the_steps_of_a_ladder_multiply_to_the_whole() -> None:
    analysis = analysis_of({"a": 1.1, "b": 1.3, "c": 2.0}, ladders=(LADDER,))
    (climb,) = analysis.ladders
    assert [step.comparison.contrast for step in climb.steps] == list(steps(LADDER))
    assert climb.whole.comparison.contrast == whole(LADDER)
    product = math.prod(step.cost.cost for step in climb.steps if step.cost.cost is not None)
    assert product == pytest.approx(climb.whole.cost.cost)
    assert climb.steps[1].cost.cost == pytest.approx(1.3 / 1.1, rel=0.02)
    (cost,) = [cost for cost in analysis.costs if (cost.environment, cost.metric) == ("c", "time")]
    assert climb.whole.cost.per_block == cost.per_block  # the ladder begins at the baseline


def test_ladders_change_no_cost() -> None:
    without = analysis_of({"a": 1.1, "c": 2.0})
    beside = analysis_of({"a": 1.1, "c": 2.0}, ladders=(LADDER,), more=wanted(FOUR))
    assert beside.costs == without.costs
    assert beside.families == without.families


def test_benjamini_hochberg_adjusts_within_one_kind() -> None:
    analysis = analysis_of({"a": 1.01, "b": 1.02}, ladders=(LADDER,), more=wanted(FOUR))
    (alone,) = analysis.by_kind[INTERFERENCE]
    assert alone.judged.p_adjusted == alone.judged.p
    assert alone.judged.role == EXPLORATORY
    kinds = {kind: [f for f in found if f.judged.role == EXPLORATORY] for kind, found in analysis.by_kind.items()}
    assert {kind: len(found) for kind, found in kinds.items()} == {
        COST: 12,
        STEP: 3,
        "whole ladder": 1,
        INTERFERENCE: 1,
    }


def test_a_block_in_which_one_arm_has_no_number_is_no_pair_and_says_why() -> None:
    own = trials("runc", [1.1] * 3)
    own[1] = trial("runc", 2, Failed(error("no answer")))
    analysis = Analysis.of(run_of(trials("bare", [1.0] * 4), own, trials("control", [1.0] * 2)))
    (finding,) = [f for f in analysis.findings if (f.cost.environment, f.cost.metric) == ("runc", "time")]
    assert finding.comparison.pairs.blocks == (1, 3)
    assert finding.comparison.unpaired == {2: "runc: failed: no answer", 4: "runc: no trial that counts"}


def laddered_run() -> Run:
    run = make_run(blocks=12)
    ladder = Ladder("layers", "syscall.getpid", "latency", ("bare", "runc", "tcg"))
    return replace(run, manifest=replace(run.manifest, ladders=(ladder,)))


def test_a_step_is_explained_as_a_cost_is() -> None:
    run = laddered_run()
    text = report.explain(run, "layers", "tcg")
    assert text.startswith("tcg against runc, a ladder step, in syscall.getpid")
    assert "d = ln(tcg / runc), so that above 0 is worse" in text
    assert "exploratory ladder steps, i = " in text
    assert "d = ln(tcg / bare)" in text  # the whole ladder, after its last step
    assert "d = ln(tcg / bare)" not in report.explain(run, "layers", "runc")


def test_an_interference_is_explained_as_a_cost_is() -> None:
    run = make_run(blocks=12)
    load = MetricContrast("syscall.getpid", "latency", interference("load", ("tcg", "runc"), ("control", "bare")))
    analysis = dataclasses.replace(Analysis.of(run), design=replace(Design.of(run.manifest), more=(load,)))
    text = explained(run, analysis.by_kind[INTERFERENCE], analysis)
    assert text.startswith("load, an interference of 4 arms, in syscall.getpid")
    assert "d = ln(tcg) + ln(bare) - ln(runc) - ln(control), so that above 0 is worse" in text
    assert "times sqrt(sum of squared weights / 2) = 1.41421, since d has 4 arms and" in text
    assert "m = 1 exploratory interference, i = 1" in text
    (block,) = [line for line in text.splitlines() if line.split()[:1] == ["1"] and len(line.split()) == 6]
    bare, control, runc, tcg, d = map(float, block.split()[1:])
    assert math.log(tcg / runc) - math.log(control / bare) == pytest.approx(d, abs=1e-5)


def test_coverage_of_the_interval_of_four_arms() -> None:
    for errors in worlds.ERRORS:
        figure = coverage.four_arms(VBENCH, 400, errors, 15)
        assert figure.holds(exactly=False), figure
