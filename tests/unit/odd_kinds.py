"""Suites of fakes in which a benchmark or an environment acts as a test says: kinds of their own, nothing patched."""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec.structs import asdict, replace

from vbench.benchmarks.cpu import Hash
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.contracts import Start
from vbench.environments.fake import Fake
from vbench.model import Measured
from vbench.suite import Suite


def measuring(suite: Suite, act: Callable[[Start], Any]) -> Suite:
    """The suite with a `cpu.hash` whose trial is this call."""

    class Acting(Hash, frozen=True, kw_only=True):
        shortest_s: ClassVar[float | None] = None
        sliced = BenchmarkSettings.sliced

        def measure(self, start: Start) -> Measured:
            result: Measured = act(start)
            return result

    return with_hash(suite, Acting())


def with_hash(suite: Suite, benchmark: Hash) -> Suite:
    return replace(suite, benchmarks=suite.benchmarks | {"cpu.hash": benchmark})


def with_fakes(suite: Suite, kind: type[Fake]) -> Suite:
    """The suite with every fake as one of this kind, with the same settings."""
    arms = {
        name: replace(arm, environment=kind(**asdict(arm.environment)))  # type: ignore[type-var]
        for name, arm in suite.environments.items()
    }
    return replace(suite, environments=arms)
