"""fio's JSON as four versions of it print it, and as an older one shaped it."""

import json
from pathlib import Path

import pytest

from vbench.benchmarks import fio
from vbench.contracts import Completed
from vbench.errors import TrialFailed
from vbench.stats.quantiles import of_counts

DATA = Path(__file__).parent.parent / "data" / "fio"
VERSIONS = ("3.25", "3.33", "3.39", "3.41")


def recorded(name: str, *, status: int = 0) -> Completed:
    return Completed(("fio",), status, (DATA / f"{name}.json").read_bytes(), b"")


def document(name: str) -> dict[str, object]:
    text = (DATA / f"{name}.json").read_text()
    found: dict[str, object] = json.loads(text[text.index("{\n") :])
    return found


def printed(name: str, side: str, latency: str) -> dict[str, float]:
    """fio's own percentiles."""
    jobs: list[dict[str, dict[str, dict[str, dict[str, float]]]]] = document(name)["jobs"]  # type: ignore[assignment]
    return jobs[0][side][latency]["percentile"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_version_is_the_one_in_its_name(version: str) -> None:
    assert document(f"{version}-randread")["fio version"] == f"fio-{version}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("what", "direction"), [("randread", "read"), ("randread16", "read"), ("randwrite16", "write")]
)
def test_every_version_gives_the_percentiles_that_it_prints(version: str, what: str, direction: fio.Direction) -> None:
    result = fio.parse(recorded(f"{version}-{what}"), direction)
    own = printed(f"{version}-{what}", direction, "clat_ns")
    assert result.iops > 0
    assert of_counts(result.latency_counts, 0.5) == own["50.000000"]
    assert of_counts(result.latency_counts, 0.99) == own["99.000000"]
    assert result.sync_counts == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_counts_the_flushes_although_it_says_that_there_were_none(version: str) -> None:
    jobs: list[dict[str, dict[str, int]]] = document(f"{version}-fsync")["jobs"]  # type: ignore[assignment]
    assert jobs[0]["sync"]["total_ios"] == 0
    counts = fio.flushes(fio.parse(recorded(f"{version}-fsync"), "write"))
    assert of_counts(counts, 0.5) == printed(f"{version}-fsync", "sync", "lat_ns")["50.000000"]


def test_a_job_without_flushes_has_none_and_says_so() -> None:
    with pytest.raises(TrialFailed, match="counted no flush") as caught:
        fio.flushes(fio.parse(recorded("3.33-randread"), "read"))
    assert "fio 3" in caught.value.hint


@pytest.mark.parametrize("version", VERSIONS)
def test_a_queue_that_was_kept_full_needs_no_note(version: str) -> None:
    assert fio.depth_notes(fio.parse(recorded(f"{version}-randread16"), "read"), 16) == ()


@pytest.mark.parametrize(("depth", "name"), [(1, "1"), (3, "2"), (16, "16"), (63, "32"), (64, ">=64"), (1000, ">=64")])
def test_a_queue_that_ran_empty_is_noted(depth: int, name: str) -> None:
    result = fio.Result(1.0, 1.0, 1, {1: 1}, {}, {"1": 0.0, "2": 0.0, "16": 0.0, "32": 0.0, ">=64": 0.0} | {name: 40.0})
    assert fio.depth_notes(result, depth) == (
        f"the queue was not kept full: 40 % of the operations ran at the depth of {depth}",
    )


@pytest.mark.parametrize("version", ["3.33", "3.41"])
def test_a_note_before_the_json_is_passed_over(version: str) -> None:
    assert recorded(f"{version}-note").stdout.startswith(b"note: both iodepth >= 1 and synchronous")
    assert fio.parse(recorded(f"{version}-note"), "read").operations > 0


@pytest.mark.parametrize("version", ["3.33", "3.41"])
def test_options_of_all_jobs_stand_elsewhere_and_lose_their_path_too(version: str) -> None:
    options = document(f"{version}-global")["global options"]
    assert isinstance(options, dict)
    assert options["filename"]
    assert b"disk.dat" not in fio.redacted(recorded(f"{version}-global"))
    assert fio.parse(recorded(f"{version}-global"), "read").operations > 0


@pytest.mark.parametrize(
    ("engine", "line", "code", "words", "hint"),
    [
        ("libaio", 485, 11, "Resource temporarily unavailable", "sysctl fs.aio-max-nr"),
        ("libaio", 485, 1, "Operation not permitted", "system call filters"),
        ("libaio", 485, 38, "Function not implemented", "system call filter has no"),
        ("io_uring", 998, 12, "Cannot allocate memory", "ulimit -l"),
        ("io_uring", 998, 1, "Operation not permitted", "system call filters"),
        ("io_uring", 998, 99, "Odd", "another `engine`"),
    ],
)
def test_a_queue_that_is_not_set_up_is_told_by_its_cause(
    engine: str, line: int, code: int, words: str, hint: str
) -> None:
    """As fio 3.33 says it when io_setup(2) or io_uring_setup(2) fails."""
    said = f"fio: pid=7, err={code}/file:engines/{engine}.c:{line}, func=io_queue_init, error={words}\n"
    document = {"fio version": "fio-3.33", "jobs": [{"jobname": "trial", "error": code}]}
    done = Completed(("fio",), 1, (said + json.dumps(document)).encode(), b"")
    with pytest.raises(TrialFailed, match=f"error {code}: .*{words}") as caught:
        fio.parse(done, "read")
    assert hint in caught.value.hint


@pytest.mark.parametrize("version", ["3.33", "3.41"])
def test_an_engine_that_is_refused_is_named_with_what_to_do(version: str) -> None:
    with pytest.raises(TrialFailed, match=r"error 1: .*io_queue_init.*not permitted") as caught:
        fio.parse(recorded(f"{version}-refused", status=1), "read")
    assert "engine" in caught.value.hint


@pytest.mark.parametrize("version", ["3.33", "3.41"])
def test_io_uring_is_read_like_any_other_engine(version: str) -> None:
    assert fio.parse(recorded(f"{version}-io_uring"), "read").iops > 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_warm_up_of_its_own_is_not_in_the_result_and_the_trial_says_when_it_begins_and_ends(version: str) -> None:
    done = recorded(f"{version}-jobs")
    warmup, trial = document(f"{version}-jobs")["jobs"]  # type: ignore[misc]
    result = fio.parse(done, "read")
    assert result.operations == trial["read"]["total_ios"] != warmup["read"]["total_ios"]
    assert result.lasted_s == trial["read"]["runtime"] / 1000
    said = done.stdout.splitlines()
    assert said.index(fio.BEGUN) < said.index(fio.ENDED) < said.index(b"{")


def test_a_warm_up_that_failed_fails_the_trial() -> None:
    changed = document("3.33-jobs")
    changed["jobs"][0]["error"] = 5  # type: ignore[index]
    with pytest.raises(TrialFailed, match="error 5"):
        fio.parse(Completed(("fio",), 0, json.dumps(changed).encode(), b""), "read")


@pytest.mark.parametrize("jobs", [None, {}, [], [{"jobname": "warmup"}], [{"jobname": "trial"}] * 2])
def test_another_number_of_trials_is_refused(jobs: object) -> None:
    with pytest.raises(TrialFailed, match="jobs"):
        fio.parse(Completed(("fio",), 0, json.dumps({"jobs": jobs}).encode(), b""), "read")


def test_the_statistics_of_disks_are_missing_in_a_chroot_and_not_needed() -> None:
    assert "disk_util" in document("3.33-randread")
    assert "disk_util" not in document("3.25-randread")


def test_a_percentile_is_missing_where_nothing_ran() -> None:
    jobs: list[dict[str, dict[str, dict[str, float]]]] = document("3.41-randread")["jobs"]  # type: ignore[assignment]
    assert jobs[0]["write"]["clat_ns"]["N"] == 0
    assert "percentile" not in jobs[0]["write"]["clat_ns"]
    with pytest.raises(TrialFailed, match="no operation"):
        fio.parse(recorded("3.41-randread"), "write")


def test_the_shape_of_fio_2_has_microseconds_and_kibibytes_and_no_flushes() -> None:
    result = fio.parse(recorded("hand-made-2"), "read")
    assert result.latency_counts == {62000: 3, 64000: 4, 90000: 1}
    assert result.bandwidth == 1024 * 100
    assert result.sync_counts == {}


def test_torn_bins_of_the_flushes_are_refused() -> None:
    changed = document("3.33-fsync")
    changed["jobs"][0]["sync"]["lat_ns"]["N"] += 1  # type: ignore[index]
    with pytest.raises(TrialFailed, match="bins hold"):
        fio.parse(Completed(("fio",), 0, json.dumps(changed).encode(), b""), "write")


def test_a_flushed_job_goes_through_the_page_cache() -> None:
    how = {"block_b": 4096, "trial_s": 1.0, "warmup_s": 0.5}
    argv = fio.job("/scratch/f", 2**20, rw="write", flushed=True, **how)  # type: ignore[arg-type]
    assert {"--direct=0", "--fdatasync=1"} <= set(argv)
    assert "--direct=1" not in argv


def test_a_deep_job_names_its_engine_and_depth() -> None:
    how = {"block_b": 4096, "trial_s": 1.0, "warmup_s": 0.5}
    argv = fio.job("/scratch/f", 2**20, rw="randread", engine="libaio", depth=16, **how)  # type: ignore[arg-type]
    assert {"--direct=1", "--ioengine=libaio", "--iodepth=16"} <= set(argv)


@pytest.mark.parametrize("version", ["fio-2.2.10", "fio-2.21", "fio-3.1", "fio-3.16"])
@pytest.mark.parametrize(("name", "direction"), [("hand-made-2", "read"), ("3.25-randread", "read")])
def test_a_fio_that_does_not_say_how_many_it_counted_is_too_old(
    version: str, name: str, direction: fio.Direction
) -> None:
    """json+ has `N` since 3.18."""
    text = (DATA / f"{name}.json").read_text()
    old = json.loads(text[text.index("{") :], object_hook=lambda found: {k: v for k, v in found.items() if k != "N"})
    old["fio version"] = version
    with pytest.raises(TrialFailed, match=f"this fio is too old: {version} does not say") as caught:
        fio.parse(Completed(("fio",), 0, json.dumps(old).encode(), b""), direction)
    assert "fio 3.18 or later" in caught.value.hint


ODD = [{"jobs": [1]}, {"jobs": {}}, {"jobs": [{"jobname": "trial", "read": []}]}, {"jobs": [{"read": {"clat_ns": 1}}]}]


@pytest.mark.parametrize("document", [*ODD, {"jobs": [{"read": {"clat_ns": {"N": 1, "bins": {"a": 1}}}}]}])
def test_json_of_another_shape_is_a_failed_trial(document: object) -> None:
    with pytest.raises(TrialFailed, match="not what fio prints"):
        fio.parse(Completed(("fio",), 0, json.dumps(document).encode(), b""), "read")
