"""A sample of the proof, which `make proof` makes whole: no figure contradicts its target, no mutation survives."""

from pathlib import Path

import numpy as np
import pytest

from tests.proof import page, peers, plan, seeing, worlds
from tests.proof.figures import Figure
from tests.proof.procedure import MUTATIONS, VBENCH, Procedure, sequential
from vbench.stats import order

RUNS = 200
MUTATED = (300, 1000)  # most mutations need no more than the first


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return [plan.measured(experiment) for experiment in plan.sample(RUNS)]


def test_no_figure_contradicts_its_target(figures: list[Figure]) -> None:
    assert [(f.check, f.case, f.value) for f in page.broken(figures, exactly=False)] == []


def test_a_sample_has_experiments_of_every_kind() -> None:
    kinds = {experiment.func for experiment in plan.experiments(RUNS)}
    sample = [experiment.func for experiment in plan.sample(RUNS)]
    assert set(sample) == kinds
    assert max(sample.count(kind) for kind in kinds) == plan.OF_EACH


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[procedure.name for procedure in MUTATIONS])
def test_every_mutation_breaks_something(mutation: Procedure) -> None:
    assert any(plan.is_caught(mutation, runs) for runs in MUTATED)


def test_the_procedure_itself_passes_what_the_mutations_are_put_through() -> None:
    assert not any(plan.is_caught(VBENCH, runs) for runs in MUTATED)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # pyperf divides by zero on these
def test_degenerate_inputs_are_significant_for_another_tool_and_never_here() -> None:
    answers = seeing.degenerate()
    assert {verdict for _, _, verdict, _ in answers} == {"inconclusive", "refused"}
    assert all(reason for *_, reason in answers)
    assert {name for name, theirs, *_ in answers if theirs == "significant"} >= {
        "15 values against 14",
        "one value each",
    }


def test_the_page_names_its_command_its_misses_and_every_experiment(figures: list[Figure], tmp_path: Path) -> None:
    mutated = dict.fromkeys(plan.mutated(RUNS), figures[:3])
    missed = Figure("power", "a figure that misses", 0.5, RUNS, low=0.9)
    page.write(tmp_path / "p.md", [*figures, missed], mutated, [], command="make x", runs=RUNS, exactly=False)
    text = (tmp_path / "p.md").read_text(encoding="utf-8")
    assert "make x" in text
    assert "**missed**: power, a figure that misses: 50.00 % (target ≥ 90.0 %)" in text
    assert all(figure.case in text for figure in figures)
    assert "0 of 5 mutations of the procedure are caught" in text
    assert {path.name for path in (tmp_path / "p").iterdir()} == {"coverage.svg", "limits.svg", "tools.svg"}


def test_every_check_of_the_plan_has_its_section(figures: list[Figure]) -> None:
    assert {figure.check for figure in figures} == set(page.ABOUT)


def test_bounds_are_the_binomials() -> None:
    assert Figure("x", "y", 0.93, 250, low=0.94).holds(exactly=False)
    assert not Figure("x", "y", 0.93, 250, low=0.94).holds(exactly=True)
    assert not Figure("x", "y", 0.86, 250, low=0.94).holds(exactly=False)
    assert not Figure("x", "y", 0.14, 250, high=0.056).holds(exactly=False)


def test_a_series_is_dealt_to_the_arms_as_their_order_says() -> None:
    series = np.arange(6.0)[None, :]
    turns = [[(1, 0), (0, 1), (1, 0)]]
    assert worlds.dealt(series, turns).tolist() == [[[1.0, 0.0], [2.0, 3.0], [5.0, 4.0]]]
    first = worlds.dealt(series, turns, first_position=10.0)
    assert first.tolist() == [[[1.0, 10.0], [12.0, 3.0], [5.0, 14.0]]]
    one_by_one = worlds.dealt(series, [sequential(2, 3, np.random.default_rng(0))])
    assert one_by_one.tolist() == [[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]]
    balanced = [order.balanced(3, 2, np.random.default_rng(1))]
    assert sorted(worlds.dealt(series, balanced).ravel().tolist()) == series.ravel().tolist()


def test_the_generators_have_the_spread_that_they_are_scaled_by() -> None:
    for errors, spread in worlds.PAIR_SPREAD.items():
        d = worlds.pairs(errors, 0.5, 4000, 50, np.random.default_rng(2)) / worlds.SPREAD
        own = spread * np.sqrt(0.5)
        assert d.mean() == pytest.approx(0, abs=0.03)
        assert d.std() == pytest.approx(own, rel=0.15 if errors == "t₃" else 0.02)


def test_other_tools_answer_as_their_own_code_does() -> None:
    same = np.array([1.0, 1.01, 0.99, 1.02])
    assert peers.pyperf_significant(same[:, None], 2 * same[:, None])
    assert not peers.pyperf_significant(same[:, None], same[::-1, None])
    assert peers.hyperfine_different(same[None, :], 2 * same[None, :]).all()
    assert peers.phoronix_mean(np.array([1.0, 1.0, 1.001, 9.0])) == (pytest.approx(1.0, abs=1e-3), 3)
    assert peers.phoronix_mean(np.linspace(1, 3, 40))[1] == 12
