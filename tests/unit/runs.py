"""Synthetic runs for the tests of the report: known costs, seeded noise, and names that attack the page."""

import random
from pathlib import Path

from msgspec.structs import replace

from tests.unit.outcomes import error, foreign
from vbench.model import (
    SCHEMA,
    BenchmarkRecord,
    Block,
    EnvironmentRecord,
    Fact,
    Facts,
    Failed,
    Layer,
    Manifest,
    Measured,
    Metric,
    Outcome,
    Plan,
    Reading,
    Run,
    Skipped,
    State,
    Status,
    Step,
    Trial,
    Void,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"
BIDI = "safe\u202egnp.exe"

# benchmark -> metric -> (unit, better, bare's value, cost under runc, cost under tcg)
WORLD: dict[str, dict[str, tuple[str, str, float, float, float]]] = {
    "cpu.hash": {"time": ("s", "lower", 1.9e-9, 1.001, 1.12)},
    "cpu.matrix": {"time": ("s", "lower", 4.4e-7, 1.004, 9.3)},
    "cpu.sha256": {"bandwidth": ("B/s", "higher", 1.62e9, 0.998, 14.1)},
    "memory.triad": {"bandwidth": ("B/s", "higher", 1.1e10, 1.006, 5.1)},
    "memory.chase": {"latency": ("s", "lower", 9.8e-8, 1.01, 1.9)},
    "syscall.getpid": {"latency": ("s", "lower", 8.1e-8, 1.31, 6.4)},
    "syscall.pipe": {"latency": ("s", "lower", 5.2e-6, 1.12, 11.8)},
    "syscall.fork": {"latency": ("s", "lower", 6.1e-4, 1.08, 52.0)},
    "disk.randread": {
        "iops": ("1/s", "higher", 8800.0, 1.02, 3.4),
        "latency": ("s", "lower", 1.05e-4, 1.02, 3.5),
        "latency_p99": ("s", "lower", 2.7e-4, 1.05, 4.2),
    },
    "disk.seqwrite": {"bandwidth": ("B/s", "higher", 6.4e8, 1.01, 1.6)},
    "network.stream": {"bandwidth": ("B/s", "higher", 2.4e9, 1.015, 21.0)},
    "network.rr": {
        "latency": ("s", "lower", 2.1e-5, 1.03, 16.0),
        "latency_p99": ("s", "lower", 4.9e-5, 1.06, 19.0),
    },
    "start.ready": {"time": ("s", "lower", 0.021, 4.2, 210.0)},
}
NOISE = {"cpu": 0.006, "memory": 0.02, "syscall": 0.015, "disk": 0.05, "network": 0.04, "start": 0.06}
GUEST_ARGV = ("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-m", "1024", "-kernel", "/cache/vmlinux")


def make_run(*, blocks: int = 10, hostile: bool = False, seed: int = 7, losses: bool = True) -> Run:
    """`bare`, `control`, `runc` and `tcg` over every benchmark; with `losses` one trial fails and one is skipped."""
    names = {"runc": HOSTILE, "tcg": BIDI} if hostile else {"runc": "runc", "tcg": "tcg"}
    arms = ("bare", "control", names["runc"], names["tcg"])
    trials = _trials(arms, blocks, random.Random(seed), losses)
    facts = {arm: _facts(kind) for arm, kind in zip(arms, ("bare", "bare", "runc", "tcg"), strict=True)}
    if hostile:
        facts[arms[2]]["kernel.release"] = Fact(HOSTILE + BIDI, "uname -r")
    warnings = ("journal.jsonl: a torn last line was dropped; that trial alone is lost",) if losses else ()
    manifest = _manifest(arms, blocks, seed)
    return Run(Path("results/synthetic"), manifest, trials, facts["bare"], facts, warnings=warnings)


def gated(run: Run, *, block: int = 3, repeated: bool = True) -> Run:
    """The same run with the host's readings, and a block that a gate voided: tripled in all arms but the baseline."""
    factor = {arm: 1.0 if arm == run.manifest.baseline else 3.0 for arm in run.facts}
    first = tuple(_disturbed(trial, factor[trial.environment]) for trial in run.trials if trial.block == block)
    again = tuple(replace(trial, attempt=1) for trial in run.trials if trial.block == block) if repeated else ()
    others = tuple(trial for trial in run.trials if trial.block != block)
    trials = sorted((*others, *first, *again), key=lambda trial: (trial.block, trial.attempt))
    void = Void(block, 0, (foreign("tcg", 0.041),))
    return replace(run, trials=tuple(trials), readings=_readings(run), voids=(void,))


def with_attach(run: Run, seconds: float) -> Run:
    """The same run, of which every start says how long was set up before it."""
    trials = tuple(
        replace(trial, outcome=replace(trial.outcome, samples=trial.outcome.samples | {"attach": (seconds,)}))
        if isinstance(trial.outcome, Measured) and trial.benchmark == "start.ready"
        else trial
        for trial in run.trials
    )
    return replace(run, trials=trials)


def _disturbed(trial: Trial, factor: float) -> Trial:
    if not isinstance(trial.outcome, Measured):
        return trial
    samples = {name: tuple(value * factor for value in values) for name, values in trial.outcome.samples.items()}
    return replace(trial, outcome=replace(trial.outcome, samples=samples))


def _readings(run: Run) -> tuple[Reading, ...]:
    """The clock of `runc` is not known, nor how long all tasks waited there, and nobody counts throttling."""
    return tuple(
        Reading(
            block.index,
            0,
            step.environment,
            wall_s=8.0,
            busy_s=6.1,
            ours_s=6.0,
            steal_s=0.04,
            run_delay_s=0.16,
            queued_s=None if step.environment == "runc" else 2.08,
            clock_error_s=None if step.environment == "runc" else -2e-5,
            clock_bound_s=1e-4,
            clock_limit_ppm=100.0,
        )
        for block in run.manifest.plan.blocks
        for step in block.steps
    )


def _trials(arms: tuple[str, ...], blocks: int, rng: random.Random, losses: bool) -> tuple[Trial, ...]:
    trials = []
    for block in range(blocks + 1):
        for position, arm in enumerate(arms):
            for order, (benchmark, metrics) in enumerate(WORLD.items()):
                measured = Measured(
                    {name: _samples(truth, arms.index(arm), benchmark, rng) for name, truth in metrics.items()}
                )
                outcome = _loss(block, arms.index(arm), benchmark) if losses else None
                trials.append(_trial((block, position, arm), benchmark, order, outcome or measured))
    return tuple(trials)


def _samples(
    truth: tuple[str, str, float, float, float], arm: int, benchmark: str, rng: random.Random
) -> tuple[float, ...]:
    _, better, base, runc, tcg = truth
    factor = (1.0, 1.0, runc, tcg)[arm] * rng.lognormvariate(0, NOISE[benchmark.split(".", maxsplit=1)[0]])
    value = base * factor if better == "lower" else base / factor
    return tuple(value * rng.lognormvariate(0, 0.004) for _ in range(5))


def _loss(block: int, arm: int, benchmark: str) -> Outcome | None:
    if arm == 3 and benchmark == "network.stream" and block == 2:
        return Failed(error("iperf3: the server closed the connection"), hint="see raw/2-tcg-network.stream.json")
    if arm == 2 and benchmark == "disk.seqwrite":
        return Skipped(error("the scratch file system refuses O_DIRECT"), hint="use scratch space on ext4 or xfs")
    return None


def _trial(where: tuple[int, int, str], benchmark: str, order: int, outcome: Outcome) -> Trial:
    block, position, arm = where
    started = 1_790_000_000.0 + block * 60 + position * 15 + order
    return Trial(block, position, arm, benchmark, order, outcome, started, 0.31, padding_b=128 * position)


def _manifest(arms: tuple[str, ...], blocks: int, seed: int) -> Manifest:
    steps = tuple(Step(arm, position, 128 * position) for position, arm in enumerate(arms))
    plan_blocks = tuple(Block(index, steps, tuple(WORLD)) for index in range(blocks + 1))
    plan = Plan("quick", seed, "bare", "control", arms, tuple(WORLD), plan_blocks, 900.0, 1200.0)
    return Manifest(
        schema=SCHEMA,
        run_id="20261122-141500-quick-7f3a",
        state=State.COMPLETE,
        tool="0.1.0",
        suite="quick",
        suite_text='name = "quick"\nbenchmarks = ["cpu.hash", "start.ready"]\n\n[method]\nblocks = 10\n',
        seed=seed,
        baseline="bare",
        control="control",
        blocks=blocks,
        started="2026-11-22T14:15:00Z",
        finished="2026-11-22T14:31:20Z",
        image="sha256:" + "4be1" * 16,
        environments=_environments(arms),
        benchmarks=tuple(_benchmark(name) for name in WORLD),
        plan=plan,
        delta=0.02,
        confirmatory=("tcg cpu.matrix time", "runc syscall.getpid latency"),
        command=("vbench", "run", "suites/quick.toml", "--seed", str(seed)),
    )


def _benchmark(name: str) -> BenchmarkRecord:
    metrics = tuple(Metric(metric, unit, better) for metric, (unit, better, *_) in WORLD[name].items())  # type: ignore[arg-type]
    return BenchmarkRecord(name, name, {}, metrics, about=f"what {name} does")


def _environments(arms: tuple[str, ...]) -> tuple[EnvironmentRecord, ...]:
    outer = (Layer("firecracker", "DMI product"), Layer("guest", "CPUID hypervisor flag"))
    bare, control, runc, tcg = arms
    chroot = (("taskset", "--cpu-list", "1", "chroot", "/cache/root", "/opt/vbench/python", "/opt/vbench/agent.py"),)
    native = {"kind": "bare", "settings": {"root": "image"}, "layers": (*outer, Layer("chroot", "started so"))}
    digest = "sha256:" + "4be1" * 16
    return (
        EnvironmentRecord(bare, argv=chroot, image=digest, mechanisms=("chroot", "affinity 1"), **native),  # type: ignore[arg-type]
        EnvironmentRecord(control, argv=chroot, image=digest, mechanisms=("chroot", "affinity 1"), **native),  # type: ignore[arg-type]
        EnvironmentRecord(
            runc,
            "oci",
            {"runtime": "runc"},
            (*outer, Layer("runc", "started so")),
            (("runc", "run", "--bundle", "/scratch/bundle", "vbench-1"),),
            digest,
            ("cpuset 1", "memory limit 1 GiB", "seccomp", "namespaces mnt pid net ipc uts"),
        ),
        EnvironmentRecord(
            tcg,
            "qemu",
            {"accel": "tcg"},
            (*outer, Layer("tcg", "QMP query-kvm: off"), Layer("guest", "CPUID hypervisor flag")),
            (GUEST_ARGV,),
            digest,
            ("vCPU threads pinned to 1", "memory 1 GiB", "virtio-blk cache=none"),
        ),
    )


def _facts(kind: str) -> Facts:
    guest = kind == "tcg"
    return {
        "cpu.architecture": Fact("x86_64", "uname -m"),
        "cpu.model": Fact("QEMU TCG CPU version 2.5+" if guest else "Intel Xeon Processor @ 2.90GHz", "/proc/cpuinfo"),
        "cpu.usable": Fact(1, "sched_getaffinity"),
        "memory.total": Fact(1 << 30 if guest else 24 << 30, "/proc/meminfo"),
        "kernel.release": Fact("6.1.0-40-amd64" if guest else "6.1.155+", "uname -r"),
        "kernel.command_line": Fact(("console=hvc0", "tsc=reliable") if guest else ("root=/dev/vda",), "/proc/cmdline"),
        "process.speculation_store_bypass": Fact("vulnerable" if guest else "thread vulnerable", "/proc/self/status"),
        "virtualization.cpuid_flag": Fact(True, "/proc/cpuinfo"),
        "virtualization.cpuid_signature": Fact("TCGTCGTCGTCG" if guest else "KVMKVMKVM", "CPUID"),
        "acpi.makers": Fact(("BOCHS",) if guest else ("FIRECK",), "/sys/firmware/acpi/tables"),
        "clock.source": Fact("tsc" if guest else "kvm-clock", "/sys/devices/system/clocksource"),
        "scratch.filesystem": Fact("ext4", "/proc/self/mountinfo"),
        "scratch.scheduler": Fact(None, "/sys/block", Status.DENIED),
        "libc.version": Fact("2.36", "os.confstr"),
    }
