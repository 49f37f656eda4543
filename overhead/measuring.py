"""Conducts the runs of the scripts that judge the method: their benchmarks, their suites, and series of runs."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vbench import cost, runner, store
from vbench import suite as suites
from vbench.cost import Analysis
from vbench.errors import Interrupted, VbenchError
from vbench.host import interrupts
from vbench.model import Run, State
from vbench.runner import conduct
from vbench.stats.envelope import Envelope
from vbench.suite import plan as plans

BLOCKS, TRIAL_S = 10, 0.3
BENCHMARKS = (
    *('"cpu.hash"', '"cpu.branchy"', '"cpu.matrix"', '"cpu.sha256"', '"cpu.aes"', '"python.json"', '"python.nbody"'),
    *('{ kind = "memory.triad", size = "32 MiB" }', '{ kind = "memory.chase", size = "64 MiB" }', '"memory.fault"'),
    *('"syscall.getpid"', '"syscall.open"', '"syscall.mmap"', '"syscall.pipe"', '"syscall.fork"'),
    *('"scheduler.futex"', '"scheduler.thread"'),
)
"""Benchmarks that any host can run, as a suite's TOML has them."""


@dataclass(frozen=True)
class Plain:
    """The suite of a script. Gates record only, so that every script ends on a host that others use too."""

    name: str
    environments: Mapping[str, str]  # name to the keys of its table; the first one is the baseline
    benchmarks: Sequence[str] = BENCHMARKS
    blocks: int = BLOCKS
    trial_s: float = TRIAL_S
    interleave: bool = True

    def toml(self) -> str:
        tables = "".join(f"[environments.{name}]\n{keys}\n" for name, keys in self.environments.items())
        return (
            f'name = "{self.name}"\nbenchmarks = [{", ".join(self.benchmarks)}]\n'
            f'[method]\nbaseline = "{next(iter(self.environments))}"\nblocks = {self.blocks}\n'
            f"trial = {self.trial_s}\nwarmup = {self.trial_s / 2}\n"
            f'budget = "100 h"\ngates = "record"\ninterleave = {str(self.interleave).lower()}\n'
            f'[testbed]\ncpus = 1\nmemory = "512 MiB"\n{tables}'
        )

    def suite(self) -> suites.Suite:
        return suites.parse(self.toml(), source=self.name)

    def expected_s(self) -> float:
        return plans.expected_s(self.suite())


def measured(plain: Plain, seed: int, results: Path, *, until_s: float | None = None) -> Run:
    """Conducts and loads one run. No block begins that would end after `until_s` of the monotonic clock."""
    suite = plain.suite()
    done = conduct.conduct(
        suite,
        plans.make(suite, seed=seed),
        image=runner.image_of(suite),
        results=results,
        progress=lambda testbed: lambda event: None,
        command=(),
        tags={},
        until_s=until_s,
    )
    return store.load(done.folder)


@dataclass
class Side:
    """The runs of one suite, and the machine time that each took in s."""

    plain: Plain
    runs: list[Run] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    def measure(self, results: Path) -> None:
        """One more run. The same number of a run has the same seed on every side."""
        begun = time.monotonic()
        self.runs.append(measured(self.plain, len(self.runs), results))
        self.took_s.append(time.monotonic() - begun)

    def take_up(self, results: Path) -> None:
        """Loads the complete runs of exactly this suite that the folder holds."""
        stored = [store.load(results / name) for name in store.run_names(results)]
        same = [run for run in stored if run.manifest.suite_text == self.plain.toml()]
        complete = [run for run in same if run.manifest.state is State.COMPLETE]
        self.runs = sorted(complete, key=lambda run: run.manifest.started)

    def findings(self) -> Iterator[cost.Finding]:
        for run in self.runs:
            yield from Analysis.of(run).by_kind[cost.COST]


def series(order: Sequence[Side], results: Path) -> None:
    """Measures the runs in this order, without those that the folder holds of an earlier call."""
    for side in {id(side): side for side in order}.values():
        side.take_up(results)
    for number, side in enumerate(order, start=1):
        if len(side.runs) < sum(each is side for each in order[:number]):
            print(f"run {number} of {len(order)}", file=sys.stderr, flush=True)
            side.measure(results)


@contextmanager
def results_in(folder: Path | None, name: str) -> Iterator[Path]:
    """The folder for the run folders: the given one, else one that is removed."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=f"vbench-{name}-") as made:
        yield Path(made)


def status_of(action: Callable[[], object]) -> int:
    """The exit code of what measures. A signal or a failure ends it in order, and leaves nothing running."""
    with interrupts.once("stopping what was started …"):
        try:
            action()
        except VbenchError as error:
            print(f"{error.message}\n  hint: {error.hint}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            return Interrupted.exit_code
    return 0


def excludes_one(envelope: Envelope) -> bool | None:
    """Whether the interval of a logarithm excludes a ratio of 1; None where there is no interval."""
    if envelope.low is None or envelope.high is None:
        return None
    return envelope.low > 0 or envelope.high < 0


def excluded_of(envelopes: Sequence[Envelope]) -> tuple[int, int]:
    """How many intervals exclude a ratio of 1, and how many intervals there are."""
    known = [answer for each in envelopes if (answer := excludes_one(each)) is not None]
    return sum(known), len(known)


def arguments(about: str | None, benchmarks: Sequence[str]) -> argparse.ArgumentParser:
    """The options that the scripts of whole suites share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=BLOCKS, help=f"blocks of a run (default {BLOCKS})")
    parser.add_argument("--trial", type=float, default=TRIAL_S, metavar="S", help=f"s of a trial (default {TRIAL_S})")
    parser.add_argument("--only", metavar="WORD", help="only the benchmarks whose name holds this word")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="keep the run folders here, and go on with what is here"
    )
    parser.set_defaults(benchmarks=benchmarks)
    return parser


def chosen(options: argparse.Namespace) -> list[str]:
    """The benchmarks that `--only` leaves."""
    return [each for each in options.benchmarks if options.only is None or options.only in each]


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
