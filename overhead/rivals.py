"""One comparison of a processor loop with itself plus a known extra work, by vbench, by pyperf and by hyperfine."""

import ctypes
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import arithmetic
import measuring
import pyperf
from pyperf._compare import CompareData, CompareResult

from vbench import cost
from vbench.cost import Analysis
from vbench.errors import CommandFailed, VbenchError
from vbench.guest import build
from vbench.host import proc, processors
from vbench.host.local import LocalHost
from vbench.stats.envelope import LEAST_ENVELOPE

HERE = Path(__file__).parent
LIMIT_S = 3600.0
RUN_S = 0.1  # of one run of hyperfine, as long as a value of pyperf is at least
WARMUPS = 3  # runs: hyperfine --warmup 3
FEWEST = 3  # processes or runs a side
MOST_BLOCKS = 1000


@dataclass(frozen=True)
class Result:
    """The estimate of ln(B / A), its own error and half-width, and whether the tool says "different".

    `error` takes the repetitions for independent. `half` is None where the tool gives no interval.
    """

    estimate: float
    error: float
    half: float | None
    different: bool
    repetitions: int  # blocks, or values a side


@dataclass(frozen=True)
class Experiment:
    """One comparison by one tool. Only experiments of the same settings belong together."""

    tool: str
    settings: str
    dose: float
    took_s: float
    result: Result

    @property
    def misses(self) -> bool | None:
        """Whether the tool's own interval misses the known extra work; None without an interval."""
        return None if self.result.half is None else abs(self.error) > self.result.half

    @property
    def error(self) -> float:
        return self.result.estimate - math.log1p(self.dose)


@dataclass(frozen=True)
class Tool:
    """`compare` measures at a dose. The number of the experiment is vbench's seed."""

    name: str
    settings: str
    compare: Callable[[float, int], Result]

    def experiment(self, dose: float, number: int) -> Experiment:
        begun = time.monotonic()
        result = self.compare(dose, number)
        return Experiment(self.name, self.settings, dose, time.monotonic() - begun, result)


@dataclass(frozen=True)
class Loop:
    """The hash kernel compiled as the guest folder's, as a library and as a program, and the processor for it."""

    library: Path
    program: Path
    cpu: int

    @classmethod
    def built(cls, folder: Path) -> "Loop":
        """Raises CommandFailed without a C compiler."""
        flags = [*build.FLAGS, "-static", "-I", str(proc.GUEST)]
        sources = [str(HERE / "hash_program.c"), str(proc.GUEST / "kernels_cpu.c")]
        for argv in (
            build.commands(proc.GUEST, folder, "cc")[0],
            ["cc", *flags, "-o", str(folder / "hash_program"), *sources],
        ):
            proc.run(argv, timeout_s=120).check()
        cpu = processors.find(LocalHost().session, 1, None).environment[0]
        return cls(folder / "kernels.so", folder / "hash_program", cpu)

    def command(self, loops: int) -> list[str]:
        """All numbers have as many digits: a longer argument moves the program's stack."""
        return [str(self.program), f"{loops:015d}"]

    def loops(self, target_s: float) -> int:
        """Number of operations that take about this long: the shortest of three measurements decides."""
        library, spent, count = ctypes.CDLL(str(self.library)), ctypes.c_double(), 1000
        while True:
            each_s = []
            for _ in range(3):
                library.vb_hash(ctypes.c_uint64(count), ctypes.byref(spent))
                each_s.append(spent.value)
            if min(each_s) > target_s / 4:
                return round(count * target_s / min(each_s))
            count *= 2


def vbench(seconds: float, trial_s: float, results: Path) -> Tool:
    """A run with the known fault of `vbench validate` beside bare and its control; no block ends after the time."""

    def compare(dose: float, number: int) -> Result:
        arms = {"bare": 'kind = "bare"', "dosed": f'kind = "faulty"\ndose = {dose}'}
        plain = measuring.Plain("smallest", arms, ['"cpu.hash"'], MOST_BLOCKS, trial_s)
        run = measuring.measured(plain, number, results, until_s=time.monotonic() + seconds)
        (finding,) = (f for f in Analysis.of(run).by_kind[cost.COST] if f.comparison.environment == "dosed")
        envelope = finding.judged.envelope
        if envelope.mean is None or envelope.spread is None:
            raise VbenchError(
                f"vbench: {envelope.blocks} blocks give no estimate", hint="give each experiment more time"
            )
        is_whole = envelope.blocks >= LEAST_ENVELOPE
        return Result(
            estimate=envelope.mean,
            error=envelope.spread / math.sqrt(envelope.blocks),
            half=envelope.half_width,
            different=is_whole and bool(measuring.excludes_one(envelope)),
            repetitions=envelope.blocks,
        )

    return Tool("vbench", f"T={seconds:g} trial={trial_s:g}", compare)


def with_pyperf(seconds: float, loop: Loop, folder: Path) -> Tool:
    """A, then B: each a benchmark of pyperf with as many worker processes as fit into half of the time."""
    one_s, four_s = (_took_s(partial(by_pyperf, loop, 0, count, folder)) for count in (1, 4))
    each_s = (four_s - one_s) / 3
    processes = max(FEWEST, int((seconds / 2 - (one_s - each_s)) / each_s))

    def compare(dose: float, number: int) -> Result:
        del number
        a, b = (by_pyperf(loop, share, processes, folder) for share in (0, dose))
        a_s, b_s = a.get_values(), b.get_values()
        result = arithmetic.compared(a_s, b_s, len(a_s) + len(b_s) - 2)
        different = bool(CompareResult(CompareData("A", a), CompareData("B", b)).significant)
        return Result(*result, different, len(a_s))

    return Tool("pyperf", f"T={seconds:g}", compare)


def by_pyperf(loop: Loop, dose: float, processes: int, folder: Path) -> pyperf.Benchmark:
    file = folder / "pyperf.json"
    file.unlink(missing_ok=True)  # pyperf does not overwrite
    argv = [sys.executable, str(HERE / "hash_pyperf.py"), "--quiet", "--processes", str(processes), "-o", str(file)]
    argv += ["--affinity", str(loop.cpu), "--inherit-environ", "VBENCH_KERNELS,VBENCH_DOSE"]
    # As many digits for every dose: a longer environment moves the stack.
    proc.run(argv, timeout_s=LIMIT_S, env={"VBENCH_KERNELS": str(loop.library), "VBENCH_DOSE": f"{dose:.6f}"}).check()
    return pyperf.Benchmark.load(str(file))


def with_hyperfine(seconds: float, loop: Loop, folder: Path, program: str | None) -> Tool:
    """Runs of A, then runs of B, as many as fit into half of the time: by hyperfine, or as it makes them."""
    loops = loop.loops(RUN_S)
    each_s = median(sequential(loop, [loops], 5)[0])
    runs = max(FEWEST, int(seconds / 2 / each_s) - WARMUPS)

    def compare(dose: float, number: int) -> Result:
        del number
        sides = [loops, round(loops * (1 + dose))]
        a_s, b_s = by_hyperfine(program, loop, sides, runs, folder) if program else sequential(loop, sides, runs)
        return Result(*arithmetic.compared(a_s, b_s), arithmetic.welch_differs(a_s, b_s), runs)

    return Tool("hyperfine", f"T={seconds:g} {'hyperfine' if program else 'emulated'}", compare)


def by_hyperfine(program: str, loop: Loop, sides: Sequence[int], runs: int, folder: Path) -> list[list[float]]:
    """Wall times of each side by `hyperfine -N`, which starts the program without a shell."""
    file = folder / "hyperfine.json"
    words = ["taskset", "-c", str(loop.cpu), program, "-N", "--style", "none", "--export-json", str(file)]
    words += ["--warmup", str(WARMUPS), "--runs", str(runs), *(shlex.join(loop.command(side)) for side in sides)]
    proc.run(words, timeout_s=LIMIT_S).check()
    return [result["times"] for result in json.loads(file.read_text())["results"]]


def sequential(loop: Loop, sides: Sequence[int], runs: int) -> list[list[float]]:
    """Wall times of each side as hyperfine makes them: warm-up runs, then all runs, one side after the other."""
    with _pinned(loop.cpu):
        return [[_run_s(loop.command(side)) for _ in range(WARMUPS + runs)][WARMUPS:] for side in sides]


def _run_s(argv: list[str]) -> float:
    begun = time.perf_counter()
    _, status = os.waitpid(os.posix_spawn(argv[0], argv, {}), 0)
    took_s = time.perf_counter() - begun
    if status:
        raise CommandFailed(f"{argv[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return took_s


@contextmanager
def _pinned(cpu: int) -> Iterator[None]:
    """This process on one processor, for the programs that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _took_s(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
