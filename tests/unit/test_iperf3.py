"""iperf3's JSON as recorded from iperf3 3.12 of Debian 12, and its traps."""

import json
from pathlib import Path

import pytest

from vbench.benchmarks import iperf3
from vbench.contracts import Completed
from vbench.errors import TrialFailed

DATA = Path(__file__).parent.parent / "data" / "iperf3"


def recorded(name: str) -> Completed:
    return Completed(("iperf3",), 0, (DATA / f"{name}.json").read_bytes(), b"")


def test_what_arrived_counts_not_what_was_sent() -> None:
    result = iperf3.parse(recorded("omit"))
    end = json.loads((DATA / "omit.json").read_text())["end"]
    assert result.received == end["sum_received"]["bits_per_second"] / 8
    assert result.sent == end["sum_sent"]["bits_per_second"] / 8
    assert result.received != result.sent


def test_both_ends_processor_time_is_read() -> None:
    result = iperf3.parse(recorded("second"))
    assert result.client_cpu == pytest.approx(98.8127, abs=1e-3)
    assert result.server_cpu == pytest.approx(73.0039, abs=1e-3)


def test_an_error_counts_although_the_status_is_0() -> None:
    with pytest.raises(TrialFailed, match="Connection refused"):
        iperf3.parse(recorded("refused"))


def test_an_error_counts_more_than_the_partial_results_beside_it() -> None:
    assert json.loads((DATA / "reset.json").read_text())["intervals"]
    with pytest.raises(TrialFailed, match="Connection reset"):
        iperf3.parse(recorded("reset"))


def test_not_a_number_is_unknown_and_never_a_rate() -> None:
    text = (DATA / "second.json").read_text()
    cpu = text.replace('"remote_total":\t73.0038893159262', '"remote_total":\t-nan')
    assert iperf3.parse(Completed(("iperf3",), 0, cpu.encode(), b"")).server_cpu is None
    rates = text.replace('"bits_per_second":\t', '"bits_per_second":\t-nan, "was":\t')
    with pytest.raises(TrialFailed, match="not a rate"):
        iperf3.parse(Completed(("iperf3",), 0, rates.encode(), b""))


@pytest.mark.parametrize("stdout", [b"", b"iperf3: error\n", b"{ torn", b"{}"])
def test_output_without_results_is_a_failure(stdout: bytes) -> None:
    with pytest.raises(TrialFailed, match=r"JSON|not a rate"):
        iperf3.parse(Completed(("iperf3",), 0, stdout, b""))


def test_a_bad_status_counts_more_than_good_numbers() -> None:
    with pytest.raises(TrialFailed, match="status 1"):
        iperf3.parse(Completed(("iperf3",), 1, recorded("second").stdout, b""))


def test_a_missing_iperf3_is_named() -> None:
    with pytest.raises(TrialFailed, match="not found") as caught:
        iperf3.parse(Completed(("iperf3",), 127, b"", b""))
    assert "install" in caught.value.hint


def test_the_raw_file_has_no_host_name_and_no_cookie() -> None:
    start = json.loads(iperf3.redacted(recorded("second")))["start"]
    assert not {"system_info", "cookie"} & set(start)


def test_a_congestion_control_that_is_not_allowed_says_which_is() -> None:
    said = b'{"end": {}, "error": "unable to set TCP_CONGESTION: Supplied congestion control algorithm not supported"}'
    with pytest.raises(TrialFailed, match="TCP_CONGESTION") as caught:
        iperf3.parse(Completed(("iperf3",), 1, said, b""))
    assert "reno" in caught.value.hint


@pytest.mark.parametrize(("trial_s", "seconds"), [(0.2, "1"), (1.0, "1"), (2.4, "2"), (10.0, "10")])
def test_a_trial_is_never_endless_nor_shorter_than_a_second(trial_s: float, seconds: str) -> None:
    argv = iperf3.client("198.18.0.1", 5201, trial_s=trial_s, warmup_s=0.1)
    assert argv[argv.index("--time") + 1] == seconds
    assert argv[argv.index("--omit") + 1] == "0"


def test_a_saturated_peer_is_noted() -> None:
    busy = iperf3.Result(1e9, 1e9, 10**9, 1.0, 0, 40.0, 99.0)
    assert iperf3.limits(busy) == ("peer-limited: the peer used 99 % of its processor",)
    assert iperf3.limits(iperf3.Result(1e9, 1e9, 10**9, 1.0, 0, 99.0, 40.0)) == ()
    assert iperf3.limits(iperf3.Result(1e9, 1e9, 10**9, 1.0, 0, None, None)) == ()
