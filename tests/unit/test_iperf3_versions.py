"""iperf3's JSON as four versions of it print it: TCP both ways, UDP, and how each tells a failure."""

import json
from pathlib import Path
from typing import Any

import pytest

from vbench.benchmarks import iperf3
from vbench.contracts import Completed
from vbench.errors import TrialFailed

DATA = Path(__file__).parent.parent / "data" / "iperf3"
VERSIONS = ("3.9", "3.12", "3.18", "3.22")
LENGTH_B = 1400


def recorded(name: str, *, status: int = 0) -> Completed:
    stderr = DATA / f"{name}.stderr"
    said = stderr.read_bytes() if stderr.exists() else b""
    return Completed(("iperf3",), status, (DATA / f"{name}.json").read_bytes(), said)


def end(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())["end"]
    return found


def udp(**sums: dict[str, Any] | None) -> Completed:
    """The recorded datagrams with other sums; None removes one."""
    document = json.loads((DATA / "3.12-udp.json").read_text())
    document["end"] = {key: value for key, value in (document["end"] | sums).items() if value is not None}
    return Completed(("iperf3",), 0, json.dumps(document).encode(), b"")


def parsed(done: Completed) -> iperf3.Datagrams:
    return iperf3.parse_udp(done, length_b=LENGTH_B)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_version_is_the_one_in_its_name(version: str) -> None:
    assert json.loads((DATA / f"{version}-stream.json").read_text())["start"]["version"] == f"iperf {version}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", ["stream", "reverse"])
def test_what_the_receiver_counted_is_taken_whichever_way_it_flows(version: str, way: str) -> None:
    result = iperf3.parse(recorded(f"{version}-{way}"))
    assert result.received == end(f"{version}-{way}")["sum_received"]["bits_per_second"] / 8
    assert result.client_cpu is not None
    assert result.server_cpu is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("what", "warmup_s", "begins"),
    [("stream", 0.5, b" connected to "), ("reverse-omit", 2.5, b"1.00-2.00"), ("udp-omit", 1.0, b"(omitted)")],
)
def test_a_span_begins_after_the_warm_up_and_ends_with_the_results(
    version: str, what: str, warmup_s: float, begins: bytes
) -> None:
    heard: list[bytes] = []
    line = b""
    span = iperf3.Span(lambda: heard.append(line), lambda: heard.append(line), warmup_s=warmup_s)
    for line in (DATA / f"{version}-{what}.server.txt").read_bytes().splitlines():
        span.hear(line)
    begun, ended = heard
    assert begins in begun
    assert ended.startswith(b"- - -")


def test_a_span_without_results_has_no_length() -> None:
    span = iperf3.Span(lambda: None, lambda: None, warmup_s=0.0)
    span.hear(b"- - - - -")
    span.hear(b"[  5] local 127.0.0.1 port 5201 connected to 127.0.0.1 port 1")
    assert span.lasted_s is None


@pytest.mark.parametrize("version", VERSIONS)
def test_datagrams_that_arrived_are_those_sent_without_those_lost(version: str) -> None:
    result = parsed(recorded(f"{version}-udp"))
    sums = end(f"{version}-udp")
    there = sums.get("sum_received", sums["sum"])
    assert result.received == pytest.approx((there["packets"] - there["lost_packets"]) / there["seconds"], rel=1e-4)
    assert result.loss == pytest.approx(there["lost_percent"] / 100, rel=2e-3)
    assert result.jitter_s == pytest.approx(there["jitter_ms"] / 1000)


@pytest.mark.parametrize("version", ["3.12", "3.18", "3.22"])
def test_the_receivers_bytes_agree_with_its_datagrams(version: str) -> None:
    result = parsed(recorded(f"{version}-udp"))
    assert result.received == pytest.approx(end(f"{version}-udp")["sum_received"]["bits_per_second"] / 8 / LENGTH_B)


def test_an_old_version_has_one_sum_that_mixes_both_ends() -> None:
    assert "sum_received" not in end("3.9-udp")
    sent = parsed(recorded("3.9-udp")).sent
    assert sent == pytest.approx(end("3.9-udp")["sum"]["bits_per_second"] / 8 / LENGTH_B, rel=0.1)


@pytest.mark.parametrize(("version", "arrived"), [("3.12", 624_004), ("3.22", 94_606)])
def test_what_was_lost_while_it_was_omitted_is_not_of_the_trial(version: str, arrived: int) -> None:
    result = parsed(recorded(f"{version}-udp-omit"))
    there = end(f"{version}-udp-omit")["sum_received"]
    assert result.received == arrived / there["seconds"]
    assert result.loss == 1 - arrived / there["packets"]


def test_more_losses_than_datagrams_are_those_of_what_was_omitted() -> None:
    there = end("3.12-udp")["sum_received"] | {"lost_packets": 10**9}
    assert parsed(udp(sum_received=there)) == parsed(recorded("3.12-udp"))


def test_more_that_arrived_than_was_counted_is_a_loss_of_nothing() -> None:
    there = end("3.12-udp")["sum_received"] | {"packets": 1000, "bytes": 1001 * LENGTH_B}
    assert parsed(udp(sum_received=there)).loss == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_no_datagram_at_all_is_a_failure_and_never_a_loss_of_nothing(version: str) -> None:
    with pytest.raises(TrialFailed, match="datagrams"):
        parsed(recorded(f"{version}-udp-few"))


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("3.9-refused", 1, "Bad file descriptor"),
        ("3.12-refused", 0, "Connection refused"),
        ("3.18-refused", 1, "Connection refused"),
        ("3.22-refused", 1, "Connection refused"),
    ],
)
def test_every_version_says_somewhere_that_it_was_refused(name: str, status: int, said: str) -> None:
    with pytest.raises(TrialFailed, match=said):
        iperf3.parse(recorded(name, status=status))


@pytest.mark.parametrize("version", ["3.9", "3.18", "3.22"])
def test_a_congestion_control_that_is_not_there_says_which_is(version: str) -> None:
    with pytest.raises(TrialFailed, match="TCP_CONGESTION") as caught:
        iperf3.parse(recorded(f"{version}-congestion", status=1))
    assert "reno" in caught.value.hint


def test_the_error_of_an_old_version_stands_on_stderr_alone() -> None:
    assert "error" not in json.loads((DATA / "3.9-refused.json").read_text())


@pytest.mark.parametrize("lost", [-1, 1000, 1001])
def test_a_loss_that_cannot_be_is_refused(lost: int) -> None:
    both = end("3.9-udp")["sum"] | {"lost_packets": lost, "packets": 1000}
    with pytest.raises(TrialFailed, match="as lost"):
        parsed(udp(sum=both, sum_received=None, sum_sent=None))


@pytest.mark.parametrize("key", ["packets", "bytes", "seconds", "jitter_ms"])
@pytest.mark.parametrize("value", [None, "many"])
def test_a_figure_that_is_no_number_is_named(key: str, value: object) -> None:
    there = end("3.12-udp")["sum_received"] | {key: value}
    with pytest.raises(TrialFailed, match=rf"{key} is not a number|got `str` - at `\$\.end\.sum_received\.{key}`"):
        parsed(udp(sum_received=there))


def test_minus_nan_is_not_a_number_of_datagrams() -> None:
    text = (DATA / "3.12-udp.json").read_text().replace('"jitter_ms":\t', '"jitter_ms":\t-nan, "was":\t')
    with pytest.raises(TrialFailed, match="jitter_ms is not a number"):
        parsed(Completed(("iperf3",), 0, text.encode(), b""))


def test_a_test_over_tcp_has_no_datagrams() -> None:
    with pytest.raises(TrialFailed, match="packets"):
        parsed(recorded("3.12-stream"))


def test_the_words_about_what_flows_are_those_asked_for() -> None:
    assert iperf3.tcp(congestion="reno", reverse=False) == ["--congestion", "reno"]
    assert iperf3.tcp(congestion="cubic", reverse=True) == ["--congestion", "cubic", "--reverse"]
    assert iperf3.udp(length_b=1400) == ["--udp", "--bitrate", "0", "--length", "1400"]


ODD: list[object] = [{"end": "text"}, {"end": {"sum_received": []}}, {"error": 7}, {"end": {"sum_sent": {"bytes": {}}}}]


@pytest.mark.parametrize("document", ODD)
def test_json_of_another_shape_is_a_failed_trial(document: object) -> None:
    done = Completed(("iperf3",), 0, json.dumps(document).encode(), b"")
    for read in (iperf3.parse, parsed):
        with pytest.raises(TrialFailed, match="not what iperf3 prints"):
            read(done)
