"""Our own wrapper around the iperf3 command: builds both ends' command lines and reads the client's JSON."""

import json
import re
from math import isfinite
from typing import Any

from msgspec import Struct

from vbench.contracts import Completed
from vbench.errors import TrialFailed

CLOCK = "CLOCK_MONOTONIC"
LISTENING = b"Server listening"
SATURATED = 90.0  # percent of one processor above which an end is what limits
_NOT_A_NUMBER = re.compile(r"(:\s*)-?nan\b")


class Result(Struct, frozen=True):
    """What arrived, and how busy both ends were (percent of one processor; None where iperf3 does not say)."""

    received: float  # B/s
    sent: float  # B/s
    retransmits: int | None
    client_cpu: float | None
    server_cpu: float | None


def server(address: str, port: int) -> list[str]:
    """One test, then it ends. `--forceflush`: its line that it listens must not wait in a buffer."""
    return ["iperf3", "--server", "--one-off", "--bind", address, "--port", str(port), "--forceflush"]


def client(address: str, port: int, *, trial_s: float, warmup_s: float, congestion: str) -> list[str]:
    """iperf3 knows whole seconds only, and takes 0 for endless: a trial lasts at least one."""
    return [
        "iperf3",
        *["--client", address],
        *["--port", str(port)],
        *["--time", str(whole_seconds(trial_s))],
        *["--omit", str(int(warmup_s))],
        *["--interval", "0"],
        *["--connect-timeout", "5000"],
        *["--congestion", congestion],
        "--json",
    ]


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
    document = decode(done)
    if document.get("error"):
        raise TrialFailed(f"iperf3: {document['error']}", hint=_hint(document["error"]))
    if done.status != 0:
        raise TrialFailed(f"iperf3 ended with status {done.status}")
    end = document.get("end", {})
    received = _rate(end, "sum_received")
    cpu = end.get("cpu_utilization_percent", {})
    retransmits = end.get("sum_sent", {}).get("retransmits")
    return Result(received, _rate(end, "sum_sent"), retransmits, cpu.get("host_total"), cpu.get("remote_total"))


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


def limits(result: Result) -> tuple[str, ...]:
    """Notes on an end that had no processor time left."""
    if result.server_cpu is not None and result.server_cpu > SATURATED:
        return (f"peer-limited: the receiving peer used {result.server_cpu:.0f} % of its processor",)
    return ()


def _rate(end: dict[str, Any], which: str) -> float:
    bits = end.get(which, {}).get("bits_per_second")
    if not isinstance(bits, int | float) or not isfinite(bits) or bits <= 0:
        raise TrialFailed(f"iperf3's {which} is not a rate: {bits}")
    return bits / 8
