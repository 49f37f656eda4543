"""`python -m tests.proof.fuzz`: read 20,000 mutated inputs and print what was neither refused in order nor sane."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hashlib
import sys
import time
from argparse import ArgumentParser, Namespace
from multiprocessing import get_context
from pathlib import Path

from tests.proof import fuzz_files, fuzz_tools
from tests.proof.fuzzing import Count, Finding, Target, fuzz, said_by

INPUTS = 20_000
WORKERS = 2
SHOWN = 3  # findings of one kind
PROGRESS = 100  # parts between two lines that say how far it is
TASKS = 40  # a target's inputs are dealt in so many tasks at most


def targets() -> list[Target]:
    return [*fuzz_tools.targets(), *fuzz_files.targets()]


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.proof.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="in all; each target gets its share")
    parser.add_argument("--seed", default="1", help="another seed is another set of inputs")
    parser.add_argument("--only", default="", metavar="WORD", help="targets whose name has this word")
    parser.add_argument("--again", metavar="SEED", help="one input of one target, by the seed of a finding")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--save", type=Path, default=Path("reports/fuzz"), help="where inputs that are found go")
    chosen = parser.parse_args(words)
    if chosen.again:
        return _again(chosen.again)
    with fuzz_files.folders():
        return _all(chosen)


def _all(chosen: Namespace) -> int:
    begun = time.monotonic()
    work = [task for target in targets() if chosen.only in target.name for task in _tasks(target, chosen)]
    counts: dict[str, Count] = {}
    with get_context("spawn").Pool(chosen.workers, initializer=_silent) as pool:
        for done, count in enumerate(pool.imap_unordered(_work, work), 1):
            _add(counts, count)
            if done % PROGRESS == 0:
                _say(f"{done} of {len(work)} parts, {time.monotonic() - begun:.0f} s")
    _report(counts, time.monotonic() - begun, chosen.save)
    return 1 if any(count.findings for count in counts.values()) else 0


def _tasks(target: Target, chosen: Namespace) -> list[tuple[str, str, int, int]]:
    """Name, seed, and a part of the numbers of the target's inputs."""
    inputs = max(1, round(chosen.inputs * target.share / sum(one.share for one in targets())))
    step = max(1, -(-inputs // TASKS))
    return [(target.name, chosen.seed, n, min(n + step, inputs)) for n in range(0, inputs, step)]


def _work(task: tuple[str, str, int, int]) -> Count:
    name, seed, first, last = task
    target = next(target for target in targets() if target.name == name)
    return fuzz(target, (f"{name}:{seed}:{number}" for number in range(first, last)))


def _silent() -> None:
    """Warnings of numpy and the like are no findings."""
    import warnings

    warnings.simplefilter("ignore")


def _add(counts: dict[str, Count], part: Count) -> None:
    whole = counts.setdefault(part.target, Count(part.target))
    whole.accepted += part.accepted
    whole.refused += part.refused
    whole.spent_s += part.spent_s
    whole.findings += part.findings


def _report(counts: dict[str, Count], passed_s: float, folder: Path) -> None:
    for count in counts.values():
        rate = count.inputs / max(count.spent_s, 1e-9)
        words = f"{count.accepted} accepted, {count.refused} refused, {len(count.findings)} found"
        _say(f"{count.target:20} {count.inputs:6} inputs, {rate:7.0f}/s: {words}")
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for count in counts.values():
        for finding in count.findings:
            last = finding.trace.strip().rsplit("File ", 1)[-1].splitlines()[:1]
            kinds.setdefault((finding.target, finding.what[:60] + "".join(last)), []).append(finding)
    for same in kinds.values():
        _say(f"\n{same[0].target}: {same[0].what} ({len(same)} times)")
        for finding in same[:SHOWN]:
            _say(f"  seed {finding.seed}, saved as {_saved(folder, finding)}")
        _say(same[0].trace)
    inputs, findings = (sum(n) for n in zip(*((c.inputs, len(c.findings)) for c in counts.values()), strict=True))
    _say(f"{inputs} inputs in {passed_s:.0f} s, {inputs / passed_s:.0f}/s: {findings} findings")


def _saved(folder: Path, finding: Finding) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{finding.target.replace(' ', '-')}-{hashlib.sha256(finding.said).hexdigest()[:12]}"
    path = folder / name
    path.write_bytes(finding.said)
    return path


def _again(seed: str) -> int:
    """One input with its traceback, unlimited."""
    target = next(target for target in targets() if target.name == seed.partition(":")[0])
    said = said_by(target, seed)
    _say(repr(said[:2000]))
    _say(repr(target.read(said))[:2000])
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
