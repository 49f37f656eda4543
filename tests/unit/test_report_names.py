"""Plain names: what the types say of themselves, with the settings of the entry that was measured."""

from tests.support.linting import refuse
from vbench.benchmarks import KINDS
from vbench.model import BenchmarkRecord, EnvironmentRecord, Metric
from vbench.report import names

P99 = Metric("latency_p99", "s", "lower", "an older text")


def entry(name: str, kind: str, **settings: object) -> BenchmarkRecord:
    made = KINDS.get(kind)
    return BenchmarkRecord(name, kind, settings, made.metrics if made else (P99,), made.about if made else "its text")


def test_a_plain_name_says_what_was_done_and_what_of_it_was_measured() -> None:
    record = entry("disk.randwrite16", "disk.randwrite", depth=16, size=2**28, engine=None)
    assert names.plain(record, "latency_p99") == (
        "4 KiB random overwrites, 16 at a time, O_DIRECT: 99th percentile of latency, within the trial"
    )
    assert names.short(record, "latency_p99") == "random writes (randwrite16) latency p99"
    assert names.short(record, "iops") == "random writes (randwrite16)"


def test_a_key_that_is_not_set_stands_as_its_default() -> None:
    assert names.operation(entry("disk.randread", "disk.randread", depth=1)).startswith("4 KiB random reads, 1 at")
    record = entry("disk.randread", "disk.randread", depth=1, block=2**16)
    assert names.operation(record) == "64 KiB random reads, 1 at a time, O_DIRECT"


def test_a_switch_chooses_between_two_ways_to_say_it() -> None:
    for reverse, way in ((False, "to the peer"), (True, "from the peer")):
        assert names.operation(entry("network.stream", "network.stream", reverse=reverse)) == f"one TCP stream {way}"


def test_no_key_is_left_in_the_plain_name_of_any_kind() -> None:
    defaults = {kind: {} if kind == "command" else names._defaults(made) for kind, made in KINDS.items()}
    records = [entry(kind, kind, **defaults[kind]) for kind in KINDS]
    plain = [names.plain(record, metric.name) for record in records for metric in record.metrics]
    refuse(name for name in plain if any(left in name for left in ("`", "  ", " ,")))
    refuse(f"{record.name}: {unsaid}" for record in records if (unsaid := names.unnamed_settings(record)))


def test_a_command_of_the_suite_s_own_goes_by_its_own_name() -> None:
    record = BenchmarkRecord("command.build", "command", {}, (Metric("time", "s", "lower", "wall time of one run"),))
    assert names.short(record, "time") == "build"
    assert names.plain(record, "time") == "wall time of one run"


def test_a_kind_of_another_version_keeps_the_texts_of_its_run() -> None:
    record = BenchmarkRecord("future.thing", "future.thing", {"depth": 2}, (P99,), "things, `depth` at a time (1)")
    assert names.plain(record, "latency_p99") == "things, 2 at a time: an older text"
    assert names.short(record, "latency_p99") == "thing"
    assert names.unnamed_settings(record) == {}
    assert names.measured(Metric("odd_metric", "s", "lower")) == "odd metric"


def test_settings_that_are_the_default_are_left_out() -> None:
    record = EnvironmentRecord("k", "qemu", {"accel": "kvm", "cpu": "max", "scratch": 2**30, "options": [], "on": None})
    assert names.unusual_settings(record) == {"accel": "kvm"}
    assert names.pairs(names.unusual_settings(record)) == [("accel", "kvm")]
    unknown = EnvironmentRecord("k", "future", {"accel": "kvm", "cpu": "max", "on": None})
    assert names.unusual_settings(unknown) == {"accel": "kvm", "cpu": "max"}


def test_what_is_not_the_default_is_told_beside_a_plain_name_that_does_not_say_it() -> None:
    record = entry("disk.randread16", "disk.randread", depth=16, size=2**26, engine=None)
    assert names.pairs(names.unnamed_settings(record)) == [("size", "64 MiB")]
