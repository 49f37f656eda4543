"""Compares the widths of A/A intervals: arms that take turns against arms that are alive one at a time.

`python overhead/sharpness.py [RUNS]`: RUNS runs of each order, alternating, about 5 minutes a pair. The arms are
identical, so that every interval should hold 1, and a narrower one is a sharper answer in the same time.
"""

import math
import sys
from collections.abc import Iterator
from statistics import fmean, median

from measuring import BLOCKS, Plain, Side, excluded_of, results_in, series, status_of

from vbench import text

ARMS = {"bare": 'kind = "bare"', "second": 'kind = "bare"'}


def main(count: int) -> int:
    apart, turns = (Side(Plain("sharpness", ARMS, interleave=interleave)) for interleave in (False, True))
    with results_in(None, "sharpness") as folder:
        order = [side for number in range(count) for side in ((apart, turns), (turns, apart))[number % 2]]
        if status := status_of(lambda: series(order, folder)):
            return status
    print("\n".join(lines(apart, turns)))
    return 0


def lines(apart: Side, turns: Side) -> Iterator[str]:
    """A line for each metric: spread of d and half-width of the interval in both orders, and their ratio."""
    yield f"{'metric':<28}{'spread apart':>14}{'in turns':>10}{'half-width apart':>18}{'in turns':>10}{'ratio':>8}"
    before, after = widths(apart), widths(turns)
    ratios = []
    for name in before:
        spreads, halves = zip(*(side[name] for side in (before, after)), strict=True)
        ratios.append(halves[1] / halves[0])
        shown = [text.percent(value) for value in (*spreads, *halves)]
        yield f"{name:<28}{shown[0]:>14}{shown[1]:>10}{shown[2]:>18}{shown[3]:>10}{ratios[-1]:>8.2f}"
    yield f"median of the ratios {median(ratios):.3f}, largest {max(ratios):.2f}"
    for name, side in (("apart", apart), ("turns", turns)):
        excluded, of = excluded_of([finding.judged.envelope for finding in side.findings()])
        yield f"{name}: {excluded} of {of} intervals exclude 1; {fmean(side.took_s):.0f} s a run of {BLOCKS} blocks"


def widths(side: Side) -> dict[str, tuple[float, float]]:
    """Metric to the spread of d and the half-width: the geometric means over arms and runs, as ratios minus 1."""
    collected: dict[str, list[tuple[float, float]]] = {}
    for finding in side.findings():
        envelope = finding.judged.envelope
        if envelope.spread and envelope.half_width:
            pair = (math.expm1(envelope.spread), math.expm1(envelope.half_width))
            collected.setdefault(finding.comparison.quantity, []).append(pair)
    return {name: (_mean([s for s, _ in pairs]), _mean([h for _, h in pairs])) for name, pairs in collected.items()}


def _mean(values: list[float]) -> float:
    return math.exp(fmean(map(math.log, values)))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 2))
