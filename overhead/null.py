"""Counts how often vbench finds a difference between identical arms that take turns.

`python overhead/null.py [--arms 4] [--runs 2] [--blocks 10] [--trial 0.3] [--only WORD] [--results DIR]`

The suite has the benchmarks of sharpness.py in bare (the baseline), its control and more arms that are bare too. An
interval, of the control or another arm, should exclude 1 in 5 % of cases. A verdict "slower" or "faster", which is
adjusted for all comparisons of a run (Benjamini-Hochberg), should come in hardly any. Beside each count are the 95 %
bounds of Clopper and Pearson.

The bounds are those of independent intervals, and these are not: all arms of a benchmark in one run share the
baseline, so that one odd baseline makes several of them exclude 1 together (two differences from one baseline have
a correlation of 1/2), and two metrics of a benchmark share its trials. The mean of the count is 5 % all the same, but
it varies more than the bounds say. Independent, but for what the host does to a whole run, is the count over the
control alone: one interval a metric and run.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import arithmetic
import measuring
from measuring import Plain, Side

from vbench import cost
from vbench.model import Verdict
from vbench.units import show_duration

HEAD = ("metric", "intervals that exclude 1", "of the control alone", "slower or faster, adjusted")
CLAIMS = (Verdict.SLOWER, Verdict.FASTER)


def main(words: list[str]) -> int:
    options = arguments().parse_args(words)
    arms = dict.fromkeys(("bare", *(f"same{n}" for n in range(1, options.arms + 1))), 'kind = "bare"')
    side = Side(Plain("null", arms, measuring.chosen(options), options.blocks, options.trial))
    expected_s = options.runs * side.plain.expected_s()
    print(f"expected to take {show_duration(expected_s)}", file=sys.stderr, flush=True)
    with measuring.results_in(options.results, "null") as folder:
        if status := measuring.status_of(lambda: measuring.series([side] * options.runs, folder)):
            return status
    print("\n".join(lines(list(side.findings()))))
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = measuring.arguments(__doc__, measuring.BENCHMARKS)
    parser.add_argument("--arms", type=int, default=4, metavar="N", help="more bare arms (default 4)")
    parser.add_argument("--runs", type=int, default=2, metavar="R", help="runs (default 2)")
    return parser


def lines(findings: Sequence[cost.Finding]) -> Iterator[str]:
    metrics = dict.fromkeys(finding.comparison.quantity for finding in findings)
    each = [(name, [f for f in findings if f.comparison.quantity == name]) for name in metrics]
    yield from measuring.table([HEAD, *((name, *counts(of)) for name, of in each), ("all", *counts(findings))])


def counts(findings: Sequence[cost.Finding]) -> tuple[str, str, str]:
    """Of the control and all other arms; of the control; verdicts of the other arms, as a control has none to claim."""
    controls = [finding for finding in findings if finding.judged.role == "control"]
    judged = [f for f in findings if f.judged.role != "control" and f.cost.verdict is not None]
    claims = sum(finding.cost.verdict in CLAIMS for finding in judged)
    return (
        arithmetic.rate(*measuring.excluded_of([finding.judged.envelope for finding in findings])),
        arithmetic.rate(*measuring.excluded_of([finding.judged.envelope for finding in controls])),
        arithmetic.rate(claims, len(judged)),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
