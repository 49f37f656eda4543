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
