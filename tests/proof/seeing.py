"""Does it see what is there, call equal what is equal, and keep silent where nothing can be known?"""

import math

import numpy as np

from tests.proof import worlds
from tests.proof.figures import Array, Figure, excludes, generator
from tests.proof.procedure import Procedure
from vbench.model import Verdict
from vbench.stats import envelope, equivalence, judgement, pairing
from vbench.stats.verdict import Decision

PAIR_SPREAD = 0.0155
TAIL = (
    "below 15 blocks the interval is that of t alone: with the bootstrap's beside it “equivalent” would be wrong less"
    " often here, and would not be said in many cases in which it is true"
)


def power(procedure: Procedure, runs: int, cost: float, blocks: int, least: float) -> Figure:
    random = generator("power", cost, blocks)
    d = math.log1p(cost) + PAIR_SPREAD * random.standard_normal((runs, blocks))
    low, high = procedure.report(d)
    case = f"a cost of {cost * 100:.0f} %, pairs spread by {PAIR_SPREAD * 100:.2f} %, n = {blocks}"
    return Figure("power", case, excludes(low, high), runs, low=least)


def equivalent(runs: int, cost: float, spread: float, blocks: int) -> Figure:
    """At the bound (δ itself) "equivalent" is the error; at zero it is what should be said."""
    random = generator("equivalent", cost, spread, blocks)
    d = math.log1p(cost) + spread * random.standard_normal((runs, blocks))
    said, by_t = _said(d)
    case = f"a cost of {cost * 100:.0f} %, pairs spread by {spread * 100:.2f} %, n = {blocks}"
    low, high = (None, 0.056) if cost else (0.9, None)
    return Figure("equivalence within 2 %", case, said, runs, low, high, beside={"t alone": by_t})


def equivalent_tailed(runs: int, cost: float, errors: str, blocks: int) -> Figure:
    """The same where d has a tail towards higher costs: a stated limit at the bound, and none at zero."""
    random = generator("equivalent", cost, errors, blocks)
    d = math.log1p(cost) + PAIR_SPREAD * worlds.TAILS[errors](random, (runs, blocks))
    said, by_t = _said(d)
    limit = (0.15 if blocks < 15 else 0.075) if cost else None
    case = f"a cost of {cost * 100:.0f} %, {errors}, n = {blocks}"
    remark = TAIL if (errors, blocks) == ("exponential", 10) and cost else ""
    beside = {"t alone": by_t}
    return Figure("equivalence under a tail", case, said, runs, high=limit, beside=beside, remark=remark)


def _said(d: Array) -> tuple[float, float]:
    """How often "equivalent" is said within 2 %, and how often the t interval alone would say it."""
    blocks, margin = d.shape[1], equivalence.margin_of(0.02)
    bands = envelope.bands(d)
    t_low, t_high = equivalence.ends_by_t(bands, blocks)
    by_t = (-margin < t_low) & (t_high < margin)
    return float(np.mean(equivalence.holds(bands, blocks, margin))), float(np.mean(by_t))


def exchange(runs: int, blocks: int) -> Figure:
    """Swapping the arms inverts the ratio and every interval to the last bit; so does no order of the blocks matter."""
    random = generator("exchange", blocks)
    d = random.standard_t(3, (runs, blocks)) * 10.0 ** random.integers(-6, 2, (runs, 1))
    there, back = envelope.bands(d), envelope.bands(-d)
    shuffled = envelope.bands(random.permuted(d, axis=1))
    same = np.ones(runs, dtype=bool)
    for one, other in ((there.mean, back.mean), (there.low, back.high), (there.high, back.low)):
        same &= one == -other
    same &= there.p_bootstrap == back.p_bootstrap
    same &= (shuffled.low == there.low) & (shuffled.high == there.high)
    return Figure("exchange and order", f"exact, n = {blocks}", float(np.mean(same)), runs, low=1.0, is_rate=False)


def degenerate() -> tuple[tuple[str, str, str, str], ...]:
    """Input, what pyperf's own comparison answers, the verdict here, and its reason."""
    ten = tuple(1 + 0.01 * math.sin(block) for block in range(15))
    cases = {
        "15 values against 14": (tuple(1.2 * value for value in ten), ten[:14]),
        "no variance in either arm": ((1.2,) * 15, (1.0,) * 15),
        "one value each": ((1.2,), (1.0,)),
        "a missing arm": ((), ten),
        "a NaN": ((math.nan, *ten[1:]), ten),
        "an infinity": ((math.inf, *ten[1:]), ten),
    }
    return tuple((name, _pyperf(*arms), *_here(*arms)) for name, arms in cases.items())


def _here(own: tuple[float, ...], baseline: tuple[float, ...]) -> tuple[str, str]:
    try:
        pairs = pairing.by_block("cpu.hash time runc", own, baseline, "lower")
    except pairing.BadValue as refused:
        return "refused", refused.message
    decision: Decision = judgement.judge([judgement.Hypothesis("cpu.hash time", "runc", pairs)], delta=0.02)[0].decision
    assert isinstance(decision.verdict, Verdict)
    return decision.verdict.value, decision.reason


def _pyperf(own: tuple[float, ...], baseline: tuple[float, ...]) -> str:
    from tests.proof import peers

    try:
        differ = peers.pyperf_significant(np.array(baseline)[:, None], np.array(own)[:, None])
    except Exception as refused:  # noqa: BLE001 - whatever another tool raises is its answer
        return f"raises {type(refused).__name__}"
    return "significant" if differ else "not significant"
