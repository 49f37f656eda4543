"""The parts of a validation. Each becomes a suite, which runs like any other."""

import json
from typing import Any, Literal

from msgspec import Struct

from vbench import suite as suites
from vbench.beneath import Image
from vbench.contracts import Missing, Session, lacks
from vbench.environments.bare import Bare
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.suite import Suite
from vbench.testbed.network import network_missing

Name = Literal["clock", "quota", "delay", "control", "dose", "same"]
Gates = Literal["void", "record"]

DOSES = {"dose-0": 0.0, "dose-0.5": 0.005, "dose-1": 0.01, "dose-2": 0.02, "dose-5": 0.05, "dose-10": 0.1}
PAIRS = (("same-1", "same-2"), ("same-3", "same-4"), ("same-5", "same-6"), ("same-7", "same-8"))
QUOTA, QUOTA_PERIOD_S = 0.8, 0.02  # being throttled costs something each time: no more often than needed
DELAY_S = 200e-6
STOPPED, COUNTED, LIMITED, DELAYED = "stopped", "counted", "limited", "delayed"
# Short trials where only processors count: blocks decide the width of an interval, not the seconds within them.
# The same for all: more bare arms than a suite with a guest has, so that many comparisons fit into minutes.
_SAME = ("cpu.hash", "cpu.matrix", "cpu.sha256", "syscall.getpid", "syscall.pipe")


class Part(Struct, frozen=True, kw_only=True):
    """One experiment. `share` is its part of the time that is left; a part of fixed `blocks` takes what they need."""

    name: Name
    title: str
    checks: tuple[tuple[str, str], ...]  # name and target, for a part that is not possible here
    environments: dict[str, dict[str, Any]]
    baseline: str
    benchmarks: tuple[str, ...]
    trial_s: float
    warmup_s: float
    share: float = 0.0
    blocks: int | None = None
    control: str = "control"


def parts(root: Literal["image", "host"]) -> tuple[Part, ...]:
    """All parts in the order in which they run. Those of a fixed time come first; the others share what is left."""
    bare: dict[str, Any] = {"kind": "bare", "root": root}
    return (
        Part(
            name="clock",
            title="clock faults",
            checks=(
                ("guest under -icount", "refused"),
                ("guest stopped for 500 ms", "its block is voided"),
            ),
            environments={
                "bare": bare,
                STOPPED: {"kind": "qemu", "accel": "tcg"},
                COUNTED: {"kind": "qemu", "accel": "tcg", "options": ["-icount", "shift=auto"]},
            },
            baseline="bare",
            benchmarks=("cpu.hash",),
            trial_s=1.0,
            warmup_s=0.3,
            blocks=1,
        ),
        Part(
            name="quota",
            title="known fault",
            checks=((f"processor quota of {QUOTA * 100:g} %", f"{QUOTA:g} ± 0.01; half-width ≤ 0.02"),),
            environments={
                "runc": {"kind": "oci"},
                LIMITED: {"kind": "oci", "quota": QUOTA, "period": QUOTA_PERIOD_S},
            },
            baseline="runc",
            benchmarks=("cpu.hash",),
            trial_s=0.6,  # a value of 60 ms holds three whole periods
            warmup_s=0.1,
            share=0.25,
        ),
        Part(
            name="delay",
            title="known fault",
            checks=(("network delay of 200 µs", "200 ± 10 µs per direction; half-width ≤ 20 µs"),),
            environments={"bare": bare, DELAYED: bare | {"kind": "faulty", "delay": DELAY_S}},
            baseline="bare",
            benchmarks=("network.rr",),
            trial_s=0.5,
            warmup_s=0.2,
            share=0.08,
        ),
        Part(
            name="control",
            title="negative control",
            checks=(("runc, cpu.hash", "90 % interval within ±2 %"), ("runc, cpu.matrix", "90 % interval within ±2 %")),
            environments={"bare": bare, "runc": {"kind": "oci"}},
            baseline="bare",
            benchmarks=("cpu.hash", "cpu.matrix"),
            trial_s=0.1,
            warmup_s=0.05,
            share=0.15,
        ),
        Part(
            name="dose",
            title="dose and response",
            checks=(
                ("slope", "95 % interval contains 1, not 0; half-width ≤ 0.25"),
                ("intercept", "95 % interval contains 0 %; half-width ≤ 2 %"),
            ),
            environments={"bare": bare} | {arm: bare | {"kind": "faulty", "dose": dose} for arm, dose in DOSES.items()},
            baseline="bare",
            # Short operations: 0.5 % more of them must be a whole number of operations.
            benchmarks=("cpu.hash", "syscall.getpid"),
            trial_s=0.1,
            warmup_s=0.05,
            share=0.24,
        ),
        Part(
            name="same",
            title="A/A",
            checks=(("false positives", "within what chance makes"),),
            environments={arm: bare for pair in PAIRS for arm in pair if arm != PAIRS[0][1]},
            baseline=PAIRS[0][0],
            control=PAIRS[0][1],
            benchmarks=_SAME,
            trial_s=0.1,
            warmup_s=0.05,
            share=0.28,
        ),
    )


def suite(part: Part, blocks: int, *, shrink: float = 1.0, gates: Gates = "void") -> Suite:
    """The part's suite; `shrink` is a factor on its trials. The clock part always voids blocks."""
    kept = "void" if part.name == "clock" else gates
    return suites.parse(_toml(part, blocks, shrink, kept), source=f"validate, {part.title}")


def _toml(part: Part, blocks: int, shrink: float, gates: Gates) -> str:
    method = {
        "baseline": part.baseline,
        "control": part.control,
        "blocks": blocks,
        "trial": part.trial_s * shrink,
        "warmup": part.warmup_s * shrink,
        "budget": "100 h",  # the minutes that were asked for are divided by the caller
        "gates": gates,
    }
    about = f"made by `vbench validate`: {part.title}"
    lines = [_line("name", f"validate-{part.name}"), _line("about", about), _line("benchmarks", list(part.benchmarks))]
    lines += ["", "[method]", *(_line(key, value) for key, value in method.items())]
    lines += ["", "[testbed]", _line("cpus", 1), _line("memory", "1 GiB")]
    for name, settings in part.environments.items():
        lines += ["", f'[environments."{name}"]', *(_line(key, value) for key, value in settings.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: object) -> str:
    """JSON's texts, numbers and lists are TOML's too."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def missing(part: Part, host: Session, image: Image | None) -> str:
    """Why this host cannot run the part; nothing is started but, for netem, a namespace that ends at once."""
    match part.name:
        case "clock":
            return _lacking(Qemu(), host, image)
        case "quota" | "control":
            return _lacking(Oci(), host, image)
        case "delay":
            return network_missing(host) or ("" if image else "no image") or _netem_missing(host)
        case "dose" | "same":
            return ""


def _lacking(environment: Qemu | Oci, host: Session, image: Image | None) -> str:
    lacking = (*environment.missing(host), *(() if image else (Missing("an image"),)))
    return lacks(lacking) if lacking else ""


def _netem_missing(host: Session) -> str:
    tried = host.run(["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem"], timeout_s=20)
    return "" if tried.status == 0 else netem_problem(tried.stderr.decode(errors="replace").strip())


def netem_problem(stderr: str) -> str:
    """The error of tc or unshare as a reason. Kernels before 4.20 answer ENOENT for an unknown qdisc."""
    if "failed to execute" in stderr:
        return "no tc, which comes with iproute2"
    if "kind is unknown" in stderr or "No such file or directory" in stderr:
        return "no sch_netem in this kernel"
    return f"tc cannot add netem: {stderr[-200:]}"


def bare_root(host: Session, image: Image | None) -> Literal["image", "host"]:
    """The image as root where there is one and the rights to enter it; the host's own files otherwise."""
    return "image" if image is not None and not Bare().missing(host) else "host"
