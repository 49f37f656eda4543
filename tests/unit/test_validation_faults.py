"""The known faults of a validation: what exactly an environment does when it is told to carry one."""

import importlib.util
from pathlib import Path, PurePosixPath
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vbench import suite as suites
from vbench.benchmarks.kernel_driver import Reply, dose_notes
from vbench.beneath import Boot, ImageHere
from vbench.contracts import Completed
from vbench.environments import qemu
from vbench.environments.bare import Bare
from vbench.environments.faulty import Faulty
from vbench.environments.oci import Oci
from vbench.environments.qemu import Qemu
from vbench.errors import StartFailed, SuiteError
from vbench.host.local import LocalHost
from vbench.host.proc import GUEST, LocalSession
from vbench.testbed.preview import Preview
from vbench.testbed.veth import Veth
from vbench.units import Seconds
from vbench.validation import parts

OPERATION_S = 2.0**-20
NOWHERE = PurePosixPath("/nowhere")
IMAGE = ImageHere("abc", NOWHERE, "6.1", Boot(NOWHERE, NOWHERE, NOWHERE))


@pytest.fixture
def driver() -> ModuleType:
    spec = importlib.util.spec_from_file_location("driver", GUEST / "driver.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Kernels:
    """Operations that last exactly as long as each other."""

    def __init__(self) -> None:
        self.executed: list[int] = []

    def set_up(self, name: str, params: dict[str, Any]) -> None:
        pass

    def run(self, name: str, loops: int) -> float:
        self.executed.append(loops)
        return loops * OPERATION_S

    def forget(self, name: str) -> None:
        pass

    def kernel(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(extra=lambda kernels: {})


class Recorder:
    """pyperf's loop, which divides by the loops it asked for."""

    def record(self, kernel: str, time_func: Any, loops: int, warmups: int, values: int) -> SimpleNamespace:
        del kernel, warmups
        return SimpleNamespace(values=[time_func(loops) / loops for _ in range(values)], warmups=[])

    def as_json(self, kernel: str, run: SimpleNamespace) -> dict[str, Any]:
        return {}


def measured(driver: ModuleType, kernels: Kernels) -> dict[str, Any]:
    request = {"kernel": "hash", "params": {}, "loops": 1000, "trial_s": 0.01, "warmup_s": 0.0}
    reply: dict[str, Any] = driver.Driver(kernels, Recorder()).answer(request)
    return reply


@pytest.mark.parametrize(("dose", "operations"), [("0.0", 1000), ("0.005", 1005), ("0.02", 1020), ("0.1", 1100)])
def test_a_dose_is_that_many_more_operations_for_each_that_is_counted(
    driver: ModuleType, monkeypatch: pytest.MonkeyPatch, dose: str, operations: int
) -> None:
    monkeypatch.setenv("VBENCH_DOSE", dose)
    kernels = Kernels()
    reply = measured(driver, kernels)
    assert set(kernels.executed) == {operations}
    assert reply["loops"] == 1000
    assert reply["dose"] == float(dose)
    assert reply["values"] == [operations * OPERATION_S / 1000] * 10


def test_without_a_dose_the_driver_executes_what_it_counts(driver: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VBENCH_DOSE", raising=False)
    kernels = Kernels()
    assert measured(driver, kernels)["dose"] is None
    assert set(kernels.executed) == {1000}


def test_a_dosed_trial_says_so() -> None:
    reply = Reply((1.0,), (), 1, "clock", 0, 1.0, {}, {}, dose=0.02)
    assert dose_notes(reply) == ("2.0% of extra work",)


def preview() -> Preview:
    return Preview(LocalHost(), IMAGE, (1,), (0,), 2**30, PurePosixPath("/var/tmp"))


def test_a_dosed_environment_hands_its_dose_to_everything_it_runs() -> None:
    ((*_, setting, python, isolated, no_site, agent),) = Faulty(dose=0.005).commands(LocalSession(), preview())
    assert setting == "VBENCH_DOSE=0.005"
    assert PurePosixPath(agent).name == "agent.py"
    assert (isolated, no_site) == ("-I", "-S")
    assert python.endswith("python")
    ((*plain,),) = Bare().commands(LocalSession(), preview())
    assert not any("VBENCH_DOSE" in word for word in plain)


def test_a_quota_becomes_microseconds_of_each_period() -> None:
    limited = Oci(quota=0.8, period=parts.QUOTA_PERIOD_S)  # type: ignore[arg-type]
    assert limited.limits(LocalSession(), preview()).quota == {"quota": 16000, "period": 20000}
    assert Oci().limits(LocalSession(), preview()).quota == {}


class Links:
    """A host that writes down what it is told."""

    def __init__(self) -> None:
        self.added: list[list[str]] = []

    def run(self, argv: list[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        self.added.append([argv[1], *argv[3:]])
        return Completed(tuple(argv), 0, b"", b"")


def test_a_delay_is_added_at_both_ends_of_the_environments_own_link() -> None:
    links = Links()
    link = Veth("198.18.0.7/15", "mac", PurePosixPath("/inside"), "port7", PurePosixPath("/bridge"))
    Faulty(delay=Seconds(200e-6)).additions().on_link(links, link)  # type: ignore[arg-type]
    netem = ["root", "netem", "delay", "200us"]
    assert links.added == [
        ["--net=/inside", "tc", "qdisc", "add", "dev", "eth0", *netem],
        ["--net=/bridge", "tc", "qdisc", "add", "dev", "port7", *netem],
    ]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("Error: Specified qdisc kind is unknown.", "no sch_netem in this kernel"),
        ("RTNETLINK answers: No such file or directory", "no sch_netem in this kernel"),
        ("unshare: failed to execute tc: No such file or directory", "no tc, which comes with iproute2"),
        ("unshare: unshare failed: Operation not permitted", "tc cannot add netem: unshare: unshare failed: "),
    ],
)
def test_why_a_delay_is_not_possible_is_said_in_words(said: str, problem: str) -> None:
    assert parts.netem_problem(said).startswith(problem)


SUITE = """
name = "s"
benchmarks = ["cpu.hash"]
method = {{ baseline = "a", blocks = 5, trial = "1 s", warmup = "1 s", budget = "1 h" }}
environments.a = {{ {settings} }}
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('kind = "faulty", dose = -0.1', "environments.a.dose"),
        ('kind = "faulty", delay = "soon"', "environments.a.delay"),
        ('kind = "bare", dose = 0.1', "environments.a"),
        ('kind = "bare", delay = "1 ms"', "environments.a"),
        ('kind = "oci", quota = 0', "environments.a.quota"),
        ('kind = "oci", quota = 0.5, period = "2 s"', "1 ms to 1 s"),
        ('kind = "qemu", options = "-icount"', "environments.a.options"),
    ],
)
def test_faults_that_cannot_be_are_refused_with_their_key(settings: str, said: str) -> None:
    with pytest.raises(SuiteError) as caught:
        suites.parse(SUITE.format(settings=settings), source="suite")
    assert said in caught.value.message


class Monitor:
    """A host on which a QEMU monitor gives one answer."""

    workplace = LocalSession().workplace

    def __init__(self, answer: str, status: int = 0) -> None:
        self.answer, self.status = answer, status

    def run(self, argv: list[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        del timeout_s, stdin
        assert argv[-1] == "x-query-jit"
        return Completed(tuple(argv), self.status, self.answer.encode(), b"")


COUNTING = '{"human-readable-text": "Translation buffer state:\\nHost - Guest clock  -3 ms\\n"}'
TIMING = '{"human-readable-text": "Translation buffer state:\\n"}'


@pytest.mark.parametrize(
    ("monitor", "options"),
    [(Monitor(COUNTING), ()), (Monitor("", status=1), ("-icount", "shift=7")), (Monitor(TIMING), ("-icount", "auto"))],
)
def test_a_guest_whose_clock_counts_instructions_is_refused(monitor: Monitor, options: tuple[str, ...]) -> None:
    with pytest.raises(StartFailed, match="-icount"):
        qemu._refuse_counted_time(monitor, Path("qmp"), "tcg", options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("monitor", "accel"), [(Monitor(TIMING), "tcg"), (Monitor("", status=1), "tcg"), (None, "kvm")]
)
def test_a_guest_whose_clock_is_time_is_not_refused(monitor: Monitor | None, accel: str) -> None:
    qemu._refuse_counted_time(monitor, Path("qmp"), accel, ())  # type: ignore[arg-type]


def test_more_words_for_qemu_come_after_its_own() -> None:
    ((*words,),) = Qemu(options=("-icount", "shift=auto")).commands(LocalSession(), preview())
    assert words[-2:] == ["-icount", "shift=auto"]
