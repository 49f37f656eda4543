"""A note on drift needs trials that drift the same way in block after block: noise in single trials gives none."""

import math

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.random import Generator

from tests.unit.comparable_runs import small_run
from vbench.benchmarks.kernel_driver import drift_notes
from vbench.cost import Analysis, Steadiness
from vbench.model import Measured, Run
from vbench.report.view import view_of
from vbench.stats import steady

BLOCKS = 10
ITERATIONS = 20
CELLS = 300


def trial(random: Generator, drift: float) -> tuple[float, ...]:
    """Iterations of a host whose speed wanders slowly: neighbours resemble each other, as they do on real ones."""
    noise = np.zeros(ITERATIONS)
    for place in range(1, ITERATIONS):
        noise[place] = 0.9 * noise[place - 1] + random.normal(0, 0.015)
    noise += random.normal(0, 0.005, ITERATIONS)
    return tuple(map(float, np.exp(noise + drift * np.linspace(0, 1, ITERATIONS))))


def cell(random: Generator, drift: float) -> tuple[int, bool]:
    """The number of labelled trials, and whether the note on all of them appears."""
    trials = [trial(random, drift) for _ in range(BLOCKS)]
    labelled = sum(bool(drift_notes(samples)) for samples in trials)
    changes = [found.change for samples in trials if (found := steady.drift(samples))]
    signs = steady.signs(changes)
    return labelled, Steadiness(signs.count, signs.same, 0.0, signs.p, labelled).is_drifting


def test_many_blocks_are_judged_in_time_by_the_very_same_sum() -> None:
    for up in range(31):
        same = max(up, 30 - up)
        exact = min(1.0, 2 * sum(math.comb(30, place) for place in range(same, 31)) / 2**30)
        assert steady.signs([0.1] * up + [-0.1] * (30 - up)).p == exact
    assert steady.signs([0.1, -0.1] * 10_000) == steady.Signs(20_000, 10_000, 1.0)


def test_without_drift_the_note_is_rare_however_many_trials_are_labelled() -> None:
    random = np.random.default_rng(20261129)
    found = [cell(random, 0.0) for _ in range(CELLS)]
    assert sum(labelled > 0 for labelled, _ in found) > 0.5 * CELLS
    assert sum(told for _, told in found) <= 0.01 * CELLS


@pytest.mark.parametrize("drift", [-0.15, 0.15])
def test_a_drift_of_every_trial_is_noted(drift: float) -> None:
    random = np.random.default_rng(20261130)
    assert sum(cell(random, drift)[1] for _ in range(CELLS)) > 0.95 * CELLS


@pytest.mark.parametrize(
    ("changes", "count", "same", "p"),
    [
        ([0.1] * 10, 10, 10, 2 / 1024),
        ([0.1] * 9 + [-0.1], 10, 9, 22 / 1024),
        ([0.1] * 5 + [-0.1] * 5, 10, 5, 1.0),
        ([-0.1] * 7 + [0.0] * 3, 7, 7, 2 / 128),
        ([], 0, 0, 1.0),
    ],
)
def test_the_sign_test_counts_what_is_not_zero(changes: list[float], count: int, same: int, p: float) -> None:
    assert steady.signs(changes) == steady.Signs(count, same, pytest.approx(p))


def test_below_eight_blocks_no_sign_is_beyond_chance() -> None:
    assert steady.signs([1.0] * 7).p > steady.SAME_WAY >= steady.signs([1.0] * 8).p


def drifting(run: Run, arm: str, change: float) -> Run:
    """The same run, in which the trials of one arm drift by so much and say it as the kernels' driver does."""
    samples = tuple(1.0 + change * place / 8 for place in range(9))

    def changed(outcome: Measured) -> Measured:
        return replace(outcome, samples={"time": samples, "bandwidth": samples}, notes=drift_notes(samples))

    trials = tuple(
        replace(t, outcome=changed(t.outcome)) if t.environment == arm and isinstance(t.outcome, Measured) else t
        for t in run.trials
    )
    return replace(run, trials=trials)


def test_the_note_tells_how_often_which_way_and_by_how_much() -> None:
    run = drifting(small_run("r", blocks=12), "runc", -0.2)
    (found,) = Analysis.of(run).steadiness.values()
    assert (found.blocks, found.same, found.labelled) == (12, 12, 12)
    assert math.isclose(found.change, -0.154, abs_tol=0.001)
    row = next(row for row in view_of(run).rows if row.arm.name == "runc")
    said = "no steady state: the last third of a trial differs from its first the same way in 12 of 12 blocks, by −15 %"
    assert row.label.endswith(f"{said} in the median")


def test_a_run_without_labels_has_nothing_to_tell() -> None:
    assert Analysis.of(drifting(small_run("r", blocks=12), "runc", -0.02)).steadiness == {}


def test_a_label_without_samples_to_tell_the_drift_from_gives_no_note() -> None:
    run = small_run("r", blocks=12)
    trials = tuple(
        replace(t, outcome=replace(t.outcome, notes=(f"{steady.LABEL}: so it said",)))
        if isinstance(t.outcome, Measured)
        else t
        for t in run.trials
    )
    found = Analysis.of(replace(run, trials=trials)).steadiness
    assert found
    assert not any(one.is_drifting or one.blocks for one in found.values())
