"""fio's JSON as recorded from fio 3.33 of Debian 12, and its traps."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.benchmarks import fio
from vbench.benchmarks.percentiles import latencies
from vbench.contracts import Completed
from vbench.errors import TrialFailed
from vbench.stats.quantiles import fewest, of_counts

DATA = Path(__file__).parent.parent / "data" / "fio"


def recorded(name: str, *, status: int = 0) -> Completed:
    stderr = DATA / f"{name}.stderr"
    said = stderr.read_bytes() if stderr.exists() else b""
    return Completed(("fio",), status, (DATA / f"{name}.json").read_bytes(), said)


def changed(**side: object) -> Completed:
    """The recorded random read with other values in its read direction; None removes a key."""
    document = json.loads((DATA / "randread.json").read_text())
    read = document["jobs"][0]["read"] | side
    document["jobs"][0]["read"] = {key: value for key, value in read.items() if value is not None}
    return Completed(("fio",), 0, json.dumps(document).encode(), b"")


def test_a_random_read_gives_rate_and_latency() -> None:
    result = fio.parse(recorded("randread"), "read")
    assert result.iops == 15631.840796
    assert result.bandwidth == 64028019
    assert result.operations == 3142
    assert sum(result.latency_counts.values()) == 3142


def test_a_sequential_write_gives_bytes_a_second_not_kibibytes() -> None:
    assert fio.parse(recorded("seqwrite"), "write").bandwidth == 2039767243


@pytest.mark.parametrize(("name", "direction"), [("randread", "read"), ("seqwrite", "write")])
def test_percentiles_of_the_bins_are_those_that_fio_prints(name: str, direction: fio.Direction) -> None:
    counts = fio.parse(recorded(name), direction).latency_counts
    side = json.loads((DATA / f"{name}.json").read_text())["jobs"][0][direction]
    printed = side["clat_ns"]["percentile"]
    assert of_counts(counts, 0.5) == printed["50.000000"]
    assert of_counts(counts, 0.99) == printed["99.000000"]


def test_latency_samples_are_in_seconds() -> None:
    samples, notes = latencies(fio.parse(recorded("randread"), "read").latency_counts)
    assert list(samples) == ["latency", "latency_p99"]
    assert samples["latency"] == pytest.approx((61.696e-6,))
    assert samples["latency_p99"] == pytest.approx((97.792e-6,))
    assert notes == ()


def test_a_trial_with_too_few_operations_has_no_p99_and_says_so() -> None:
    samples, notes = latencies(fio.parse(recorded("few"), "read").latency_counts)
    assert list(samples) == ["latency"]
    assert samples["latency"] == pytest.approx((72.192e-6,))
    assert notes == ("no p99: it needs 299 values, the trial gave 25",)


def test_a_direction_without_operations_is_a_failure_never_a_zero() -> None:
    with pytest.raises(TrialFailed, match="no operation") as caught:
        fio.parse(recorded("few"), "write")
    assert "longer" in caught.value.hint


def test_text_before_the_json_is_passed_over() -> None:
    done = Completed(("fio",), 0, b"fio: a note {with braces}\n" + (DATA / "randread.json").read_bytes(), b"")
    assert fio.parse(done, "read").operations == 3142


def test_a_refused_direct_open_says_what_to_do() -> None:
    with pytest.raises(TrialFailed, match=r"error 22.*does not support") as caught:
        fio.parse(recorded("no-direct", status=1), "read")
    assert "O_DIRECT" in caught.value.hint


def test_a_jobs_error_counts_more_than_the_partial_results_beside_it() -> None:
    with pytest.raises(TrialFailed, match=r"error 28.*No space left") as caught:
        fio.parse(recorded("no-space", status=1), "write")
    assert "smaller" in caught.value.hint


def test_a_bad_status_counts_more_than_good_numbers() -> None:
    with pytest.raises(TrialFailed, match="status 1"):
        fio.parse(recorded("randread", status=1), "read")


def test_a_missing_fio_is_named() -> None:
    with pytest.raises(TrialFailed, match="fio was not found") as caught:
        fio.parse(Completed(("fio",), 127, b"", b"env: fio: No such file or directory"), "read")
    assert "install" in caught.value.hint


@pytest.mark.parametrize("stdout", [b"", b"fio: hello\n", b"{ torn", b"[1]"])
def test_output_without_json_is_a_failure(stdout: bytes) -> None:
    with pytest.raises(TrialFailed, match="JSON"):
        fio.parse(Completed(("fio",), 0, stdout, b""), "read")


def test_bins_that_do_not_add_up_are_refused() -> None:
    latency = json.loads((DATA / "randread.json").read_text())["jobs"][0]["read"]["clat_ns"]
    latency["bins"].popitem()
    with pytest.raises(TrialFailed, match="bins hold"):
        fio.parse(changed(clat_ns=latency), "read")


def test_microseconds_of_an_older_fio_become_nanoseconds() -> None:
    done = changed(clat_ns=None, bw_bytes=None, bw=100, clat={"N": 3, "bins": {"5": 2, "7": 1}})
    result = fio.parse(done, "read")
    assert result.latency_counts == {5000: 2, 7000: 1}
    assert result.bandwidth == 102400


@pytest.mark.parametrize("key", ["iops", "total_ios", "clat_ns"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(TrialFailed, match="lacks"):
        fio.parse(changed(**{key: None}), "read")


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_rate_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(TrialFailed):
        fio.parse(changed(iops=value), "read")


def test_the_raw_file_keeps_the_bins_and_not_the_path() -> None:
    kept = fio.redacted(recorded("randread"))
    assert b"disk.dat" not in kept
    assert json.loads(kept)["jobs"][0]["read"]["clat_ns"]["bins"]


def test_a_job_bypasses_the_page_cache_and_names_its_clock_and_times() -> None:
    argv = fio.job("/scratch/f", 2**20, rw="randread", block_b=4096, trial_s=0.2, warmup_s=0.1)
    assert {"--direct=1", "--clocksource=clock_gettime"} <= set(argv)
    warmup, trial = argv.index("--name=warmup"), argv.index("--name=trial")
    assert argv[warmup + 1] == "--runtime=100ms"
    assert argv[trial + 1 : trial + 3] == ["--stonewall", "--runtime=200ms"]
    assert argv.index("--direct=1") < warmup  # what stands before the first job holds for both


def test_without_a_warm_up_there_is_no_job_for_it() -> None:
    argv = fio.job("/scratch/f", 2**20, rw="randread", block_b=4096, trial_s=0.2, warmup_s=0.0)
    assert "--name=warmup" not in argv  # a runtime of 0 is endless
    assert "--name=trial" in argv


def test_p99_needs_299_values_and_p999_needs_2995() -> None:
    assert (fewest(0.99), fewest(0.999)) == (299, 2995)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=400))
def test_the_median_is_the_nearest_rank_of_the_sorted_values(values: list[int]) -> None:
    counts = {value: values.count(value) for value in values}
    assert of_counts(counts, 0.5) == sorted(values)[(len(values) - 1) // 2]


def test_no_values_have_no_percentile() -> None:
    assert of_counts({}, 0.5) is None
