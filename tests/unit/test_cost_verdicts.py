"""A verdict is drawn from ten blocks on, weighed against the control and every other claim, and always has a reason."""

import math
import random
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.unit.costs import cost_of, run_of, trial, trials
from tests.unit.outcomes import error
from tests.unit.runs import make_run
from vbench.cost import Analysis
from vbench.model import Cost, Failed, Measured, Metric, Run, Trial, Verdict
from vbench.stats.bootstrap import SEED
from vbench.stats.judgement import Hypothesis, judge
from vbench.stats.pairing import ratios

BASE = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.04]
SPREAD = [0.004, -0.003, 0.002, -0.005, 0.001, 0.003, -0.002, 0.005, -0.001, -0.004, 0.002, -0.002]


def scaled(factor: float, *, noise: float = 1.0, blocks: int = 12) -> list[float]:
    return [base * factor * math.exp(noise * e) for base, e in zip(BASE, SPREAD, strict=True)][:blocks]


def run_with(factor: float, *, control: float = 1.0, noise: float = 1.0, blocks: int = 12) -> Run:
    shifted = SPREAD[5:] + SPREAD[:5]
    again = [base * control * math.exp(e) for base, e in zip(BASE, shifted, strict=True)][:blocks]
    return run_of(
        trials("bare", BASE[:blocks]),
        trials("control", again),
        trials("runc", scaled(factor, noise=noise, blocks=blocks)),
    )


@pytest.mark.parametrize(
    ("factor", "noise", "verdict"),
    [
        (1.12, 1.0, Verdict.SLOWER),
        (0.90, 1.0, Verdict.FASTER),
        (1.0, 1.0, Verdict.EQUIVALENT),
        (1.01, 1.0, Verdict.EQUIVALENT),
        (1.01, 9.0, Verdict.INCONCLUSIVE),
    ],
)
def test_each_verdict_is_reached_and_says_why(factor: float, noise: float, verdict: Verdict) -> None:
    found = cost_of(run_with(factor, noise=noise))
    assert (found.verdict, found.label) == (verdict, "")
    assert found.reason
    assert found.rule


def test_a_significant_cost_within_the_margin_is_equivalent() -> None:
    found = cost_of(run_with(1.01))
    assert found.low is not None
    assert found.low > 1
    assert found.reason == "differs by less than 2.0 %"


def test_a_control_that_differs_withholds_every_verdict_of_its_place() -> None:
    run = run_with(1.3, control=1.1)
    assert cost_of(run).verdict is Verdict.WITHHELD
    assert cost_of(run, arm="control").verdict is Verdict.WITHHELD
    assert "control" in cost_of(run).reason


@pytest.mark.parametrize("last", [1.10, 1.11])
def test_a_control_that_differs_in_every_block_withholds_without_an_interval(last: float) -> None:
    bare, again = [1.0] * 12, [1.1] * 11 + [last]
    run = run_of(trials("bare", bare), trials("control", again), trials("runc", scaled(1.3)))
    assert cost_of(run).verdict is Verdict.WITHHELD
    control = cost_of(run, arm="control")
    assert (control.verdict, control.low) == (Verdict.WITHHELD, None)
    assert (control.p is None) == (last == 1.10)
    assert cost_of(run_of(trials("bare", bare), trials("control", bare), trials("runc", scaled(1.3)))).verdict is (
        Verdict.SLOWER
    )


def test_a_verdict_without_a_control_says_that_noise_was_not_measured() -> None:
    run = run_with(1.3)
    failed = [
        replace(t, outcome=Failed(error("no space left on device"))) if t.environment == "control" else t
        for t in run.trials
    ]
    for trials_left in ([t for t in run.trials if t.environment != "control"], failed):
        found = cost_of(replace(run, trials=tuple(trials_left)))
        assert found.verdict is Verdict.SLOWER
        assert found.reason == (
            "the whole 95 % interval lies above 1; no control: the noise of this host was not measured"
        )
    assert "no control" not in cost_of(run).reason


@pytest.mark.parametrize(("blocks", "label"), [(4, "dots only"), (5, "rough"), (9, "rough"), (10, "")])
def test_below_ten_blocks_there_is_no_verdict(blocks: int, label: str) -> None:
    found = cost_of(run_with(1.5, blocks=blocks))
    assert found.label == label
    assert (found.verdict is None) == (blocks < 10)
    assert found.p is None or blocks >= 10
    assert found.reason


def test_the_smallest_cost_of_interest_is_the_suite_s() -> None:
    run = run_with(1.03)
    assert cost_of(run).verdict is Verdict.SLOWER
    wider = replace(run, manifest=replace(run.manifest, delta=0.1))
    assert cost_of(wider).verdict is Verdict.EQUIVALENT


def test_what_a_verdict_rests_on_is_what_the_statistics_said() -> None:
    run = run_with(1.01, noise=9.0)
    found = cost_of(run)
    own, base = dict(enumerate(scaled(1.01, noise=9.0), 1)), dict(enumerate(BASE, 1))
    shifted = [b * math.exp(e) for b, e in zip(BASE, SPREAD[5:] + SPREAD[:5], strict=True)]
    cells = [
        Hypothesis("x", "control", ratios("c", dict(enumerate(shifted, 1)), base, "lower"), is_control=True),
        Hypothesis("x", "runc", ratios("r", own, base, "lower")),
    ]
    control, judged = judge(cells, delta=0.02, seed=SEED)
    assert found.cost == pytest.approx(math.exp(judged.envelope.mean or 0))
    assert found.low == pytest.approx(math.exp(judged.envelope.low or 0))
    assert found.p == pytest.approx(judged.p)
    assert found.floor == pytest.approx(math.expm1(control.floor or 0))
    assert found.detectable == pytest.approx(math.expm1(judged.decision.detectable or 0))
    assert found.half_width == pytest.approx(math.expm1(judged.envelope.half_width or 0))
    assert found.blocks_to_decide == judged.decision.blocks_to_decide
    assert found.hodges_lehmann == pytest.approx(found.cost, rel=0.05)


def test_confirmatory_is_what_the_suite_declared_and_nothing_else() -> None:
    run = run_with(1.2)
    run = replace(run, manifest=replace(run.manifest, confirmatory=("runc cpu.hash time", "runc cpu.gone time")))
    found = Analysis.of(run).costs
    roles = {(cost.environment, cost.metric): cost.role for cost in found}
    assert roles == {
        ("control", "time"): "control",
        ("runc", "time"): "confirmatory",
        ("control", "bandwidth"): "control",
        ("runc", "bandwidth"): "exploratory",
    }
    assert Analysis.of(run).not_measured == ("runc cpu.gone time",)


def test_an_adjustment_only_raises_a_p_value() -> None:
    counted = [cost for cost in Analysis.of(make_run(blocks=12)).costs if cost.p is not None]
    assert len(counted) > 40
    assert all(cost.p_adjusted is not None and cost.p is not None and cost.p_adjusted >= cost.p for cost in counted)


def test_a_far_block_and_a_change_of_level_are_named_by_their_blocks() -> None:
    far = [*scaled(1.1)[:11], 9.0]
    found = cost_of(run_of(trials("bare", BASE), trials("runc", far)))
    assert any("(block 12)" in what for what in found.suspects)
    rng = random.Random(3)
    level = [(1.2 if block > 10 else 1.0) * math.exp(rng.gauss(0, 0.03)) for block in range(1, 21)]
    changed = cost_of(run_of(trials("bare", [1.0] * 20), trials("runc", level)))
    assert any("after block 10" in what for what in changed.suspects)


def test_a_cell_without_a_number_has_neither_verdict_nor_rule() -> None:
    found = cost_of(run_of(trials("bare", BASE)))
    assert (found.verdict, found.rule, found.reason) == (None, "", "runc: no trials")
    control = trials("control", scaled(1.0))
    flat = cost_of(run_of(trials("bare", [1.0] * 12), control, trials("runc", [1.25] * 12)))
    assert (flat.verdict, flat.reason) == (Verdict.INCONCLUSIVE, "no spread")


# --- metrics without a ratio ------------------------------------------------------------------------------------

SWAPPED = Metric("swapped", "B", "lower", scale="difference", margin=10.0)


def difference_of(own: Sequence[float], base: Sequence[float], metric: Metric = SWAPPED) -> Cost:
    def measured(arm: str, values: Sequence[float]) -> list[Trial]:
        return [trial(arm, block, Measured({metric.name: (value,)})) for block, value in enumerate(values, start=1)]

    run = run_of(measured("bare", base), measured("runc", own))
    record = replace(run.manifest.benchmarks[0], metrics=(metric,))
    return cost_of(replace(run, manifest=replace(run.manifest, benchmarks=(record,))), metric=metric.name)


def test_a_metric_that_can_be_zero_has_a_difference_and_no_ratio() -> None:
    base = [0.0, 1.0, -1.0, 2.0, 0.0, 1.0, -1.0, 2.0, 0.0, 1.0, -1.0, 2.0]
    own = [value + 100 + e for value, e in zip(base, [1, 2, 3, 0, -1, -2, 2, 1, 0, -3, 1, 2], strict=True)]
    found = difference_of(own, base)
    assert (found.cost, found.low, found.high, found.per_block) == (None, None, None, {})
    assert found.difference is not None
    assert found.difference.low is not None
    assert found.difference.low > 90
    assert found.difference.per_block[1] == 101
    assert found.verdict is Verdict.SLOWER
    assert found.detectable is not None
    assert 0 < found.detectable < 10


def test_a_difference_within_its_own_margin_is_equivalent_and_a_unit_of_one_is_no_ratio() -> None:
    base = [0.0, 1.0] * 6
    own = [value + e for value, e in zip(base, SPREAD, strict=True)]
    assert difference_of(own, base).verdict is Verdict.EQUIVALENT
    found = difference_of(own, base, Metric("share", "1", "lower", scale="difference"))
    assert found.difference is not None
    assert found.difference.mean == pytest.approx(sum(SPREAD) / 12)
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_difference_of_what_is_no_number_is_unknown() -> None:
    found = difference_of([math.nan] * 10, [0.0] * 10)
    assert found.difference is None
    assert "not a number" in found.label


# --- families ---------------------------------------------------------------------------------------------------


def test_a_family_s_mean_takes_each_benchmark_once_and_stays_within_the_family() -> None:
    found = {(f.family, f.environment): f for f in Analysis.of(make_run(blocks=12, losses=False)).families}
    cpu = found["cpu", "tcg"]
    assert cpu.members == ("cpu.hash time", "cpu.matrix time", "cpu.sha256 bandwidth")
    assert cpu.cost == pytest.approx((1.12 * 9.3 * 14.1) ** (1 / 3), rel=0.01)
    assert cpu.low is not None
    assert cpu.high is not None
    assert cpu.low < cpu.cost < cpu.high
    assert found["disk", "runc"].members == ("disk.randread iops", "disk.seqwrite bandwidth")
    assert {family for family, _ in found} == {"cpu", "memory", "syscall", "disk", "network"}


def test_a_family_with_a_member_missing_has_no_mean_and_says_so() -> None:
    found = {(f.family, f.environment): f for f in Analysis.of(make_run(blocks=12)).families}
    assert found["disk", "runc"].cost is None
    assert "disk.seqwrite" in found["disk", "runc"].label
    few = Analysis.of(make_run(blocks=3, losses=False)).families
    assert {(f.low, f.label) for f in few} == {(None, "dots only")}


def test_findings_are_the_costs_with_their_way() -> None:
    run = make_run(blocks=10)
    assert tuple(finding.cost for finding in Analysis.of(run).findings) == Analysis.of(run).costs
