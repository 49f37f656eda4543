"""Changes of the code that gave other verdicts, and that no test noticed: each test here fails under one of them."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from tests.unit.costs import cost_of, run_of, trials
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.model import Run, Verdict
from vbench.stats import bootstrap, detectable, envelope, equivalence, judgement, pvalues, suspects
from vbench.stats.envelope import Envelope
from vbench.stats.judgement import Hypothesis, Judged
from vbench.stats.pairing import Pairs
from vbench.stats.verdict import Case, decide
from vbench.suite import plan as plans

# A tail towards no cost, so that the bootstrap's p lies far above Student's.
TAIL = (0.04, 0.015, 0.047, 0.03, 0.044, 0.047, -0.012, 0.046, 0.026, 0.049, 0.046, 0.048)
QUIET = tuple(0.003 * math.sin(7 * block + 1) for block in range(12))


def judged(*hypotheses: Hypothesis) -> tuple[Judged, ...]:
    return judgement.judge(hypotheses, delta=0.02)


def hypothesis(quantity: str, d: tuple[float, ...], **more: bool) -> Hypothesis:
    return Hypothesis(quantity, "runc", Pairs(quantity, tuple(range(1, len(d) + 1)), d), **more)


def found(d: tuple[float, ...]) -> Envelope:
    return envelope.envelopes([Pairs("cell", tuple(range(len(d))), d)])[0]


def declared(run: Run, *names: str) -> Run:
    return replace(run, manifest=replace(run.manifest, confirmatory=names))


def test_the_p_value_is_the_bootstraps_where_that_is_larger_and_decides_after_holm() -> None:
    inside = found(TAIL)
    assert inside.p_bootstrap is not None
    assert inside.mean is not None
    assert inside.spread is not None
    by_t = pvalues.by_t(inside.mean, inside.spread, inside.blocks)
    assert by_t < 0.05 / 4 < inside.p_bootstrap < 0.05
    nulls = [hypothesis(f"null {i}", QUIET[i:] + QUIET[:i], is_confirmatory=True) for i in range(3)]
    one, *_ = judged(hypothesis("tail", TAIL, is_confirmatory=True), *nulls)
    assert one.p >= inside.p_bootstrap
    assert one.decision.verdict is Verdict.INCONCLUSIVE
    assert judged(hypothesis("tail", TAIL, is_confirmatory=True))[0].decision.verdict is Verdict.SLOWER


def test_controls_do_not_count_among_the_explored() -> None:
    cost = hypothesis("cpu", TAIL)
    controls = [hypothesis(f"place {i}", QUIET[i:] + QUIET[:i], is_control=True) for i in range(5)]
    alone, among = judged(cost)[0], judged(cost, *controls)[0]
    assert among.p_adjusted == alone.p_adjusted == alone.p
    assert among.decision.verdict is Verdict.SLOWER


def test_delta_is_a_ratio_minus_1_and_no_logarithm() -> None:
    assert equivalence.margin_of(0.5) == pytest.approx(math.log(1.5))
    d = tuple(0.45 + value for value in QUIET)  # a ratio of 1.57: beyond 1.5, and within e^0.5
    assert decide(Case(envelope=found(d), margin=equivalence.margin_of(0.5))).verdict is Verdict.SLOWER


def test_the_medians_beside_a_cost_are_those_of_its_pairs() -> None:
    lonely = [*trials("bare", [1.0] * 3), *trials("bare", [9.0] * 7, start=4)]
    cost = cost_of(run_of(lonely, trials("runc", [2.0] * 3)))
    assert (cost.blocks, cost.baseline_median, cost.median) == (3, 1.0, 2.0)
    unpaired = cost_of(run_of(trials("bare", [1.0, 3.0]), trials("runc", [2.0], start=3)))
    assert (unpaired.blocks, unpaired.baseline_median, unpaired.median) == (0, 2.0, 2.0)


def test_the_detectable_cost_is_that_of_the_envelope_and_not_of_student_alone() -> None:
    inside = found(TAIL)
    assert inside.spread is not None
    assert inside.widening > 1.2
    decision = decide(Case(envelope=inside, margin=equivalence.margin_of(0.02)))
    wide = detectable.smallest_mean(inside.spread, inside.blocks, widening=inside.widening)
    assert decision.detectable == wide > 1.1 * detectable.smallest_mean(inside.spread, inside.blocks)


def test_the_bootstrap_draws_from_the_stream_that_is_printed() -> None:
    """`--explain` prints default_rng([seed, n]): a reader who draws from it must get the same resamples."""
    drawn = np.random.default_rng([bootstrap.SEED, 12]).integers(0, 12, (bootstrap.RESAMPLES, 12))
    counts = np.array([np.bincount(row, minlength=12) for row in drawn[:50]])
    assert (bootstrap.weights(12).T[:50] * 12).round().astype(int).tolist() == counts.tolist()


def test_a_plan_draws_from_the_seed_then_the_stream_so_that_old_seeds_give_their_plans() -> None:
    def stream(*words: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(words))))

    text = 'name = "p"\nbenchmarks = ["cpu.hash"]\n[method]\nbaseline = "a"\nblocks = 4\nbudget = "1 h"\nseed = 5\n'
    arms_of_it = "".join(f'[environments.{name}]\nkind = "fake"\n' for name in "abc")
    plan = plans.make(suites.parse(text + arms_of_it, source="p.toml"))
    arms = len(plan.environments)
    for block in plan.blocks:
        paddings = stream(5, 2, block.index).integers(0, 4095, size=arms, endpoint=True)
        assert [step.padding_b for step in block.steps] == paddings.tolist()
    calibration = [plan.environments[i] for i in stream(5, 3).permutation(arms)]
    assert [step.environment for step in plan.blocks[0].steps] == calibration


@pytest.mark.parametrize(("blocks", "is_known"), [(2, False), (4, False), (5, True), (12, True)])
def test_the_noise_floor_needs_five_blocks(blocks: int, is_known: bool) -> None:
    control = hypothesis("cpu", QUIET[:blocks], is_control=True)
    assert all((one.floor is not None) is is_known for one in judged(control, hypothesis("cpu", TAIL)))
    assert (judgement.floor_of(found(QUIET[:blocks])) is not None) is is_known


def test_a_control_is_never_confirmatory_whatever_a_suite_declares() -> None:
    run = run_of(*(trials(arm, [1.0 + 0.01 * math.sin(block) for block in range(12)]) for arm in ("bare", "control")))
    names = tuple(f"control cpu.hash {metric}" for metric in ("time", "bandwidth"))
    controls = [finding for finding in Analysis.of(declared(run, *names)).findings if finding.cost.role == "control"]
    assert len(controls) == 2
    assert not any(finding.judged.hypothesis.is_confirmatory for finding in controls)


@pytest.mark.parametrize(("value", "is_far"), [(45.0, False), (55.0, True)])
def test_a_block_is_far_from_six_robust_deviations_on(value: float, is_far: bool) -> None:
    """Of -10 to 10 and this value the median is 0.5 and the deviation 1.4826 · 5.5, so that the limit is 49.4."""
    named = suspects.suspects([*map(float, range(-10, 11)), value])
    assert bool(named) is is_far
