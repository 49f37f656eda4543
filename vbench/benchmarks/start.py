"""Start-up: the runner's own benchmark, taken from the starts that every block makes anyway."""

from typing import ClassVar, NoReturn

from vbench.benchmarks.settings import BenchmarkSettings
from vbench.contracts import Missing, Session, Start, Testbed
from vbench.errors import TrialFailed
from vbench.model import Measured, Metric


class Ready(BenchmarkSettings, frozen=True, kw_only=True):
    """One operation is one fresh start, and each block makes one of every environment anyway: nothing runs inside.

    Both ends are read from the harness's monotonic clock. Attaching the testbed (network, scratch space) comes before
    and is kept apart. It is not the start of a service: that begins where this ends.
    """

    kind: ClassVar[str] = "start.ready"
    short: ClassVar[str] = "start"
    exposes: ClassVar[str] = (
        "what an instance costs before it does anything: a process, namespaces, firmware, a kernel's boot"
    )
    about: ClassVar[str] = "from the command that starts the environment to its agent's first answer"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("time", "s", "lower", "of one fresh start"),)

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        del session, testbed
        return ()

    def prepare(self, start: Start) -> None:
        del start
        _not_here()

    def measure(self, start: Start) -> Measured:
        del start
        _not_here()

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        del trial_s, warmup_s
        return 0.0


def _not_here() -> NoReturn:
    raise TrialFailed("start.ready cannot be run inside an environment: its trials come from the starts themselves")
