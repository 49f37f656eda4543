"""`python -m tests.proof.kills`: kill -9 at random moments, then --resume: whole runs, with every trial once."""

import json
import os
import random
import select
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.traces import left_by
from tests.proof.killing import LIMIT_S, VBENCH, children, gone, runs_machine
from tests.proof.kills_writing import kill_builds, kill_reports
from vbench import store
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.cost.trials import series
from vbench.host import lock, proc
from vbench.host.proc import LocalProcess
from vbench.model import Failed, Run, Skipped, State
from vbench.suite import plan as plans
from vbench.text import reason_text

SUITE = """
name = "kills"
benchmarks = ["cpu.hash", "syscall.getpid", {{kind = "disk.randread", size = "4 MiB"}}, "network.rr", "start.ready"]
[method]
baseline = "base"
blocks = {blocks}
trial = "50 ms"
warmup = "10 ms"
budget = "10 h"
gates = "record"
[testbed]
scratch = "{scratch}"
"""
BARE = '[environments.base]\nkind = "bare"\n'
HOST = '[environments.base]\nkind = "bare"\nroot = "host"\n'
RUNC = '[environments.runc]\nkind = "oci"\n'
TCG = '[environments.tcg]\nkind = "qemu"\naccel = "tcg"\n'
STEP = 2  # a kill in the middle comes within this part of a run's trials after it has begun, or gone on
# In turn: while a run or its resumption only begins, in its middle, while a machine runs, when all is measured.
PHASES = ("begin", "middle", "machine", "middle", "end", "machine")
Say = Callable[[str], None]


def suite(environments: str, scratch: Path, *, blocks: int) -> str:
    text = SUITE.format(blocks=blocks, scratch=scratch) + environments
    if environments != HOST:
        return text
    return text.replace('{kind = "disk.randread", size = "4 MiB"}, "network.rr", ', "")  # the host may have no fio


def _without_number(folder: Path) -> Iterator[str]:
    """The trials that gave no number, with their reasons."""
    for trial in store.load(folder).trials:
        if isinstance(trial.outcome, Failed | Skipped):
            where = f"block {trial.block} {trial.environment} {trial.benchmark}"
            yield f"{where}: {reason_text(trial.outcome.reason)}"


@dataclass
class Killer:
    """Runs one suite again and again, each time to a random moment; what it finds wrong raises AssertionError."""

    suite: Path
    scratch: Path
    results: Path
    draw: random.Random
    say: Say
    moments: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    mended: int = 0
    voided: int = 0
    _before: bytes = b""

    def prove(self, kills: int) -> None:
        """That many kills, and then every run to its end."""
        for number in range(kills):
            self._session(number)
        while (folder := self._open()) is not None:
            self._run_to_its_end(folder)
        self._nothing_left()

    def _nothing_left(self) -> None:
        """What was started in the very moment of the kill may take another one to end."""
        deadline = time.monotonic() + 10
        while (left := left_by(self.scratch)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == [], left

    def _open(self) -> Path | None:
        """The run that is to be gone on with."""
        folders = [path.parent for path in self.results.glob("*/manifest.json")]
        return next((path for path in folders if store.read_manifest(path).state is not State.COMPLETE), None)

    def _session(self, number: int) -> None:
        folder = self._open()
        self._before = _lines(folder) if folder else b""
        with self._spawned(folder) as process:
            ended, beside = self._reached(PHASES[number % len(PHASES)], process, folder)
            left = [] if ended else children(process.pid)
            process.kill()
        gone(left)
        folder = folder or self._open()
        where = self._where(folder) + beside
        self.moments[where] += 1
        self.say(f"kill {number + 1}: {where}{', after its end' if ended else ''}")
        self._check_journal(folder)
        if self.draw.random() < 0.7:  # else what goes on has to clean up
            proc.run([VBENCH, "clean", "--scratch", str(self.scratch)], timeout_s=LIMIT_S).check()
            self._nothing_left()
        if folder and store.read_manifest(folder).state is State.COMPLETE:
            self._check_whole(folder)

    def _spawned(self, folder: Path | None) -> AbstractContextManager[LocalProcess]:
        words = ["--resume", str(folder)] if folder else [str(self.suite)]
        return proc.spawn([VBENCH, "run", *words, "--results", str(self.results), "--quiet"])

    def _reached(self, phase: str, process: LocalProcess, folder: Path | None) -> tuple[bool, str]:
        """Waits for the moment of the kill: whether the run had ended before it, and what ran beside."""
        total, stored = _planned(self.suite), 0 if folder is None else _trials(folder)
        match phase:
            case "begin":
                ended = self._dwell(process, 2.0)
            case "machine" if TCG in self.suite.read_text():
                ended = self._until_machine(process)
            case "end":
                ended = self._within(process, folder, total)
            case _:
                ended = self._within(process, folder, min(total, stored + self.draw.randint(1, total // STEP)))
        return ended, " with a machine" if runs_machine(process.pid) else ""

    def _until_machine(self, process: LocalProcess) -> bool:
        """From its first instruction to its last trial."""
        while process.poll() is None and not runs_machine(process.pid):
            select.select([process.stdout], [], [], 0.02)
        return self._dwell(process, 20.0)

    def _within(self, process: LocalProcess, folder: Path | None, goal: int) -> bool:
        known, total = set(self.results.glob("*")), _planned(self.suite)
        deadline = time.monotonic() + LIMIT_S
        while process.poll() is None:
            assert time.monotonic() < deadline, f"no {goal} trials"
            made = folder or next(iter(set(self.results.glob("*")) - known), None)
            if made is not None and _trials(made) >= goal:
                break
            time.sleep(0.002)
        return self._dwell(process, 3.0 if goal == total else 0.4)  # what finishes a run takes longer than a trial

    def _dwell(self, process: LocalProcess, most_s: float) -> bool:
        select.select([process.stdout], [], [], self.draw.uniform(0, most_s))
        return process.poll() is not None

    def _where(self, folder: Path | None) -> str:
        if folder is None:
            return "before the run had a manifest"
        if store.read_manifest(folder).state is State.COMPLETE:
            return "when all was stored"
        trials = store.load(folder).trials
        if not trials:
            return "before the first trial"
        last = max(trial.block for trial in trials)
        if len(trials) >= _planned(self.suite):
            return "finishing"
        return f"in block {last}" if last else "in the calibration"

    def _check_journal(self, folder: Path | None) -> None:
        """What was stored stays as it was, byte for byte."""
        if folder:
            assert _lines(folder).startswith(self._before), "stored lines were changed"

    def _run_to_its_end(self, folder: Path) -> None:
        self._before = _lines(folder)
        done = proc.run([VBENCH, "run", "--resume", str(folder), "--quiet"], timeout_s=LIMIT_S)
        assert done.status == 0, "\n".join([done.stderr.decode(), *_without_number(folder)])
        self._check_journal(folder)
        self._check_whole(folder)

    def _check_whole(self, folder: Path) -> None:
        """Every planned trial of a valid attempt once, no trial twice, sums that hold, a report."""
        run = store.load(folder)
        assert [words for words in run.warnings if "resumed" not in words] == []
        seen = Counter((t.block, t.attempt, t.environment, t.benchmark) for t in run.trials)
        assert set(seen.values()) == {1}, "a trial was repeated"
        _check_each_planned_once(run)
        reported = proc.run([VBENCH, "report", str(folder), "--format", "json"], timeout_s=LIMIT_S).check()
        assert json.loads(reported.stdout)["run_id"] == run.manifest.run_id
        self.runs += 1
        self.voided += len(run.voids)
        self.mended += len(
            {item.block for item in run.manifest.resumed} - {void.block for void in run.voids} - {0, None}
        )
        times, again = len(run.manifest.resumed), len(run.voids)
        self.say(f"run {self.runs} is whole: {times} times resumed, {again} blocks repeated")


def _check_each_planned_once(run: Run) -> None:
    plan = run.manifest.plan
    places = {(*start, benchmark) for start in plan.starts for benchmark in plan.benchmarks}
    used = Analysis.of(run).attempts.used
    assert set(used) == places
    assert {tuple(sorted(blocks)) for blocks in used.values()} == {tuple(range(1, len(plan.blocks)))}
    assert {series(trial) for trial in run.trials if trial.block == 0} == places


def _planned(path: Path) -> int:
    plan = plans.make(suites.load(str(path)))
    return len(plan.blocks) * len(plan.starts) * len(plan.benchmarks)


def _lines(folder: Path) -> bytes:
    """The journal's whole lines."""
    path = folder / "journal.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def _trials(folder: Path) -> int:
    return _lines(folder).count(b'"trial":{')


def killer(folder: Path, environments: str, *, blocks: int, seed: int, say: Say) -> Killer:
    scratch = folder / "scratch"
    scratch.mkdir()
    path = folder / "kills.toml"
    path.write_text(suite(environments, scratch, blocks=blocks))
    results = folder / "results"
    results.mkdir()
    return Killer(path, scratch, results, random.Random(seed), say)


def main(words: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.proof.kills", description="Kill runs, resume them, check the whole.")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="with a machine, reports and builds of an image too")
    chosen = parser.parse_args(words)
    began, elsewhere = time.monotonic(), chosen.kills // 6 if chosen.whole else 0
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/var/tmp") as folder:
        os.environ.setdefault(lock.VARIABLE, str(Path(folder, "lock")))
        environments = BARE + RUNC + (TCG if chosen.whole else "")
        one = killer(Path(folder), environments, blocks=chosen.blocks, seed=chosen.seed, say=_say)
        one.prove(chosen.kills - 2 * elsewhere)
        if elsewhere:
            (run, *_) = one.results.iterdir()
            kill_reports(run, Path(folder, "reports"), kills=elsewhere, draw=one.draw, say=_say)
            kill_builds(Path(folder), kills=elsewhere, draw=one.draw, say=_say)
    for where, times in sorted(one.moments.items()):
        _say(f"{times:4d}  {where}")
    _say(
        f"{chosen.kills} kills, {elsewhere} of reports and as many of image builds among them, seed {chosen.seed}: "
        f"{one.runs} runs whole, no trial lost or repeated, {one.mended} torn blocks gone on with, "
        f"{one.voided} repeated, nothing left; {time.monotonic() - began:.0f} s"
    )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
