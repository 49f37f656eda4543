"""A thousand comparisons: the only cost is found, the only control that differs withholds, chance claims nothing."""

import math

import numpy as np
import pytest

from tests.proof import worlds
from tests.proof.figures import Array
from vbench.model import Verdict
from vbench.stats import envelope, judgement, pvalues
from vbench.stats.judgement import Hypothesis, Judged
from vbench.stats.pairing import Pairs

CELLS, BLOCKS = 1000, 15
CLAIMS = (Verdict.SLOWER, Verdict.FASTER)


def judged(d: Array, *, are_controls: bool = False) -> tuple[Judged, ...]:
    hypotheses = [
        Hypothesis(str(cell), "runc", Pairs(str(cell), tuple(range(BLOCKS)), tuple(row)), is_control=are_controls)
        for cell, row in enumerate(d.tolist())
    ]
    return judgement.judge(hypotheses, delta=0.02)


def without_cost(errors: str = "normal") -> Array:
    return worlds.pairs(errors, 0.5, CELLS, BLOCKS, np.random.default_rng([7, *errors.encode()]))


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.1])
def test_the_only_cost_among_a_thousand_cells_is_claimed(factor: float) -> None:
    d = without_cost()
    d[137] += math.log(factor)
    claimed = {cell: one.decision.verdict for cell, one in enumerate(judged(d)) if one.decision.verdict in CLAIMS}
    assert claimed == {137: Verdict.SLOWER if factor > 1 else Verdict.FASTER}


def test_the_only_control_that_differs_among_a_thousand_withholds() -> None:
    d = without_cost()
    d[137] += math.log(1.3)
    withheld = [cell for cell, one in enumerate(judged(d, are_controls=True)) if one.decision.verdict == "withheld"]
    assert withheld == [137]


@pytest.mark.parametrize("errors", worlds.ERRORS)
def test_among_a_thousand_cells_without_a_cost_chance_claims_nothing(errors: str) -> None:
    d = without_cost(errors)
    assert [one for one in judged(d) if one.decision.verdict in CLAIMS] == []
    assert [one for one in judged(d, are_controls=True) if one.decision.verdict == "withheld"] == []


def test_p_goes_on_without_a_step_where_the_resamples_end() -> None:
    shape = np.random.default_rng(3).standard_normal(BLOCKS)
    shape = (shape - shape.mean()) / shape.std(ddof=1)
    means = np.geomspace(0.5, 200, 400)
    cells = [Pairs("", tuple(range(BLOCKS)), tuple((mean + shape).tolist())) for mean in means]
    p = [pvalues.of(one) for one in envelope.envelopes(cells)]
    assert p == sorted(p, reverse=True)
    assert pvalues.LEAST in p
    assert p[-1] < 1e-9
    below = [one for one in p if one < pvalues.LEAST]
    assert below[0] > pvalues.LEAST / 2


def test_beyond_the_resamples_p_is_never_less_than_students() -> None:
    for blocks in (10, 15, 40):
        for mean in (1.0, 10.0, 1e3, 1e100):
            by_t, beyond = (of(mean, 1.0, blocks) for of in (pvalues.by_t, pvalues.beyond_bootstrap))
            assert min(pvalues.LEAST, by_t) <= beyond <= pvalues.LEAST
