"""The exact generators: errors of one pair, and hosts that drift while the arms take their turns."""

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from tests.proof.figures import Array

Draw = Callable[[Generator, tuple[int, int]], Array]
SPREAD = 0.01  # of one arm's logarithm, where a world does not say otherwise


def normal(random: Generator, shape: tuple[int, int]) -> Array:
    return random.standard_normal(shape)


def t3(random: Generator, shape: tuple[int, int]) -> Array:
    return random.standard_t(3, shape)


def exponential(random: Generator, shape: tuple[int, int]) -> Array:
    return random.standard_exponential(shape) - 1


def nothing(random: Generator, shape: tuple[int, int]) -> Array:
    return np.zeros(shape)


ERRORS: dict[str, tuple[Draw, Draw]] = {  # guest, baseline; each with mean 0
    "normal": (normal, normal),
    "t₃": (t3, t3),
    "exponential in both arms": (exponential, exponential),
    "exponential in the guest only": (exponential, normal),
    "exponential in the guest, baseline still": (exponential, nothing),
}
PAIR_SPREAD = {  # standard deviation of guest minus baseline
    "normal": math.sqrt(2),
    "t₃": math.sqrt(6),
    "exponential in both arms": math.sqrt(2),
    "exponential in the guest only": math.sqrt(2),
    "exponential in the guest, baseline still": 1.0,
}


def pairs(errors: str, correlation: float, runs: int, blocks: int, random: Generator, *, cost: float = 0.0) -> Array:
    """d = ln guest - ln baseline, shape (runs, blocks), mean `cost`.

    ln y_arm,b = √ρ · s_b + √(1 - ρ) · e_arm,b, times 1 %, where s_b ~ N(0, 1) is shared by the arms of block b.
    """
    guest, baseline = ERRORS[errors]
    shared = math.sqrt(correlation) * random.standard_normal((runs, blocks))
    own = math.sqrt(1 - correlation)
    one = cost + SPREAD * (shared + own * guest(random, (runs, blocks)))
    other = SPREAD * (shared + own * baseline(random, (runs, blocks)))
    return one - other


LIMITS: dict[str, Draw] = {  # of d itself, each with mean 0: where no interval from so few blocks can be right
    "5 % contamination at 10σ, one side": lambda random, shape: (
        random.standard_normal(shape) + 10 * ((random.random(shape) < 0.05) - 0.05)
    ),
    "10 % bad mode at 5σ": lambda random, shape: (
        random.standard_normal(shape) + 5 * ((random.random(shape) < 0.1) - 0.1)
    ),
    "lognormal tail (σ = 1)": lambda random, shape: np.exp(random.standard_normal(shape)) - math.exp(0.5),
    "50/50 bimodal, 5σ apart": lambda random, shape: (
        random.standard_normal(shape) + 5 * ((random.random(shape) < 0.5) - 0.5)
    ),
}


RARE, SLOWED = 0.03, 1.3  # share of the guest's starts that are slow, and their factor


def slow_blocks(random: Generator, shape: tuple[int, int]) -> tuple[Array, Array]:
    """d with mean 0 of two arms of 1 %, of which the guest alone is now and then slow; and which blocks are slow."""
    slow = random.random(shape) < RARE
    d = SPREAD * PAIR_SPREAD["normal"] * random.standard_normal(shape) + math.log(SLOWED) * (slow - RARE)
    return d, slow


TAILS: dict[str, Draw] = {  # of d itself, each with mean 0 and standard deviation 1: a tail towards higher costs
    "exponential": exponential,
    "gamma (2)": lambda random, shape: (random.standard_gamma(2, shape) - 2) / math.sqrt(2),
    "lognormal (σ = 0.5)": lambda random, shape: (
        (np.exp(0.5 * random.standard_normal(shape)) - math.exp(0.125)) / math.sqrt(math.expm1(0.25) * math.exp(0.25))
    ),
}


def _ticks(random: Generator, shape: tuple[int, int]) -> Array:
    """The logarithm of a hundred ticks, or of one more or one less in a tenth of the blocks each."""
    drawn = random.random(shape)
    return np.log(100.0 + (drawn < 0.1) - (drawn > 0.9))


COARSE: dict[str, Draw] = {  # d where a clock or a counter is coarse, so that most blocks are equal; each with mean 0
    "a step up or down in 20 % of blocks": lambda random, shape: _steps(random, shape, 0.1, 0.1),
    "a step up or down in 30 % of blocks": lambda random, shape: _steps(random, shape, 0.15, 0.15),
    "a step up in 20 %, down in 5 %": lambda random, shape: _steps(random, shape, 0.2, 0.05),
    "a step up in 20 %, never down": lambda random, shape: _steps(random, shape, 0.2, 0.0),
    "100 ± 1 ticks in both arms": lambda random, shape: _ticks(random, shape) - _ticks(random, shape),
}


def _steps(random: Generator, shape: tuple[int, int], up: float, down: float) -> Array:
    """One step of 1 % up or down with these probabilities, less the mean; else exactly none."""
    drawn = random.random(shape)
    return 0.01 * ((drawn < up) * 1.0 - (drawn > 1 - down) - (up - down))


# --- hosts ------------------------------------------------------------------------------------------------------

Host = Callable[[Generator, int, int, int], Array]
"""(random, runs, slots, slots of a run) to what the host adds to the logarithm of slot after slot."""


def steady(random: Generator, runs: int, slots: int, period: int) -> Array:
    return np.zeros((runs, slots))


def linear_drift(random: Generator, runs: int, slots: int, period: int) -> Array:
    """3 % over one run."""
    return np.broadcast_to(0.03 * np.arange(slots) / period, (runs, slots))


def autoregressive(random: Generator, runs: int, slots: int, period: int) -> Array:
    """AR(1), φ = 0.9 from slot to slot, standard deviation 1 %."""
    state = 0.01 * random.standard_normal(runs)
    states = np.empty((runs, slots))
    for slot in range(slots):
        states[:, slot] = state
        state = 0.9 * state + 0.01 * math.sqrt(1 - 0.81) * random.standard_normal(runs)
    return states


def session_shift(random: Generator, runs: int, slots: int, period: int) -> Array:
    """A lasting step of 3 % at a random slot of the run."""
    at = random.integers(0, period, runs)
    return 0.03 * (np.arange(slots)[None, :] >= at[:, None])


HOSTS: dict[str, Host] = {
    "steady": steady,
    "linear drift": linear_drift,
    "AR(1) drift": autoregressive,
    "session shift": session_shift,
}
FIRST_POSITION = 0.01


def starts(host: str, runs: int, slots: int, period: int, random: Generator, *, spread: float = SPREAD) -> Array:
    """ln of slot after slot of identical code: the host's state and a start's own error, shape (runs, slots)."""
    return HOSTS[host](random, runs, slots, period) + spread * random.standard_normal((runs, slots))


def iterations(values: Array, count: int, random: Generator, *, spread: float = SPREAD / 2) -> Array:
    """`count` iterations inside every start, shape (..., count): they share all that their start has."""
    return values[..., None] + spread * random.standard_normal((*values.shape, count))


def dealt(series: Array, orders: list[list[tuple[int, ...]]], *, first_position: float = 0.0) -> Array:
    """Slots dealt to arms in their order: shape (runs, blocks, arms, ...).

    The first start of every block is slower by a constant. An arm's b-th slot is its block b.
    """
    order = np.array(orders)  # runs, blocks, positions: the arm that stands there
    runs, blocks, arms = order.shape
    slots = series[:, : blocks * arms].copy()
    slots[:, ::arms] += first_position
    place = np.argsort(order.reshape(runs, -1), axis=1, kind="stable").reshape(runs, arms, blocks)
    return slots[np.arange(runs)[:, None, None], place].swapaxes(1, 2)
