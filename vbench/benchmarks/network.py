"""Network benchmarks: what the path from an environment over the run's bridge to the peer costs."""

from collections import Counter
from typing import Annotated, Any, ClassVar

from msgspec import Meta
from msgspec.structs import replace

from vbench.benchmarks import iperf3
from vbench.benchmarks.kernel_driver import KernelBenchmark, Reply, kernel_missing
from vbench.benchmarks.peer import no_network, peer_address, server
from vbench.benchmarks.percentiles import latencies
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.benchmarks.tools import lacking
from vbench.contracts import Completed, Missing, Needs, Session, Start, Testbed
from vbench.errors import TrialFailed
from vbench.model import Measured, Metric

STREAM_PORT = 5201
ECHO_PORT = 5202
GREET_PORT = 5203
PORTS_APART = 10
LIMIT_S = 30.0
IPERF3_S = 0.1  # its own start and end on both sides
LOSS_MARGIN = 0.01


class Iperf3Benchmark(BenchmarkSettings, frozen=True, kw_only=True):
    """One test by iperf3 a trial, with a fresh server on the peer that listens before the client starts."""

    kind: ClassVar[str] = ""
    short: ClassVar[str] = ""
    exposes: ClassVar[str] = ""
    about: ClassVar[str] = ""
    metrics: ClassVar[tuple[Metric, ...]] = ()

    def needs(self) -> Needs:
        return Needs(network=True)

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        inside = lacking(session, {"iperf3": "iperf3"})
        if unreachable := no_network(testbed):
            return (*inside, *unreachable)
        return (*inside, *lacking(testbed.peer, {"iperf3": "iperf3", "stdbuf": "coreutils"}))

    def trial(self, start: Start, *flow: str) -> tuple[Completed, iperf3.Span]:
        """Runs one test with the client's options `flow`. Returns its output, and the span from begin to end."""
        address = peer_address(start.testbed)
        words = iperf3.client(address, STREAM_PORT, *flow, trial_s=start.trial_s, warmup_s=start.warmup_s)
        span = iperf3.Span(start.begin, start.end, warmup_s=start.warmup_s, clock=start.clock)
        serve = iperf3.server(address, STREAM_PORT)
        with server(start.testbed.peer, serve, iperf3.LISTENING, called="iperf3 on the peer", hear=span.hear) as lines:
            limit_s = LIMIT_S + start.warmup_s + iperf3.whole_seconds(start.trial_s)
            done = start.session.on_network().run(start.padded(words), timeout_s=limit_s)
            if done.status == 0:
                lines.rest(timeout_s=LIMIT_S)  # the server prints its results and ends
        start.raw("iperf3.json", iperf3.redacted(done))
        return done, span

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return IPERF3_S + iperf3.whole_seconds(trial_s) + int(warmup_s)


class Stream(Iperf3Benchmark, frozen=True, kw_only=True):
    """One TCP connection from the environment to the peer or, with `reverse`, the other way; counted where it arrives.

    One operation is one byte.
    `congestion` is named because kernels differ in their default; reno is the one that each has and allows to anybody.
    It is not what the NIC can do: the peer is a process of the same host, and its processor may be the limit (a note
    says so).
    """

    kind: ClassVar[str] = "network.stream"
    short: ClassVar[str] = "TCP stream"
    exposes: ClassVar[str] = (
        "the virtual NIC and switch: copies, exits for each batch, segmentation offload kept or lost; in reverse also "
        "interrupts into the environment"
    )
    about: ClassVar[str] = "iperf3: one TCP stream to the peer, or from the peer (`reverse`)"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bandwidth", "B/s", "higher", "bytes a second, counted by the receiver"),
    )
    congestion: str = "reno"
    reverse: bool = False

    def measure(self, start: Start) -> Measured:
        flow = iperf3.tcp(congestion=self.congestion, reverse=self.reverse)
        done, span = self.trial(start, *flow)
        result = iperf3.parse(done)
        return Measured(
            samples={"bandwidth": (result.received,)},
            clock=iperf3.CLOCK,
            notes=iperf3.limits(result),
            operations=span.between(result.arrived_b, result.lasted_s),
        )


class Udp(Iperf3Benchmark, frozen=True, kw_only=True):
    """One operation is one datagram of `length` B, sent as fast as the environment can: nothing holds it back.

    What is sent faster than the peer takes it in is lost, so `loss` belongs to the pair of both, and a slower
    environment can lose less; `received` is what to compare. Jitter is RFC 1889's, as the peer computes it, at that
    full load and not at rest. The sender's clock is its own, the receiver's the peer's.
    """

    kind: ClassVar[str] = "network.udp"
    short: ClassVar[str] = "UDP"
    exposes: ClassVar[str] = (
        "the cost of a packet where nothing merges them: each passes the virtual NIC, its exits and the switch alone"
    )
    about: ClassVar[str] = "iperf3: UDP datagrams of `length` (1400) B to the peer, unpaced"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("received", "1/s", "higher", "datagrams that the peer received a second"),
        Metric("sent", "1/s", "higher", "datagrams that the environment sent a second"),
        Metric("loss", "1", "lower", "share of the datagrams that is lost", scale="difference", margin=LOSS_MARGIN),
        Metric("jitter", "s", "lower", "smoothed difference of transit times, by the peer"),
    )
    length: Annotated[int, Meta(ge=16, le=65507)] = 1400

    def measure(self, start: Start) -> Measured:
        done, span = self.trial(start, *iperf3.udp(length_b=self.length))
        result = iperf3.parse_udp(done, length_b=self.length)
        samples = {"received": result.received, "sent": result.sent, "loss": result.loss, "jitter": result.jitter_s}
        notes = iperf3.limits(result)
        if not samples["jitter"]:  # a ratio to the baseline needs a number above 0
            del samples["jitter"]
            notes = (*notes, "no jitter: iperf3 saw none")
        return Measured(
            samples={name: (value,) for name, value in samples.items()},
            clock=iperf3.CLOCK,
            notes=notes,
            operations=span.between(result.sent_in_all, result.lasted_s),
        )


class LatencyBenchmark(KernelBenchmark, frozen=True, kw_only=True):
    """A compiled kernel that keeps the latency of each operation with a server of ours on the peer."""

    port: ClassVar[int] = 0
    serves: ClassVar[str] = ""  # what the peer's echo program is asked to do
    timed_each: ClassVar[bool] = True

    def needs(self) -> Needs:
        return Needs(network=True)

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        return (*kernel_missing(session), *no_network(testbed))

    def params(self, start: Start) -> dict[str, Any]:
        return {"address": peer_address(start.testbed), "port": self._port(start)}

    def _port(self, start: Start) -> int:
        """Arms that are alive together have a server each."""
        return self.port + PORTS_APART * start.number

    def place(self, start: Start) -> Session:
        """On the run's network, whose peer serves from here on."""
        peer, address = start.testbed.peer, peer_address(start.testbed)
        serve = [str(peer.workplace.guest / "echo"), self.serves, address, str(self._port(start))]
        start.shared(f"network.{self.serves}", lambda: server(peer, serve, b"ready"))
        return start.session.on_network()

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return latencies(_counts(reply))[0]

    def notes(self, reply: Reply) -> tuple[str, ...]:
        return latencies(_counts(reply))[1]

    def measured(self, reply: Reply) -> Measured:
        return replace(super().measured(reply), counts={"latency": dict(_counts(reply))})


class RoundTrip(LatencyBenchmark, frozen=True, kw_only=True):
    """One operation is one byte there and one back over a connection that stands; each round trip's latency is kept.

    The environment's clock is read once a round trip, in its own loop. It is a closed loop of one: no queue.
    """

    kind: ClassVar[str] = "network.rr"
    short: ClassVar[str] = "TCP round trip"
    exposes: ClassVar[str] = (
        "the latency of the path: notification of the host, switch, interrupt into the environment, two wake-ups"
    )
    about: ClassVar[str] = "one byte over TCP to the peer and back, without Nagle's delay"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("latency", "s", "lower", "median round trip"),
        Metric("latency_p99", "s", "lower", "99th percentile of latency, within the trial"),
    )
    port: ClassVar[int] = ECHO_PORT
    serves: ClassVar[str] = "serve"


class Connect(LatencyBenchmark, frozen=True, kw_only=True):
    """One operation is one TCP connection: socket, connect, one byte from the peer's process that accepted it, reset.

    The reset (SO_LINGER of 0) leaves neither end in TIME_WAIT, which would use up the ports within seconds; a close in
    both directions is therefore not in it. One connection at a time, read by the environment's clock in its own loop.
    """

    kind: ClassVar[str] = "network.connect"
    short: ClassVar[str] = "TCP connections"
    exposes: ClassVar[str] = (
        "the path's latency twice, and the work of each connection in both kernels: socket, handshake, and whatever "
        "tracks connections on the way (conntrack, NAT, proxies)"
    )
    about: ClassVar[str] = "one TCP connection to the peer: connect, one byte from who accepted it, reset"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rate", "1/s", "higher", "connections a second, one after another"),
        Metric("latency", "s", "lower", "median of one connection"),
        Metric("latency_p99", "s", "lower", "99th percentile of latency, within the trial"),
    )
    port: ClassVar[int] = GREET_PORT
    serves: ClassVar[str] = "greet"

    def samples(self, reply: Reply) -> dict[str, tuple[float, ...]]:
        return {"rate": tuple(1 / value for value in reply.values), **super().samples(reply)}


def _counts(reply: Reply) -> Counter[int]:
    if not reply.extra.round_trips_ns:
        raise TrialFailed("the driver kept no round trip")
    return Counter(reply.extra.round_trips_ns)
