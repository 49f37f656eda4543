"""Our own wrapper around the iperf3 command: builds both ends' command lines and reads the client's JSON."""

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from msgspec import Struct

from vbench.benchmarks.lines import Moments
from vbench.contracts import Completed
from vbench.errors import TrialFailed

CLOCK = "CLOCK_MONOTONIC"
LISTENING = b"Server listening"
# What the server says: a connection for data, a second of warm-up, the results' rule.
_CONNECTED, _OMITTED, _RESULTS = b" connected to ", b"(omitted)", b"- - -"
SATURATED = 90.0  # percent of one processor above which an end is what limits
_NOT_A_NUMBER = re.compile(r"(:\s*)-?nan\b")


class Span(Moments):
    """Begin and end of a test by what its server says: after the warm-up, and as the results come."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None], *, warmup_s: float) -> None:
        super().__init__(begin, end)
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
    """What arrived, and how busy both ends were (percent of one processor; None where iperf3 does not say)."""

    received: float  # B/s
    sent: float  # B/s
    arrived_b: int
    lasted_s: float  # by the receiver
    retransmits: int | None
    client_cpu: float | None
    server_cpu: float | None


def server(address: str, port: int) -> list[str]:
    """One test, then it ends. `stdbuf`: what it says must not wait in a buffer, as even with `--forceflush` it does."""
    return ["stdbuf", "-oL", "iperf3", "--server", "--one-off", "--bind", address, "--port", str(port)]


class Datagrams(Struct, frozen=True):
    """What became of UDP datagrams; `received` and `sent` are 1/s, each by its own end's clock."""

    received: float
    sent: float
    sent_in_all: int
    lasted_s: float  # by the sender
    loss: float  # share of those sent
    jitter_s: float
    client_cpu: float | None
    server_cpu: float | None


def client(address: str, port: int, *flow: str, trial_s: float, warmup_s: float) -> list[str]:
    """iperf3 knows whole seconds only, and takes 0 for endless: a trial lasts at least one."""
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


def decode(done: Completed) -> dict[str, Any]:
    """The client's JSON; `-nan`, which iperf3 prints and JSON does not know, becomes null."""
    if done.status == 127:
        raise TrialFailed("iperf3 was not found", hint="install iperf3, or use the image that has it")
    text = done.stdout.decode(errors="replace")
    try:
        document = json.loads(_NOT_A_NUMBER.sub(r"\1null", text[max(0, text.find("{")) :]))
    except json.JSONDecodeError:
        said = (done.stderr.decode(errors="replace") or text).strip()[-300:]
        raise TrialFailed(f"iperf3 ended with status {done.status} and printed no JSON: {said}") from None
    if not isinstance(document, dict):
        raise TrialFailed(f"iperf3 printed JSON that is no object: {text[:100]!r}")
    return document


def parse(done: Completed) -> Result:
    """What the receiver counted. Raises TrialFailed for an error, which can stand beside partial results."""
    end = _end(done)
    received = _rate(end, "sum_received")
    cpu = end.get("cpu_utilization_percent", {})
    retransmits = end.get("sum_sent", {}).get("retransmits")
    there = end["sum_received"]
    return Result(
        received=received,
        sent=_rate(end, "sum_sent"),
        arrived_b=round(_positive(there, "bytes")),
        lasted_s=_positive(there, "seconds"),
        retransmits=retransmits,
        client_cpu=cpu.get("host_total"),
        server_cpu=cpu.get("remote_total"),
    )


def parse_udp(done: Completed, *, length_b: int) -> Datagrams:
    """What arrived of what was sent; before iperf3 3.10 one `sum` mixes both ends' figures. Raises TrialFailed."""
    end = _end(done)
    both = end.get("sum", {})
    there, here = end.get("sum_received", both), end.get("sum_sent", both)
    arrived = _arrived(there, length_b) if "sum_received" in end else _not_lost(both)
    loss = max(0.0, 1 - arrived / _positive(there, "packets"))
    received = arrived / _positive(there, "seconds")
    sent_in_all, lasted_s = _positive(here, "packets"), _positive(here, "seconds")
    cpu = end.get("cpu_utilization_percent", {})
    jitter_s = _number(there, "jitter_ms") * 1e-3
    return Datagrams(
        received=received,
        sent=sent_in_all / lasted_s,
        sent_in_all=int(sent_in_all),
        lasted_s=lasted_s,
        loss=loss,
        jitter_s=jitter_s,
        client_cpu=cpu.get("host_total"),
        server_cpu=cpu.get("remote_total"),
    )


def _arrived(there: dict[str, Any], length_b: int) -> float:
    """From the receiver's bytes: `lost_packets` of iperf3 3.12 has the losses of the omitted seconds too."""
    arrived = _number(there, "bytes") / length_b
    if arrived <= 0:
        raise TrialFailed("iperf3 counted no datagrams that arrived")
    return arrived


def _not_lost(both: dict[str, Any]) -> float:
    packets, lost = _number(both, "packets"), _number(both, "lost_packets")
    if not 0 <= lost < packets:
        raise TrialFailed(f"iperf3 counted {lost:.0f} of {packets:.0f} datagrams as lost: none that arrived")
    return packets - lost


def _end(done: Completed) -> dict[str, Any]:
    document = decode(done)
    if document.get("error"):
        raise TrialFailed(f"iperf3: {document['error']}", hint=_hint(document["error"]))
    if done.status != 0:  # before 3.10 the error stands on stderr alone
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise TrialFailed(f"iperf3 ended with status {done.status}: {said}".removesuffix(": "), hint=_hint(said))
    end: dict[str, Any] = document.get("end", {})
    return end


def _hint(error: str) -> str:
    if "TCP_CONGESTION" in error:
        return "without CAP_NET_ADMIN only what net.ipv4.tcp_allowed_congestion_control lists; reno always is"
    return ""


def redacted(done: Completed) -> bytes:
    """The client's JSON for the run folder, without the host's name and the session's cookie."""
    document = decode(done)
    for key in ("system_info", "cookie"):
        document.get("start", {}).pop(key, None)
    return json.dumps(document).encode()


def limits(result: Result | Datagrams) -> tuple[str, ...]:
    """Notes on an end that had no processor time left."""
    if result.server_cpu is not None and result.server_cpu > SATURATED:
        return (f"peer-limited: the peer used {result.server_cpu:.0f} % of its processor",)
    return ()


def _rate(end: dict[str, Any], which: str) -> float:
    bits = end.get(which, {}).get("bits_per_second")
    if not isinstance(bits, int | float) or not isfinite(bits) or bits <= 0:
        raise TrialFailed(f"iperf3's {which} is not a rate: {bits}")
    return bits / 8


def _number(side: dict[str, Any], key: str) -> float:
    value = side.get(key)
    if not isinstance(value, int | float) or not isfinite(value):
        raise TrialFailed(f"iperf3's {key} is not a number: {value}")
    return value


def _positive(side: dict[str, Any], key: str) -> float:
    value = _number(side, key)
    if value <= 0:
        raise TrialFailed(f"iperf3's {key} cannot be {value}")
    return value
