"""`python -m tests.proof.surviving`: each mutant in a copy of the tree, with the tests that must notice it.

It prints a line a mutant. It ends with 1 if one survives, or if its text does not stand exactly once in its file.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from msgspec import Struct

from tests.proof.mutant import Mutant
from tests.proof.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
# What tests neither read nor execute, or what belongs to this checkout alone.
LEFT_OUT = (
    ".git",
    ".venv",
    ".venvs",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "results",
    "reports",
)
LIMIT_S = 300.0
_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)


class Outcome(Struct, frozen=True):
    """`missed` are the named tests that passed; `problem` says why nothing can be told."""

    mutant: Mutant
    seconds: float
    missed: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_caught(self) -> bool:
        return not self.missed and not self.problem

    @property
    def line(self) -> str:
        word = "caught" if self.is_caught else "PROBLEM" if self.problem else "SURVIVED"
        why = f": {self.problem}" if self.problem else f": passed: {', '.join(self.missed)}" if self.missed else ""
        return f"{word:<9}{self.seconds:5.1f} s  {self.mutant.file}: {self.mutant.breaks}{why}"


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.proof.surviving", description="Do the tests notice each mutant?")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="mutants with this text in their file or in what they break")
    chosen = parser.parse_args(words)
    mutants = [mutant for mutant in MUTANTS if chosen.only in f"{mutant.file} {mutant.breaks}"]
    began = time.monotonic()
    with TemporaryDirectory(prefix="vbench-mutants-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(chosen.workers):
            trees.put(copied(Path(folder, str(number))))
        outcomes = list(_told(_outcomes(mutants, trees, chosen.workers)))
    left = [outcome for outcome in outcomes if not outcome.is_caught]
    _say(f"{len(outcomes) - len(left)} of {len(outcomes)} mutants are caught; {time.monotonic() - began:.0f} s")
    return 1 if left or not outcomes else 0


def copied(target: Path) -> Path:
    """A copy of the tree with its bytecode, which is valid as long as times of change are the same."""
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    return target


def _outcomes(mutants: Sequence[Mutant], trees: "SimpleQueue[Path]", workers: int) -> Iterator[Outcome]:
    """First all named tests without a mutant: one that fails by itself, or is gone, would catch everything."""

    def one(mutant: Mutant) -> Outcome:
        tree = trees.get()
        try:
            return outcome(mutant, tree)
        finally:
            trees.put(tree)

    tree = trees.get()
    named = sorted({name for mutant in mutants for name in mutant.node_ids})
    status, text = tested(tree, named)
    trees.put(tree)
    if status:
        sys.stderr.write(text)
        raise SystemExit("the named tests do not pass without a mutant")
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, mutants)


def outcome(mutant: Mutant, tree: Path) -> Outcome:
    """What the named tests say of one mutant in a tree, which is the same afterwards."""
    began = time.monotonic()
    if (count := mutant.found(tree)) != 1:
        return Outcome(mutant, 0.0, problem=f"its old text stands {count} times in the file")
    with _applied(mutant, tree):
        status, text = tested(tree, mutant.node_ids)
    seconds = time.monotonic() - began
    if status not in (0, 1):
        return Outcome(mutant, seconds, problem=f"pytest ended with {status}: {text.strip().splitlines()[-1:]}")
    failed = set(_FAILED.findall(text))
    return Outcome(mutant, seconds, tuple(name for name in mutant.node_ids if name not in failed))


@contextmanager
def _applied(mutant: Mutant, tree: Path) -> Iterator[None]:
    path = tree / mutant.file
    text, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    # Bytecode is told by time and size alone: a change of equal length within a second would not be seen.
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 10**10))
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def tested(tree: Path, names: Sequence[str]) -> tuple[int, str]:
    """pytest's status and output for these tests, with the modules of this tree."""
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no", "--hypothesis-seed=0"]
    words = [sys.executable, "-m", "pytest", *quiet, *names]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            words, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return 2, f"not over after {LIMIT_S:.0f} s"
    return done.returncode, done.stdout + done.stderr


def _told(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for one in outcomes:
        _say(one.line)
        yield one


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
