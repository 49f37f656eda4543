"""Prints the smallest overhead that vbench, pyperf and hyperfine find at 90 % power in a given machine time.

`python overhead/smallest.py [--seconds 60] [--experiments 4] [--doses 0 0.5 1 2] [--keep FILE]`

An experiment compares A with B, which executes a known share (the dose) of more operations than is counted. Each tool
has T seconds for it, its starts, warm-ups and calibration included, and uses them by its own means:

- vbench: a run in which the arms take turns, of `bare` (A), `faulty` with the dose (B) and the control, which takes a
  third of the time. Trials of 0.3 s, and as many blocks as end before T. Gates only record. "Different": the interval
  of 10 blocks or more excludes 1.
- pyperf: A, then B, each a benchmark of pyperf with its defaults (3 values and a warm-up in each worker process) and as
  many processes as half of T has room for. "Different": `pyperf._compare`, which `pyperf compare_to` calls.
- hyperfine: `hyperfine -N --warmup 3 A B`, or the same by this script: all runs of A, then all runs of B, of 0.1 s
  each. "Different": Welch's t test at 5 %, as in hyperfine's scripts/welch_ttest.py.

What is assumed:

1. All tools execute vbench's hash kernel. vbench has it from its image, where one is used; the others have it from the
   same sources by this machine's compiler with the same flags. hyperfine times a static C program of it, since the
   start of an interpreter would be most of a run. That start (about 1 ms of 100) makes a dose 1 % smaller for it.
2. All tools use the one processor that vbench chooses (pyperf by --affinity, hyperfine by taskset). Left alone, pyperf
   and hyperfine would not be pinned, which is worse for them.
3. The tools follow each other in a rotating order within each dose, so that all meet the same host. Experiments lie
   minutes apart, and their errors are taken for independent. A slow drift between rounds is common to A and B of one
   experiment.
4. How many processes or runs fit into T is measured once before the first experiment, and does not count.
5. The standard error (SE) at T is the spread of the estimates within a dose, pooled over doses: it is taken to be the
   same at each dose. The tool's own SE takes its repetitions for independent: spread of d over the root of the blocks
   for vbench, the two variances of the values for the others. The own interval is vbench's envelope, else t · own SE.
6. "At 5 %" is (t(0.975) + t(0.9)) · SE, with the degrees of freedom of the spread: the effect that a test with 5 % of
   false positives finds at 90 % power. "By its own interval" is half-width + t(0.9) · SE: what the tool itself finds.
   A tool whose interval is too narrow finds smaller effects, and some that are not there: read it with the false
   positives beside it.
7. In another machine time the SE is SE · √(machine time / other), if repetitions are independent. What a run of vbench
   does once (facts, calibration) is counted as if it grew too, which is against vbench. The figure is left out, with
   the reason, where the estimates spread more than the own SE allows (χ² at 5 %), where false positives are more than
   chance makes, and where fewer than 3 degrees of freedom tell the spread.
"""

import argparse
import math
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import arithmetic
import measuring
import msgspec
import pyperf
import rivals
from arithmetic import Spread
from rivals import Experiment, Tool

from vbench import __version__, text
from vbench.units import DASH

OTHER_S = 600.0
NAMES = ("vbench", "pyperf", "hyperfine")
HEAD = ("tool", "dose", "found", "wrong sign", "mean estimate", "SE by spread", "SE, own", "half-width, own", "misses")
SUMMARY = ("tool", "time", "repetitions", "false positives", "misses the dose", "SE by spread", "df", "SE, own")
EFFECTS = ("tool", "at 5 %", "by its own interval", "at 5 % in 10 min")


def main(words: list[str]) -> int:
    options = arguments().parse_args(words)
    done: list[Experiment] = []
    status = measuring.status_of(lambda: measure_all(options, done))
    print("\n".join(lines(done, heading(options))))
    return status


def measure_all(options: argparse.Namespace, done: list[Experiment]) -> None:
    """Appends to `done` as it goes, so that an experiment that fails costs none of those before it."""
    with tempfile.TemporaryDirectory(prefix="vbench-smallest-") as folder:
        tools = prepared(options, Path(folder))
        settings = {tool.name: tool.settings for tool in tools}
        done += [each for each in stored(options.keep) if each.settings == settings.get(each.tool)]
        measure(tools, [percent / 100 for percent in options.doses], options.experiments, done, options.keep)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, metavar="T", help="of one experiment (default 60)")
    parser.add_argument("--experiments", type=int, default=4, metavar="K", help="at each dose (default 4)")
    parser.add_argument("--doses", type=float, nargs="+", default=[0, 0.5, 1, 2], metavar="%", help="default 0 0.5 1 2")
    parser.add_argument("--trial", type=float, default=0.3, metavar="S", help="s of a trial of vbench (default 0.3)")
    parser.add_argument("--tools", nargs="+", default=list(NAMES), choices=NAMES, help="default: all")
    parser.add_argument("--hyperfine", default=shutil.which("hyperfine"), metavar="FILE", help="the program")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="append each experiment; go on with those in it")
    return parser


def prepared(options: argparse.Namespace, folder: Path) -> list[Tool]:
    loop = rivals.Loop.built(folder)
    makers = {
        "vbench": lambda: rivals.vbench(options.seconds, options.trial, folder),
        "pyperf": lambda: rivals.with_pyperf(options.seconds, loop, folder),
        "hyperfine": lambda: rivals.with_hyperfine(options.seconds, loop, folder, options.hyperfine),
    }
    return [makers[name]() for name in NAMES if name in options.tools]


def heading(options: argparse.Namespace) -> str:
    by = "hyperfine" if options.hyperfine else "sequential runs as hyperfine makes them"
    tools = f"vbench {__version__}, pyperf {pyperf.__version__}, {by}"
    return f"{tools}; {options.seconds:g} s an experiment, {options.experiments} experiments at each dose"


def stored(file: Path | None) -> list[Experiment]:
    if file is None or not file.exists():
        return []
    return [msgspec.json.decode(line, type=Experiment) for line in file.read_bytes().splitlines()]


def measure(
    tools: Sequence[Tool], doses: Sequence[float], experiments: int, done: list[Experiment], keep: Path | None
) -> None:
    """Appends the experiments that `done` lacks: rounds of all doses, each by all tools in a rotating order."""
    there = Counter((each.tool, each.dose) for each in done)
    for number in range(experiments):
        for at, dose in enumerate(doses if number % 2 == 0 else doses[::-1]):
            first = (number * len(doses) + at) % len(tools)
            for tool in (*tools[first:], *tools[:first]):
                there[tool.name, dose] -= 1
                if there[tool.name, dose] >= 0:
                    continue
                print(f"experiment {number + 1} of {experiments}: {dose:.1%}, {tool.name}", file=sys.stderr, flush=True)
                done.append(tool.experiment(dose, number * len(doses) + at))
                if keep is not None:
                    with keep.open("ab") as file:
                        file.write(msgspec.json.encode(done[-1]) + b"\n")


def lines(done: Sequence[Experiment], head: str) -> Iterator[str]:
    by_tool = {name: [each for each in done if each.tool == name] for name in NAMES}
    present = {name: of for name, of in by_tool.items() if of}
    yield head
    yield ""
    yield from measuring.table([HEAD, *(row for name, of in present.items() for row in by_dose(name, of))])
    yield ""
    yield from measuring.table([SUMMARY, *(summary(name, of) for name, of in present.items())])
    yield ""
    yield "smallest effect at 90 % power. At 5 %: (t(0.975) + t(0.9)) · SE by spread; else half-width + t(0.9) · SE"
    yield from measuring.table([EFFECTS, *(effects(name, of) for name, of in present.items())])


def by_dose(tool: str, experiments: Sequence[Experiment]) -> Iterator[tuple[str, ...]]:
    for dose in sorted({each.dose for each in experiments}):
        same = [each for each in experiments if each.dose == dose]
        found = sum(each.result.different and (dose == 0 or each.result.estimate > 0) for each in same)
        wrong = sum(each.result.different and dose > 0 and each.result.estimate <= 0 for each in same)
        spread = arithmetic.within([[each.result.estimate for each in same]])
        yield (
            *(tool, text.percent(dose), f"{found} of {len(same)}", str(wrong) if dose else DASH),
            signed(fmean(each.result.estimate for each in same)),
            share(spread.deviation if spread else None),
            *(share(own_error(same)), share(own_half(same)), missing(same)),
        )


def summary(tool: str, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    false, of = false_positives(experiments)
    misses = [each.misses for each in experiments if each.misses is not None]
    spread = spread_of(experiments)
    repetitions = [each.result.repetitions for each in experiments]
    return (
        *(tool, f"{machine_s(experiments):.1f} s", f"{min(repetitions)} to {max(repetitions)}"),
        *(arithmetic.rate(false, of), arithmetic.rate(sum(misses), len(misses))),
        *((share(spread.deviation), str(spread.df)) if spread else (DASH, DASH)),
        share(own_error(experiments)),
    )


def effects(tool: str, experiments: Sequence[Experiment]) -> tuple[str, ...]:
    spread, half = spread_of(experiments), own_half(experiments)
    if spread is None:
        return (tool, DASH, DASH, f"{DASH} one experiment has no spread")
    beyond = None if half is None else arithmetic.smallest_beyond(half, spread)
    took_s = machine_s(experiments)
    why = arithmetic.why_not_longer(spread, own_error(experiments), *false_positives(experiments))
    longer = arithmetic.smallest(spread, shrink=arithmetic.shrinks(took_s, OTHER_S))
    return (tool, share(arithmetic.smallest(spread)), share(beyond), f"{DASH} {why}" if why else share(longer))


def false_positives(experiments: Sequence[Experiment]) -> tuple[int, int]:
    without = [each for each in experiments if each.dose == 0]
    return sum(each.result.different for each in without), len(without)


def spread_of(experiments: Sequence[Experiment]) -> Spread | None:
    doses = sorted({each.dose for each in experiments})
    return arithmetic.within([[each.result.estimate for each in experiments if each.dose == dose] for dose in doses])


def own_error(experiments: Sequence[Experiment]) -> float:
    return arithmetic.root_mean_square([each.result.error for each in experiments])


def own_half(experiments: Sequence[Experiment]) -> float | None:
    halves = [each.result.half for each in experiments if each.result.half is not None]
    return fmean(halves) if halves else None


def machine_s(experiments: Sequence[Experiment]) -> float:
    return fmean(each.took_s for each in experiments)


def missing(experiments: Sequence[Experiment]) -> str:
    known = [each.misses for each in experiments if each.misses is not None]
    return f"{sum(known)} of {len(known)}"


def share(length: float | None) -> str:
    """A length of logarithms as a ratio minus 1."""
    return text.percent(None if length is None else math.expm1(length))


def signed(length: float) -> str:
    return f"{math.expm1(length) * 100:+.3f} %"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
