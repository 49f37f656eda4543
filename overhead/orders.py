"""Compares costs measured by arms that take turns with costs measured by arms that are alive one at a time.

`python overhead/orders.py [--blocks 10] [--trial 0.3] [--only WORD] [--arms runc tcg] [--results DIR]`

If taking turns disturbs no arm, both orders give the same costs. The suite runs four times: apart, turns, turns,
apart, so that a drift that is even over the runs meets both orders alike. It has the benchmarks of sharpness.py,
disk.randread, disk.fsync, network.rr and network.connect, in bare (the baseline, and the control), runc and an emulated
guest (tcg).

For each arm and metric the table has the cost with its interval in each run, as vbench reports it; both runs of an
order pooled; and the ratio turns / apart. All of these are computed on logarithms:

- pooled: the mean of both estimates, which is the geometric mean of the costs. Half-width √(h₁² + h₂²) / 2, where h is
  half the width of a run's interval: what an interval has more on one side is lost.
- ratio: the difference of both pooled estimates. Half-width √(h₁² + h₂²) of theirs.

What to make of it: the intervals are over the blocks of a run, and know nothing of what differs from run to run. The
last lines therefore also count how often two runs of the *same* order differ (second / first, by the same formula):
an order that biases shows more differences between orders than there are within one. The ratios of arms share
a baseline, and metrics of one benchmark its trials: the counts are not of independent ratios, and 5 % is their mean.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import arithmetic
import measuring
from arithmetic import Interval
from measuring import Plain, Side

from vbench import cost
from vbench.cost import Analysis
from vbench.model import Run
from vbench.units import DASH, show_duration

MORE = ('"disk.randread"', '"disk.fsync"', '"network.rr"', '"network.connect"')
ARMS = {"runc": 'kind = "oci"', "tcg": 'kind = "qemu"\naccel = "tcg"'}
HEAD = ("arm", "metric", "apart 1", "apart 2", "turns 1", "turns 2", "apart", "turns", "turns / apart", "")
Key = tuple[str, str]  # arm, benchmark with metric


@dataclass(frozen=True)
class Row:
    """One arm and metric: the intervals of both runs of each order, None where a run has none."""

    key: Key
    apart: tuple[Interval | None, ...]
    turns: tuple[Interval | None, ...]

    @property
    def ratio(self) -> Interval | None:
        apart, turns = pooled(self.apart), pooled(self.turns)
        return arithmetic.over(turns, apart) if apart and turns else None

    def cells(self) -> tuple[str, ...]:
        each = (*self.apart, *self.turns, pooled(self.apart), pooled(self.turns), self.ratio)
        mark = "excludes 1" if self.ratio and self.ratio.excludes_zero else ""
        return (*self.key, *(DASH if one is None else str(one) for one in each), mark)


def main(words: list[str]) -> int:
    options = arguments().parse_args(words)
    arms = {"bare": 'kind = "bare"'} | {name: ARMS[name] for name in options.arms}
    apart, turns = (
        Side(Plain("orders", arms, measuring.chosen(options), options.blocks, options.trial, interleave))
        for interleave in (False, True)
    )
    expected_s = 2 * (apart.plain.expected_s() + turns.plain.expected_s())
    print(f"expected to take {show_duration(expected_s)}", file=sys.stderr, flush=True)
    with measuring.results_in(options.results, "orders") as folder:
        if status := measuring.status_of(lambda: measuring.series([apart, turns, turns, apart], folder)):
            return status
    print("\n".join(lines(rows(apart.runs, turns.runs))))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = measuring.arguments(__doc__, (*measuring.BENCHMARKS, *MORE))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS, help="beside bare (default: all)")
    return parser


def rows(apart: Sequence[Run], turns: Sequence[Run]) -> list[Row]:
    sides = [[intervals(run) for run in side] for side in (apart, turns)]
    keys = dict.fromkeys(key for side in sides for run in side for key in run)
    return [Row(key, *(tuple(run.get(key) for run in side) for side in sides)) for key in keys]


def intervals(run: Run) -> Mapping[Key, Interval | None]:
    """The logarithm of each cost of a run. Metrics without a ratio are left out."""
    found = Analysis.of(run).by_kind[cost.COST]
    return {
        (finding.comparison.environment, finding.comparison.quantity): _interval(finding)
        for finding in found
        if finding.comparison.pairs.is_ratio
    }


def _interval(finding: cost.Finding) -> Interval | None:
    envelope = finding.judged.envelope
    if envelope.mean is None or envelope.half_width is None:
        return None
    return Interval(envelope.mean, envelope.half_width)


def pooled(of: Sequence[Interval | None]) -> Interval | None:
    known = [one for one in of if one is not None]
    return arithmetic.pooled(known) if known and len(known) == len(of) else None


def lines(of: Sequence[Row]) -> Iterator[str]:
    yield from measuring.table([HEAD, *(row.cells() for row in of)])
    yield ""
    for arm in dict.fromkeys(row.key[0] for row in of):
        yield f"{arm}: " + excluded([row.ratio for row in of if row.key[0] == arm])
    ratios = [row.ratio for row in of]
    yield "turns / apart, all: " + excluded(ratios) + f"; 5 % would be {0.05 * len(known(ratios)):.1f}"
    for name, sides in (("apart", [row.apart for row in of]), ("turns", [row.turns for row in of])):
        yield f"{name}, second run / first: " + excluded([_repeated(*side) for side in sides])


def _repeated(first: Interval | None, second: Interval | None) -> Interval | None:
    return arithmetic.over(second, first) if first and second else None


def excluded(of: Sequence[Interval | None]) -> str:
    there = known(of)
    return f"{arithmetic.rate(sum(one.excludes_zero for one in there), len(there))} exclude 1"


def known(of: Sequence[Interval | None]) -> list[Interval]:
    return [one for one in of if one is not None]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
