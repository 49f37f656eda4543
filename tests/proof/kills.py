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
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.contract.traces import left_by
from vbench import lock, proc, store
from vbench import plan as plans
from vbench import suite as suites
from vbench.cost.blocks import analysed
from vbench.model import Run, State
from vbench.proc import LocalProcess

VBENCH = str(Path(sys.executable).with_name("vbench"))
LIMIT_S = 600.0
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
STARTS = 0.2  # of all kills come while a run, or its resumption, only begins
STEP = 2  # the others come within this part of a run's trials after it has begun, or gone on
Say = Callable[[str], None]


def suite(environments: str, scratch: Path, *, blocks: int) -> str:
    text = SUITE.format(blocks=blocks, scratch=scratch) + environments
    if environments != HOST:
        return text
    return text.replace('{kind = "disk.randread", size = "4 MiB"}, "network.rr", ', "")  # the host may have no fio


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
        while (found := left_by(self.scratch)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == [], found

    def _open(self) -> Path | None:
        """The run that is to be gone on with."""
        folders = [path.parent for path in self.results.glob("*/manifest.json")]
        return next((path for path in folders if store.read_manifest(path).state is not State.COMPLETE), None)

    def _session(self, number: int) -> None:
        folder = self._open()
        self._before = _lines(folder) if folder else b""
        with self._spawned(folder) as process:
            ended = self._starting(process) if self.draw.random() < STARTS else self._within(process, folder)
            children = [] if ended else _children(process.pid)
            process.kill()
        _gone(children)
        folder = folder or self._open()
        where = self._where(folder)
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

    def _starting(self, process: LocalProcess) -> bool:
        """Until the moment of the kill, reached or not by its first trial; whether the run had ended before."""
        return self._dwell(process, 2.0)

    def _within(self, process: LocalProcess, folder: Path | None) -> bool:
        known, total = set(self.results.glob("*")), _planned(self.suite)
        stored = 0 if folder is None else _trials(folder)
        goal = min(total, stored + self.draw.randint(1, total // STEP))
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
        assert done.status == 0, done.stderr.decode()
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
    places = {(arm, benchmark) for arm in plan.environments for benchmark in plan.benchmarks}
    found = analysed(run)
    assert set(found) == places
    assert {tuple(sorted(blocks)) for blocks in found.values()} == {tuple(range(1, len(plan.blocks)))}
    assert {(t.environment, t.benchmark) for t in run.trials if t.block == 0} == places


def _planned(path: Path) -> int:
    plan = plans.make(suites.load(str(path)))
    return len(plan.blocks) * len(plan.environments) * len(plan.benchmarks)


def _lines(folder: Path) -> bytes:
    """The journal's whole lines."""
    path = folder / "journal.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def _trials(folder: Path) -> int:
    return _lines(folder).count(b'"trial":{')


def _children(pid: int) -> list[int]:
    """Descriptors of all processes below one, by which their end can be waited for."""
    found = []
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for child in below:
        try:
            found.append(os.pidfd_open(child.pid))
        except ProcessLookupError:
            continue
    return found


def _gone(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        assert select.select([descriptor], [], [], LIMIT_S)[0], "a process of the killed run outlived it"
        os.close(descriptor)


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
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="with a machine too: minutes more")
    chosen = parser.parse_args(words)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/var/tmp") as folder:
        os.environ.setdefault(lock.VARIABLE, str(Path(folder, "lock")))
        environments = BARE + RUNC + (TCG if chosen.whole else "")
        one = killer(Path(folder), environments, blocks=chosen.blocks, seed=chosen.seed, say=_say)
        one.prove(chosen.kills)
    for where, times in sorted(one.moments.items()):
        _say(f"{times:4d}  {where}")
    _say(
        f"{chosen.kills} kills, seed {chosen.seed}: {one.runs} runs whole, no trial lost or repeated, "
        f"{one.mended} torn blocks gone on with, {one.voided} repeated, nothing left; {time.monotonic() - began:.0f} s"
    )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
