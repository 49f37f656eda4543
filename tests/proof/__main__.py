"""`python -m tests.proof --full`: run every experiment, write docs/reference/proof.md, fail on an unexplained miss."""

import os

# One thread a process: two workers share the processors, and sums do not depend on how many threads there are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path

from tests.proof import page, plan, seeing
from tests.proof.figures import Figure

FULL = 10_000
QUICK = 500
MUTATED = 2000


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.proof", description="Prove the method by simulation.")
    parser.add_argument("--full", action="store_true", help=f"{FULL} experiments a figure; targets exactly as measured")
    parser.add_argument("--runs", type=int, default=QUICK, help="experiments a figure, without --full")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="page to write; with --full docs/reference/proof.md")
    chosen = parser.parse_args(words)
    runs = FULL if chosen.full else chosen.runs
    output = chosen.output or (Path("docs/reference/proof.md") if chosen.full else None)
    began = time.monotonic()
    with get_context("spawn").Pool(chosen.workers) as pool:
        figures = list(_reported(pool.imap(plan.measured, plan.experiments(runs)), exactly=chosen.full))
        mutated = {name: list(pool.imap(plan.measured, some)) for name, some in plan.mutated(MUTATED).items()}
    degenerate = seeing.degenerate()
    if output:
        command = " ".join(["python -m tests.proof", *words])
        page.write(output, figures, mutated, degenerate, command=command, runs=runs, exactly=chosen.full)
    missed, left = page.broken(figures, exactly=chosen.full), page.uncaught(mutated)
    significant = [name for name, _, verdict, _ in degenerate if verdict not in ("inconclusive", "refused")]
    seconds = time.monotonic() - began
    uncaught = ", ".join(left) or "none"
    _say(f"{len(figures)} figures, {len(missed)} missed; uncaught mutations: {uncaught}; {seconds:.0f} s")
    return 1 if missed or left or significant else 0


def _reported(figures: Iterable[Figure], *, exactly: bool) -> Iterable[Figure]:
    for figure in figures:
        word = "" if not figure.has_target else "within" if figure.holds(exactly=exactly) else "MISSED"
        _say(f"{figure.value:9.4f}  {word:7s} {figure.check}: {figure.case}")
        yield figure


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
