"""The benchmarks of disk, network and HTTP inside each kind of environment: from the image, over the run's bridge."""

from collections.abc import Iterator
from contextlib import ExitStack
from math import isfinite

import msgspec
import pytest

from tests.contract.stacks import DEFAULTS, Stack
from tests.contract.workloads import INSIDE, in_slices
from tests.unit.scripted import of_kind
from vbench.benchmarks.http import PORT, own_address
from vbench.benchmarks.peer import peer_address
from vbench.contracts import Session, Start
from vbench.errors import TrialFailed

inside = pytest.mark.parametrize("stack", DEFAULTS, indirect=True, scope="package")


@pytest.fixture
def start(stack: Stack, session: Session) -> Iterator[Start]:
    """One start is shared; what a benchmark shares within a start ends with each test."""
    with ExitStack() as exits:
        yield Start(session, stack.testbed, 100, 0.1, 0.05, None, lambda name, data: None, exits)


def in_scratch(session: Session) -> list[str]:
    return session.run(["ls", str(session.workplace.scratch)], timeout_s=30).check().text.split()


def refuses(peer: Session, address: str) -> bool:
    """Whether nobody listens where nginx did, as the peer sees it."""
    url = f"http://{address}:{PORT}/"
    words = ["wrk", "--threads", "1", "--connections", "1", "--duration", "1s", url]
    return b"Connection refused" in peer.run(words, timeout_s=30).stderr


@inside
@pytest.mark.parametrize(("kind", "keys"), INSIDE)
def test_a_trial_gives_believable_samples_and_leaves_nothing(kind: str, keys: dict[str, object], start: Start) -> None:
    benchmark = of_kind(kind, **keys)
    assert benchmark.missing(start.session, start.testbed) == ()
    before = in_scratch(start.session)
    benchmark.prepare(start)
    measured = in_slices(benchmark, start)
    for metric in benchmark.metrics:
        for value in measured.samples.get(metric.name, ()):
            assert isfinite(value)
            assert value >= 0 if metric.scale == "difference" else value > 0
    # The 99th percentile may be missing where an emulated machine does too little in a tenth of a second.
    assert set(measured.samples) >= {metric.name for metric in benchmark.metrics} - {"latency_p99", "jitter"}
    assert measured.clock
    start.stack.close()
    assert in_scratch(start.session) == before


@inside
def test_latencies_go_with_their_trial_and_add_up(start: Start) -> None:
    measured = of_kind("http.requests").measure(start)
    assert sum(measured.counts["latency"].values()) == measured.operations


@inside
def test_a_server_dies_with_its_start(start: Start) -> None:
    benchmark = of_kind("http.requests")
    benchmark.prepare(start)
    address = own_address(start.session.on_network(), peer_address(start.testbed))
    assert not refuses(start.testbed.peer, address)
    start.stack.close()
    assert refuses(start.testbed.peer, address)
    left = start.testbed.peer.run(["ls", str(start.testbed.peer.workplace.scratch)], timeout_s=30).check().text
    assert "wrk-" not in left


@inside
def test_two_sizes_are_served_by_one_server(start: Start) -> None:
    for size in (1, 65536):
        of_kind("http.requests", size=size).prepare(start)
    root = str(start.session.workplace.scratch / "http/root")
    assert sorted(start.session.run(["ls", root], timeout_s=30).check().text.split()) == ["1", "65536"]


@inside
def test_an_engine_that_nobody_has_fails_the_trial_with_fios_words(start: Start) -> None:
    with pytest.raises(TrialFailed, match=r"fio"):
        msgspec.structs.replace(of_kind("disk.randread", size="4 MiB"), engine="nonesuch").measure(start)  # type: ignore[type-var]
