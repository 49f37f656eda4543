"""Network benchmarks: what the path from an environment over the run's bridge to the peer costs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from vbench.benchmarks import iperf3
from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply, kernel_missing, run_kernel
from vbench.benchmarks.lines import Lines
from vbench.benchmarks.percentiles import latencies
from vbench.contracts import Missing, Place, Session, Settings, Testbed
from vbench.errors import TrialFailed
from vbench.model import Measured, Metric

STREAM_PORT = 5201
ECHO_PORT = 5202
READY_S = 15.0
LIMIT_S = 30.0
IPERF3_S = 0.1  # its own start and end on both sides


def _no_network(testbed: Testbed) -> tuple[Missing, ...]:
    return () if testbed.peer_address else (Missing("a network to the peer", testbed.no_network),)


def _peer_address(testbed: Testbed) -> str:
    if testbed.peer_address is None:
        raise TrialFailed(f"no network: {testbed.no_network}")
    return testbed.peer_address.partition("/")[0]


@contextmanager
def _server(peer: Session, argv: Sequence[str], ready: bytes) -> Iterator[None]:
    """A server on the peer that has said it listens."""
    try:
        with peer.spawn(argv) as process:
            if not Lines(process).until(ready, timeout_s=READY_S):
                process.wait(timeout_s=READY_S)
                said = process.stderr().decode(errors="replace").strip()[-300:]
                raise TrialFailed(f"{argv[0]} on the peer ended before it listened: {said}")
            yield
    except FileNotFoundError:
        raise TrialFailed(f"{argv[0]} was not found on the peer", hint="use the image that has it") from None


class Stream(Settings, frozen=True, kw_only=True):
    """One TCP connection from the environment to the peer, counted where it arrives.

    `congestion` is named because kernels differ in their default; reno is the one that each has and allows to anybody.
    """

    kind: ClassVar[str] = "network.stream"
    exposes: ClassVar[str] = ""
    about: ClassVar[str] = "iperf3: one TCP stream from the environment to the peer"
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("bandwidth", "B/s", "higher", "received by the peer"),)
    congestion: str = "reno"

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        here = session.run(["iperf3", "--version"], timeout_s=30).status == 0
        tool = () if here else (Missing("iperf3", "apt-get install iperf3, or use the image that has it"),)
        return (*tool, *_no_network(testbed))

    def prepare(self, place: Place) -> None:
        """Nothing: each trial has its own server, ready before its client starts."""

    def measure(self, place: Place) -> Measured:
        address = _peer_address(place.testbed)
        timed = {"trial_s": place.trial_s, "warmup_s": place.warmup_s}
        argv = place.padded(iperf3.client(address, STREAM_PORT, congestion=self.congestion, **timed))
        with _server(place.testbed.peer, iperf3.server(address, STREAM_PORT), iperf3.LISTENING):
            limit_s = LIMIT_S + place.warmup_s + iperf3.whole_seconds(place.trial_s)
            done = place.session.on_network().run(argv, timeout_s=limit_s)
        place.raw("iperf3.json", iperf3.redacted(done))
        result = iperf3.parse(done)
        return Measured(samples={"bandwidth": (result.received,)}, clock=iperf3.CLOCK, notes=iperf3.limits(result))

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return IPERF3_S + iperf3.whole_seconds(trial_s) + int(warmup_s)


class RoundTrip(KernelBenchmark, frozen=True, kw_only=True):
    """One byte there and one back over a connection that stands; each round trip's latency is kept."""

    kind: ClassVar[str] = "network.rr"
    about: ClassVar[str] = "one byte over TCP to the peer and back, without Nagle's delay"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("latency", "s", "lower", "median round trip"),
        Metric("latency_p99", "s", "lower", "99th percentile within the trial"),
    )
    timed_each: ClassVar[bool] = True

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        return (*kernel_missing(session), *_no_network(testbed))

    def params(self, place: Place) -> dict[str, Any]:
        return {"address": _peer_address(place.testbed), "port": ECHO_PORT}

    def measure(self, place: Place) -> Measured:
        peer, address = place.testbed.peer, _peer_address(place.testbed)
        serve = [str(peer.workplace.guest / "echo"), "serve", address, str(ECHO_PORT)]
        place.shared("network.echo", lambda: _server(peer, serve, b"ready"))
        reply = run_kernel(place, self.family, self.kernel, self.params(place), place.session.on_network())
        return self.measured(reply)

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return latencies(_counts(reply))[0]

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return latencies(_counts(reply))[1]


def _counts(reply: Reply) -> Counter[int]:
    taken = reply.extra.get("round_trips_ns")
    if not taken or not isinstance(taken, list):
        raise TrialFailed("the driver kept no round trip")
    return Counter(int(value) for value in taken)
