"""Arms that take turns, on hosts that drift at every time scale: false positives, and the width against arms apart."""

import math
from collections.abc import Callable

import numpy as np

from tests.proof.figures import Array, Figure, excludes, generator
from tests.proof.procedure import Procedure
from vbench.stats import order

Random = np.random.Generator
Drift = Callable[[Random, int, Array], Array]
"""(random, runs, moments in s) to what the host adds to the logarithm at each moment, shape (runs, moments)."""

ARMS, ROUNDS, BLOCKS = 3, 9, 10
SLICE_S = 0.045  # from slice to slice, with the exchange
APART_S = 20.0  # from the trial of one arm to that of the next one, where one arm is alive at a time
BLOCK_S = 90.0
START, SLICE = 0.003, 0.01  # spread of starts, and of slices
DRIFT = 0.03
IDLE = 0.005  # processor time that a restless arm takes from those that are measured: gates.IDLE_SHARE


def ornstein(time_s: float) -> Drift:
    """AR(1) in continuous time: correlation exp(-t / time_s), standard deviation DRIFT."""

    def drift(random: Random, runs: int, at_s: Array) -> Array:
        states = np.empty((runs, len(at_s)))
        states[:, 0] = DRIFT * random.standard_normal(runs)
        for moment, gap_s in enumerate(np.diff(at_s), start=1):
            kept = math.exp(-gap_s / time_s)
            fresh = DRIFT * math.sqrt(1 - kept * kept) * random.standard_normal(runs)
            states[:, moment] = kept * states[:, moment - 1] + fresh
        return states

    return drift


def steps(random: Random, runs: int, at_s: Array) -> Array:
    """A lasting step of 3 % up or down, at a random moment of each block on average."""
    rate = 1 / BLOCK_S
    count = random.poisson(rate * np.diff(at_s, prepend=at_s[0]), (runs, len(at_s)))
    signs = random.choice([-1.0, 1.0], (runs, len(at_s)))
    return DRIFT * np.cumsum(np.minimum(count, 1) * signs, axis=1)


def still(random: Random, runs: int, at_s: Array) -> Array:
    return np.zeros((runs, len(at_s)))


DRIFTS: dict[str, Drift] = {
    "white": still,
    "AR(1) of 1 s": ornstein(1.0),
    "AR(1) of 10 s": ornstein(10.0),
    "AR(1) of 100 s": ornstein(100.0),
    "steps": steps,
}


def alike(procedure: Procedure, runs: int, host: str) -> Figure:
    """The last of three identical arms against the first; beside it the same host with one arm alive at a time."""
    low, high = _intervals(procedure, runs, host, in_turns=True)
    apart = _intervals(procedure, runs, host, in_turns=False)
    beside = {
        "excluded, arms apart": excludes(*apart),
        "median half-width": _half(low, high),
        "the same, arms apart": _half(*apart),
    }
    return Figure("arms that take turns", host, excludes(low, high), runs, high=0.056, beside=beside)


def restless(procedure: Procedure, runs: int) -> Figure:
    """The last arm takes processor time from the others while it is idle: its cost is that much too small."""
    low, high = _intervals(procedure, runs, "white", in_turns=True, idle=IDLE)
    remark = (
        "an idle arm that takes 0.5 % of a processor makes its own cost 0.5 % too small; above that it is measured "
        "alone"
    )
    case = f"the arm takes {IDLE * 100:.1f} % of a processor while it is idle"
    beside = {"median half-width": _half(low, high)}
    return Figure("arms that take turns", case, excludes(low, high), runs, beside=beside, remark=remark)


def _half(low: Array, high: Array) -> float:
    return float(np.median(high - low) / 2)


def _intervals(procedure: Procedure, runs: int, host: str, *, in_turns: bool, idle: float = 0.0) -> tuple[Array, Array]:
    random = generator("turns", host, in_turns, idle)
    slots = _slots_s(in_turns=in_turns)
    slices = ARMS * ROUNDS
    drift = DRIFTS[host](random, runs, slots.ravel()).reshape(runs, BLOCKS, slices)
    drift = drift + SLICE * random.standard_normal(drift.shape)
    orders = np.array([procedure.order(ARMS, BLOCKS, random) for _ in range(runs)])
    measured = _dealt(drift, orders, in_turns=in_turns)  # runs, blocks, arms, rounds
    measured = measured + START * random.standard_normal(measured.shape[:3])[..., None]
    measured[:, :, :-1] += idle
    numbers = np.median(measured, axis=3)
    return procedure.report(numbers[:, :, -1] - numbers[:, :, 0])


def _slots_s(*, in_turns: bool) -> Array:
    """The moments of all slices, shape (blocks, slices)."""
    slices = np.arange(ARMS * ROUNDS)
    within_s = SLICE_S * slices if in_turns else SLICE_S * (slices % ROUNDS) + APART_S * (slices // ROUNDS)
    return BLOCK_S * np.arange(BLOCKS)[:, None] + within_s[None, :]


def _dealt(slices: Array, orders: Array, *, in_turns: bool) -> Array:
    """Slices dealt to arms: in the turns of the product, or all slices of one arm before those of the next one."""
    runs = len(slices)
    place = np.argsort(orders, axis=2)  # runs, blocks, arms: the arm's turn in the first round
    numbers = np.arange(ROUNDS)
    if in_turns:
        turn = np.argsort(list(order.turns(ARMS, ROUNDS)), axis=1)  # rounds, turns of the first: turn in this one
        slot = numbers * ARMS + turn.T[place]
    else:
        slot = place[..., None] * ROUNDS + numbers
    return slices[np.arange(runs)[:, None, None, None], np.arange(BLOCKS)[None, :, None, None], slot]
