"""Every benchmark of the table, run once for real: this machine as environment and, over loopback, as its own peer."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import isfinite
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from tests.contract.workloads import ON_HOST, fields, in_slices
from tests.support.giving_up import give_up
from tests.unit.guest_folder import guest_folder
from tests.unit.scripted import NEEDED
from vbench import contracts, units
from vbench.benchmarks import KINDS
from vbench.contracts import Benchmark, Start, Workplace
from vbench.host.proc import LocalSession
from vbench.model import Measured

SMALL = {"size": "4 MiB"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    here = LocalSession(Workplace(sys.executable, PurePosixPath(guest_folder()), PurePosixPath(tmp_path)))
    testbed: Any = SimpleNamespace(peer=here, peer_address="127.0.0.1/8", no_network="")
    with ExitStack() as stack:
        yield Start(
            session=here,
            testbed=cast(contracts.Testbed, testbed),
            padding_b=100,
            trial_s=0.1,
            warmup_s=0.05,
            loops=None,
            raw=lambda name, data: None,
            stack=stack,
        )


def whole(benchmark: Benchmark, start: Start) -> Measured:
    return benchmark.measure(start)


@pytest.mark.parametrize("way", [whole, in_slices])
@pytest.mark.parametrize("kind", ON_HOST)
def test_a_trial_gives_believable_samples_of_its_own_metrics(
    kind: str, way: Callable[[Benchmark, Start], Measured], start: Start, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sized = KINDS[kind].__annotations__.get("size", units.Bytes) is units.Bytes and "size" in fields(kind)
    benchmark = msgspec.convert(SMALL if sized else NEEDED.get(kind, {}), KINDS[kind], dec_hook=units.decode)
    lacking = benchmark.missing(start.session, start.testbed)
    if lacking:
        give_up(request.config, "bare", why="; ".join(f"{one.what}: {one.hint}" for one in lacking))
    benchmark.prepare(start)
    measured = way(benchmark, start)
    unsupported = {"latency_p99"} if any(note.startswith("no p99") for note in measured.notes) else set()
    assert list(measured.samples) == [metric.name for metric in benchmark.metrics if metric.name not in unsupported]
    for metric in benchmark.metrics:
        least = 0.0 if metric.scale == "difference" else sys.float_info.min
        assert all(isfinite(value) and value >= least for value in measured.samples.get(metric.name, ()))
    assert measured.clock
    start.stack.close()
    assert list(tmp_path.iterdir()) == []


def test_loops_learned_once_are_kept(start: Start) -> None:
    benchmark = KINDS["cpu.hash"]()
    start.loops = benchmark.measure(start).loops
    assert benchmark.measure(start).loops == start.loops
