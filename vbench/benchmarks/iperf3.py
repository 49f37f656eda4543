"""Wraps the iperf3 command: builds both ends' command lines and reads the client's JSON."""

import json
import time
from collections.abc import Callable
from math import inf, isfinite
from typing import Any

from msgspec import Struct

from vbench.benchmarks.lines import Moments
from vbench.contracts import NOT_FOUND, Completed
from vbench.errors import TrialFailed
from vbench.host import foreign
from vbench.host.foreign import LONGEST, Count

CLOCK = "CLOCK_MONOTONIC"
LISTENING = b"Server listening"
# Parts of the server's lines: a data connection, a second of warm-up, the rule above the results.
_CONNECTED, _OMITTED, _RESULTS = b" connected to ", b"(omitted)", b"- - -"
SATURATED = 90.0  # percent of one processor above which an end limits the rate
_PRIVATE = frozenset({"system_info", "cookie"})


class Span(Moments):
    """Begin and end of a test by its server's lines: the end of the warm-up, and the rule above the results."""

    def __init__(
        self,
        begin: Callable[[], None],
        end: Callable[[], None],
        *,
        warmup_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(begin, end, clock=clock)
        self._to_come = max(1, int(warmup_s))
        self._awaited = _OMITTED if int(warmup_s) else _CONNECTED

    def hear(self, line: bytes) -> None:
        if self._to_come and self._awaited in line:
            self._to_come -= 1
            if not self._to_come:
                self.begun()
        elif line.startswith(_RESULTS):
            self.ended()


class Result(Struct, frozen=True):
    """A TCP test: bytes and rates, and each end's use of one processor in percent (None where iperf3 omits it)."""

    received: float  # B/s
    sent: float  # B/s
    arrived_b: int
    lasted_s: float  # by the receiver
    retransmits: int | None
    client_cpu: float | None
    server_cpu: float | None


def server(address: str, port: int) -> list[str]:
    """Command of a server for one test. `stdbuf` unbuffers its lines, which `--forceflush` does not do for all."""
    return ["stdbuf", "-oL", "iperf3", "--server", "--one-off", "--bind", address, "--port", str(port)]


class Datagrams(Struct, frozen=True):
    """A UDP test: `received` and `sent` are rates in 1/s, each by its own end's clock."""

    received: float
    sent: float
    sent_in_all: int
    lasted_s: float  # by the sender
    loss: float  # share of those sent
    jitter_s: float
    client_cpu: float | None
    server_cpu: float | None


def client(address: str, port: int, *flow: str, trial_s: float, warmup_s: float) -> list[str]:
    """Command of the client. iperf3 takes whole seconds only, and 0 means endless: a trial lasts at least 1 s."""
    return [
        "iperf3",
        *["--client", address],
        *["--port", str(port)],
        *["--time", str(whole_seconds(trial_s))],
        *["--omit", str(int(warmup_s))],
        *["--interval", "0"],
        *["--connect-timeout", "5000"],
        *flow,
        "--json",
    ]


def tcp(*, congestion: str, reverse: bool) -> list[str]:
    return ["--congestion", congestion, *(["--reverse"] if reverse else [])]


def udp(*, length_b: int) -> list[str]:
    """`--bitrate 0`: without it iperf3 sends 1 Mbit/s."""
    return ["--udp", "--bitrate", "0", "--length", str(length_b)]


def whole_seconds(trial_s: float) -> int:
    return max(1, round(trial_s))


class Sum(Struct, frozen=True):
    """Figures of one end. Which of them exist depends on the protocol and the version of iperf3."""

    bits_per_second: float | None = None
    bytes: float | None = None
    seconds: float | None = None
    packets: float | None = None
    lost_packets: float | None = None
    jitter_ms: float | None = None
    retransmits: Count | None = None


class Cpu(Struct, frozen=True):
    """Percent of one processor."""

    host_total: float | None = None
    remote_total: float | None = None


class End(Struct, frozen=True):
    """The client's final figures. `sum` mixes both ends' figures of UDP; before iperf3 3.10 there are no others."""

    sum: Sum = Sum()
    sum_sent: Sum | None = None
    sum_received: Sum | None = None
    cpu_utilization_percent: Cpu = Cpu()


class Document(Struct, frozen=True):
    """The part of the client's JSON that vbench reads."""

    end: End = End()
    error: str = ""


def decode(done: Completed) -> Any:
    """The client's JSON; `-nan`, which iperf3 prints and JSON does not know, becomes null. Raises TrialFailed."""
    if done.status == NOT_FOUND:
        raise TrialFailed("iperf3 was not found", hint="install iperf3, or use the image that has it")
    text = done.stdout
    try:
        document = foreign.decode(foreign.without_nan(text[max(0, text.find(b"{")) :]))
    except ValueError as error:
        output = (done.stderr or text).decode(errors="replace").strip()[-300:]
        ended = f"iperf3 ended with status {done.status}"
        raise TrialFailed(f"{ended} and printed no JSON that can be read: {error}: {output}".rstrip(": ")) from None
    if not isinstance(document, dict):
        raise TrialFailed(f"iperf3 printed JSON that is no object: {text[:100]!r}")
    return document


def parse(done: Completed) -> Result:
    """Figures of a TCP test. Raises TrialFailed for an error, even if there are partial results."""
    end = _end(done)
    there, here = end.sum_received or Sum(), end.sum_sent or Sum()
    return Result(
        received=_rate(there, "sum_received"),
        sent=_rate(here, "sum_sent"),
        arrived_b=_count(there.bytes, "bytes"),
        lasted_s=_positive(there.seconds, "seconds"),
        retransmits=here.retransmits,
        client_cpu=end.cpu_utilization_percent.host_total,
        server_cpu=end.cpu_utilization_percent.remote_total,
    )


def parse_udp(done: Completed, *, length_b: int) -> Datagrams:
    """Figures of a UDP test. Raises TrialFailed. Before iperf3 3.10 one `sum` mixes both ends' figures."""
    end = _end(done)
    there, here = end.sum_received or end.sum, end.sum_sent or end.sum
    arrived = _arrived(there, length_b) if end.sum_received else _not_lost(end.sum)
    loss = max(0.0, 1 - arrived / _positive(there.packets, "packets"))
    sent_in_all, lasted_s = _count(here.packets, "packets"), _positive(here.seconds, "seconds")
    return Datagrams(
        received=_finite(arrived / _positive(there.seconds, "seconds"), "rate of datagrams"),
        sent=_finite(sent_in_all / lasted_s, "rate of datagrams"),
        sent_in_all=sent_in_all,
        lasted_s=lasted_s,
        loss=loss,
        jitter_s=_jitter_s(there),
        client_cpu=end.cpu_utilization_percent.host_total,
        server_cpu=end.cpu_utilization_percent.remote_total,
    )


def _jitter_s(there: Sum) -> float:
    jitter_s = _number(there.jitter_ms, "jitter_ms") * 1e-3
    if jitter_s < 0:
        raise TrialFailed(f"iperf3's jitter_ms cannot be {there.jitter_ms}")
    return jitter_s


def _arrived(there: Sum, length_b: int) -> float:
    """Datagrams that arrived, by the receiver's bytes: `lost_packets` of iperf3 3.12 counts the omitted seconds too."""
    arrived = _number(there.bytes, "bytes") / length_b
    if arrived <= 0:
        raise TrialFailed("iperf3 counted no datagrams that arrived")
    return arrived


def _not_lost(both: Sum) -> float:
    packets, lost = _number(both.packets, "packets"), _number(both.lost_packets, "lost_packets")
    if not 0 <= lost < packets:
        raise TrialFailed(f"iperf3 counted {lost:g} of {packets:g} datagrams as lost: none that arrived")
    return packets - lost


def _end(done: Completed) -> End:
    try:
        document = foreign.convert(decode(done), Document)
    except ValueError as error:
        raise TrialFailed(f"iperf3's JSON is not what iperf3 prints: {error}") from None
    if document.error:
        raise TrialFailed(f"iperf3: {document.error[:300]}", hint=_hint(document.error))
    if done.status != 0:  # before 3.10 the error is on stderr alone
        stderr = done.stderr.decode(errors="replace").strip()[-300:]
        raise TrialFailed(f"iperf3 ended with status {done.status}: {stderr}".removesuffix(": "), hint=_hint(stderr))
    return document.end


def _hint(error: str) -> str:
    if "TCP_CONGESTION" in error:
        return "without CAP_NET_ADMIN only what net.ipv4.tcp_allowed_congestion_control lists; reno always is"
    return ""


def redacted(done: Completed) -> bytes:
    """The client's JSON for the run folder, without the host's name and the session's cookie."""
    return json.dumps(foreign.without(decode(done), _PRIVATE)).encode()


def limits(result: Result | Datagrams) -> tuple[str, ...]:
    """A note where the peer used nearly all of its processor."""
    if result.server_cpu is not None and result.server_cpu > SATURATED:
        return (f"peer-limited: the peer used {result.server_cpu:.0f} % of its processor",)
    return ()


def _rate(side: Sum, which: str) -> float:
    """Rate of one end in B/s. Raises TrialFailed for a missing one, and for one of 0 or less."""
    bits = side.bits_per_second
    if bits is None or not 0 < bits < inf or not bits / 8:
        raise TrialFailed(f"iperf3's {which} is not a rate: {bits}")
    return bits / 8


def _number(value: float | None, key: str) -> float:
    if value is None:
        raise TrialFailed(f"iperf3's {key} is not a number: {value}")
    return _finite(value, key)


def _finite(value: float, key: str) -> float:
    if not isfinite(value):
        raise TrialFailed(f"iperf3's {key} is not a number: {value}")
    return value


def _positive(value: float | None, key: str) -> float:
    number = _number(value, key)
    if number <= 0:
        raise TrialFailed(f"iperf3's {key} cannot be {number:g}")
    return number


def _count(value: float | None, key: str) -> int:
    """A count of at least 1. Raises TrialFailed for any other value."""
    number = round(_positive(value, key))
    if not 0 < number <= LONGEST:
        raise TrialFailed(f"iperf3's {key} cannot be {value}")
    return number
