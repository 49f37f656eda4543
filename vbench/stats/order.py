"""Orders the arms of each block so that drift and position effects cancel instead of becoming a cost."""

from collections.abc import Iterator
from itertools import islice

from numpy.random import Generator

Square = tuple[tuple[int, ...], ...]


def williams(arms: int) -> tuple[Square, ...]:
    """Latin squares (rows: blocks, columns: positions) in which every arm follows every other arm equally often.

    One square for an even number of arms; two, the second mirrored, for an odd number, balanced together.
    E. J. Williams, "Experimental designs balanced for the estimation of residual effects of treatments",
    Australian Journal of Scientific Research A 2 (1949) 149-168: the first row is 0, 1, n-1, 2, n-2, ... and
    every further row adds one modulo n.
    """
    if arms < 1:
        raise ValueError(f"a design needs at least one arm, got {arms}")
    first = [0] + [(k + 1) // 2 if k % 2 else arms - k // 2 for k in range(1, arms)]
    square = tuple(tuple((arm + row) % arms for arm in first) for row in range(arms))
    if arms % 2 == 0 or arms == 1:
        return (square,)
    return square, tuple(row[::-1] for row in square)


def balanced(arms: int, blocks: int, random: Generator) -> list[tuple[int, ...]]:
    """One order of the arms for each block; fewer blocks from the same state of `random` are a prefix of more.

    Whole Latin squares follow each other, so after *any* number of blocks two arms differ by at most one in how
    often they stood at a position. Labels are drawn anew for each design, rows are shuffled within each square.
    """
    return list(islice(_endless(arms, random), blocks))


def _endless(arms: int, random: Generator) -> Iterator[tuple[int, ...]]:
    design = williams(arms)
    while True:
        labels = [int(label) for label in random.permutation(arms)]
        for square in design:
            for row in random.permutation(arms):
                yield tuple(labels[arm] for arm in square[row])


def rounds(arms: int, most: float) -> int:
    """The number of rounds nearest to `most` in which linear drift cancels: see `turns`. At least one or two."""
    most *= 1 + 1e-9  # 0.3 s in slices of 0.1 s are three, which the quotient of floats just misses
    if arms > 2 and most >= arms:
        return arms * round(most / arms)
    return 2 * max(1, round(most / 2))


def turns(arms: int, rounds: int) -> Iterator[tuple[int, ...]]:
    """The arms in each round, as positions in the first one. The mean moment of all arms is the same.

    Each round begins one arm later than the one before: ABC BCA CAB. No arm is measured twice in a row, which would
    give it the caches that it has just filled. That needs a multiple of `arms` rounds. With fewer, or with two arms,
    every second round goes backwards: ABC CBA.
    """
    forward = tuple(range(arms))
    for number in range(rounds):
        if arms > 2 and rounds % arms == 0:
            shift = number % arms
            yield forward[shift:] + forward[:shift]
        else:
            yield forward[::-1] if number % 2 else forward
