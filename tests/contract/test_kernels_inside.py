"""Every compiled and every Python benchmark where it will be measured: natively, in a container, in a machine."""

from contextlib import ExitStack
from math import isfinite
from typing import Any

import msgspec
import pytest

from tests.contract.stacks import DEFAULTS
from vbench import units
from vbench.benchmarks import KINDS
from vbench.benchmarks.kernel_driver import KernelBenchmark
from vbench.contracts import Session, Start

TRIAL_S = 0.02
SMALLEST = {"memory.chase": {"size": "16 KiB"}}


def benchmarks() -> list[KernelBenchmark]:
    kinds = [kind for kind in KINDS.values() if issubclass(kind, KernelBenchmark) and "network" not in kind.kind]
    sized = {kind.kind: {"size": "1 MiB"} for kind in kinds if "size" in kind.__struct_fields__} | SMALLEST
    return [msgspec.convert(sized.get(kind.kind, {}), kind, dec_hook=units.decode) for kind in kinds]


@pytest.mark.parametrize("stack", DEFAULTS, indirect=True, scope="package")
def test_every_kernel_runs_inside_and_checks_its_own_result(session: Session) -> None:
    unused: Any = None
    with ExitStack() as stack:
        start = Start(session, unused, 100, TRIAL_S, 0.0, None, lambda name, data: None, stack)
        for benchmark in benchmarks():
            assert benchmark.missing(session, unused) == ()
            benchmark.prepare(start)
            measured = benchmark.measure(start)
            (values,) = measured.samples.values()
            assert len(values) == 10
            assert all(isfinite(value) and value > 0 for value in values)
            assert measured.padding_seen_b == 100
