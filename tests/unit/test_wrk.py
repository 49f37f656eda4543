"""wrk's summary by our script, as three builds of it printed it, and the latencies that it makes up."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.benchmarks import wrk
from vbench.contracts import Completed
from vbench.errors import TrialFailed

DATA = Path(__file__).parent.parent / "data" / "wrk"
GOOD = {"4.1.0-3-requests": 16, "4.1.0-3b2-requests": 16, "4.1.0-4-requests": 16, "4.1.0-3-one": 1, "4.1.0-4-one": 1}


def recorded(name: str, *, status: int = 0) -> Completed:
    stderr = DATA / f"{name}.stderr"
    said = stderr.read_bytes() if stderr.exists() else b""
    return Completed(("wrk",), status, (DATA / f"{name}.txt").read_bytes(), said)


def changed(**fields: object) -> Completed:
    """The recorded summary with other fields."""
    found = msgspec.to_builtins(wrk.summary(recorded("4.1.0-4-requests"))) | fields
    return Completed(("wrk",), 0, wrk.MARK.encode() + msgspec.json.encode(found), b"")


@pytest.mark.parametrize(("name", "connections"), GOOD.items())
def test_the_latencies_are_of_the_requests_that_were_answered(name: str, connections: int) -> None:
    found, result = wrk.summary(recorded(name)), wrk.parse(recorded(name), connections)
    assert sum(found.latency.values()) > found.requests, "wrk made none up: nothing is proved"
    assert sum(result.latency_counts.values()) == result.requests == found.requests
    assert result.rate == found.requests / (found.duration * 1e-6)
    assert 0 < result.cpu < 1


@pytest.mark.parametrize(("name", "connections"), GOOD.items())
def test_a_connections_requests_do_not_last_longer_than_the_trial(name: str, connections: int) -> None:
    """A closed loop: what was really measured fits into the time of the connections, what wrk makes up does not."""
    found, result = wrk.summary(recorded(name)), wrk.parse(recorded(name), connections)
    longest_ns = connections * found.duration * 1000
    assert sum(ns * number for ns, number in result.latency_counts.items()) <= longest_ns


def corrected(counts: dict[int, int], interval: int) -> dict[int, int]:
    """What wrk 4 does to its counts before it hands them out."""
    data = Counter(counts)
    for value in range(2 * interval, max(counts) + 1):
        count, made_up = data[value], value - interval
        while count and made_up > interval:
            data[made_up] += count
            made_up -= interval
    return {value: number for value, number in data.items() if number}


@given(
    st.dictionaries(st.integers(1, 500), st.integers(1, 5), min_size=1, max_size=40),
    st.integers(1, 100),
    st.integers(1, 16),
)
def test_taking_the_made_up_ones_out_is_exact(counts: dict[int, int], interval: int, connections: int) -> None:
    requests = sum(counts.values())
    duration = interval * max(1, requests // connections)
    if requests < connections:
        return  # wrk corrects nothing then
    made = corrected(counts, interval)
    assert wrk.uncorrected(made, duration, requests, connections) == counts


def test_latencies_that_were_not_corrected_are_left_as_they_are() -> None:
    assert wrk.uncorrected({5: 2, 900: 1}, 1000, 3, 1) == {5: 2, 900: 1}


def test_latencies_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(TrialFailed, match="its latencies are of"):
        wrk.parse(changed(requests=1), 16)


def test_an_answer_of_400_or_more_fails_the_trial() -> None:
    with pytest.raises(TrialFailed, match=r"of \d+ requests some failed: \d+ × a status of 400 or more"):
        wrk.parse(recorded("4.1.0-4-missing"), 2)


def test_a_connection_that_breaks_fails_the_trial() -> None:
    with pytest.raises(TrialFailed, match="broken reading"):
        wrk.parse(recorded("4.1.0-4-closing"), 2)


@pytest.mark.parametrize("error", ["connect", "read", "write", "status", "timeout"])
def test_a_single_error_of_any_kind_fails_the_trial(error: str) -> None:
    with pytest.raises(TrialFailed, match="some failed: 1 × "):
        wrk.parse(changed(**{error: 1}), 16)


def test_a_server_that_is_not_there_is_told_in_wrks_words() -> None:
    with pytest.raises(TrialFailed, match=r"status 1 and without a summary: unable to connect .* refused"):
        wrk.parse(recorded("4.1.0-4-refused", status=1), 2)


def test_no_answer_at_all_is_a_failure_never_a_zero() -> None:
    with pytest.raises(TrialFailed, match="no request was answered") as caught:
        wrk.parse(changed(requests=0, latency={}), 16)
    assert "longer" in caught.value.hint


def test_a_missing_wrk_is_named() -> None:
    with pytest.raises(TrialFailed, match="wrk was not found"):
        wrk.parse(Completed(("wrk",), 127, b"", b"chroot: failed to run command"), 16)


@pytest.mark.parametrize("stdout", [b"", b"Running 1s test\n", b"vbench-wrk {torn", b'vbench-wrk {"requests":-nan}'])
def test_output_without_a_summary_is_a_failure(stdout: bytes) -> None:
    with pytest.raises(TrialFailed, match="summary"):
        wrk.parse(Completed(("wrk",), 0, stdout, b""), 16)


def test_a_bad_status_counts_more_than_good_numbers() -> None:
    with pytest.raises(TrialFailed, match="status 137"):
        wrk.parse(recorded("4.1.0-4-requests", status=137), 16)


def test_a_load_generator_without_processor_time_left_is_noted() -> None:
    assert wrk.limits(wrk.Result(1.0, 1, {1: 1}, 0.97)) == (
        "peer-limited: the load generator used 97% of its processor",
    )
    assert wrk.limits(wrk.Result(1.0, 1, {1: 1}, 0.5)) == ()


def test_the_raw_file_has_the_counts_and_not_the_address() -> None:
    kept = wrk.kept(recorded("4.1.0-4-requests"))
    assert b"127.0.0.1" not in kept
    assert msgspec.json.decode(kept, type=wrk.Summary).latency


def test_a_test_ends_by_itself_even_where_its_signal_is_lost() -> None:
    argv = wrk.load("http://198.18.0.2:8080/1024", "/tmp/done.lua", connections=16, lasting_s=0.55)
    assert argv[:5] == ["timeout", "--foreground", "--preserve-status", "--signal=INT", "0.550"]
    assert argv[argv.index("--duration") + 1] == "2s"
    assert argv[argv.index("--connections") + 1] == "16"


def test_a_warm_up_of_nothing_still_lasts_as_long_as_wrk_needs_to_end() -> None:
    assert "0.500" in wrk.load("http://x/", "/s", connections=1, lasting_s=0)


@pytest.mark.parametrize("duration", [1, 500_000])
def test_latencies_that_no_test_of_this_length_can_have_are_refused_at_once(duration: int) -> None:
    with pytest.raises(TrialFailed, match="latencies"):
        wrk.parse(changed(duration=duration, requests=10**9, latency={2**52: 1, 1: 10**9}), 16)
