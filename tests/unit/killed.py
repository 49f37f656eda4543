"""Runs of fakes as a kill -9 leaves them, and gone on with: for the tests of resuming."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.unit.fakes import Told
from vbench import store
from vbench import suite as suites
from vbench.beneath import Identity
from vbench.host.local import LocalHost
from vbench.model import Reading, Run, Trial, Void
from vbench.runner import Clocks, conduct
from vbench.store import journal
from vbench.suite import Suite, plan

SUITE = """
name = "few"
benchmarks = ["cpu.hash", "syscall.getpid", "start.ready"]
[method]
baseline = "a"
blocks = 3
trial = "1 ms"
warmup = "1 ms"
budget = "10 h"
gates = "record"
[testbed]
scratch = "{scratch}"
[environments.a]
kind = "fake"
[environments.b]
kind = "fake"
slowdown = 1.25
"""
PER_BLOCK = 9  # trials
TRIAL_S = 10.0  # of an aged run
NOW_S = 1.8e9  # Unix time at which the killed runs are gone on with
UPTIME_S = 30 * 86400.0


@dataclass(frozen=True)
class Known(LocalHost):
    """This host under another machine's identity, and up for as long as the runs need."""

    machine: str = "1" * 32
    boot: str = "2" * 32

    def identity(self) -> Identity:
        return with_changes(super().identity(), machine=self.machine, boot=self.boot)

    def uptime_s(self) -> float:
        return UPTIME_S


HERE = Known()
REBOOTED = Known(boot="3" * 32)


def clocks(*, later_s: float = 0.0, monotonic_s: float = 0.0) -> Clocks:
    """Clocks that stand still at `later_s` after `NOW_S`."""
    return Clocks(lambda: NOW_S + later_s, lambda: monotonic_s)


def a_suite(tmp_path: Path, *changes: tuple[str, str]) -> Suite:
    (tmp_path / "scratch").mkdir(exist_ok=True)
    text = SUITE.format(scratch=tmp_path / "scratch")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return suites.parse(text, source="few.toml")


@dataclass
class Killed:
    """Copies the folder of a run as it stood after the trials that were asked for, which is what a kill leaves."""

    tmp_path: Path
    suite: Suite
    at: tuple[int, ...]  # numbers of trials, from 1
    command: tuple[str, ...] = ("vbench", "run", "few.toml")
    tags: dict[str, str] = field(default_factory=dict)
    alive: int | None = None
    whole: Run = field(init=False)

    def __post_init__(self) -> None:
        results, seen = self.tmp_path / "results", 0

        def copy(trial: Trial) -> None:
            nonlocal seen
            seen += 1
            if seen in self.at:
                (folder,) = results.iterdir()
                shutil.copytree(folder, self.tmp_path / str(seen) / folder.name)

        done = conduct.conduct(
            self.suite,
            plan.make(self.suite, alive=self.alive),
            image=None,
            results=results,
            progress=lambda testbed: Told(at_trial=copy),
            command=self.command,
            tags=self.tags,
            clocks=clocks(),
            host=HERE,
        )
        self.whole = store.load(done.folder)

    def folder(self, number: int) -> Path:
        (found,) = (self.tmp_path / str(number)).iterdir()
        return found


def resumed(folder: Path, given: Suite | None = None, **more: Any) -> tuple[Run, list[str]]:
    """The run gone on with, and what was said of it."""
    said: list[str] = []
    more = {"clocks": clocks(), "host": HERE} | more
    conduct.resume(folder, given, progress=lambda suite, run: Told(), say=said.append, **more)
    return store.load(folder), said


def aged(folder: Path, *, pause_s: float) -> None:
    """As if each trial had taken `TRIAL_S`, one after the other, and the last had ended `pause_s` ago."""
    entries, _ = journal.read(folder / "journal.jsonl")
    ended = NOW_S - pause_s
    left = sum(isinstance(entry, Trial) for entry in entries)
    lines = []
    for entry in entries:
        if isinstance(entry, Trial):
            lines.append(journal.line(replace(entry, started_s=ended - left * TRIAL_S, wall_s=TRIAL_S)))
            left -= 1
        else:
            lines.append(journal.line(entry))
    (folder / "journal.jsonl").write_bytes(b"".join(lines))


def changed(folder: Path, change: Callable[[journal.Entry], journal.Entry | None]) -> None:
    """The journal with other entries; None drops one."""
    entries, _ = journal.read(folder / "journal.jsonl")
    kept = [new for entry in entries if (new := change(entry)) is not None]
    (folder / "journal.jsonl").write_bytes(b"".join(map(journal.line, kept)))


def places(run: Run, *, attempt: int | None = None) -> list[tuple[int, str, str]]:
    """Block, environment and benchmark of every trial, sorted."""
    return sorted((t.block, t.environment, t.benchmark) for t in run.trials if attempt in (None, t.attempt))


def planned(run: Run) -> list[tuple[int, str, str]]:
    plan = run.manifest.plan
    return sorted((b.index, arm, name) for b in plan.blocks for arm in plan.environments for name in plan.benchmarks)


def entries(folder: Path) -> Iterator[Trial | Reading | Void]:
    yield from journal.read(folder / "journal.jsonl")[0]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
