"""The table of benchmarks, and what each does with a session that answers, lies or goes away."""

import sys
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from tests.support.linting import refuse
from tests.unit.guest_folder import guest_folder
from tests.unit.scripted import DATA, Scripted, line, of_kind, recorded, start_on
from vbench.benchmarks import KINDS
from vbench.benchmarks.kernel_driver import KernelDriver, drift_notes, parse, refuse_fast_clock
from vbench.benchmarks.lines import Lines, Moments, listen
from vbench.contracts import Completed, Workplace
from vbench.errors import CommandFailed, CommandTimeout, SessionLost, TrialFailed
from vbench.host.proc import LocalProcess, LocalSession, spawn
from vbench.model import FAMILIES
from vbench.text import program
from vbench.units import Bytes

# --- the table --------------------------------------------------------------------------------------------------


def test_a_kind_is_its_family_and_a_name() -> None:
    refuse(
        kind
        for kind, benchmark in KINDS.items()
        if benchmark.kind != kind
        or kind.partition(".")[0] not in FAMILIES
        or not (benchmark.about and benchmark.metrics and all(metric.about for metric in benchmark.metrics))
        or not 0 < len(benchmark.short) <= 24
    )


def test_no_two_kinds_have_the_same_short_name() -> None:
    assert len({benchmark.short for benchmark in KINDS.values()}) == len(KINDS)


def test_metrics_have_base_units_and_names_of_their_own() -> None:
    metrics = {kind: benchmark.metrics for kind, benchmark in KINDS.items()}
    units = {"s", "B", "B/s", "1/s", "1"}
    refuse(f"{kind}: {one.name} in {one.unit}" for kind, own in metrics.items() for one in own if one.unit not in units)
    refuse(f"{kind}: a name twice" for kind, own in metrics.items() if len({one.name for one in own}) != len(own))


def test_every_family_has_a_benchmark() -> None:
    assert {kind.partition(".")[0] for kind in KINDS} <= set(FAMILIES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_benchmark_has_an_estimate_and_refuses_an_unknown_key(kind: str) -> None:
    assert of_kind(kind).expected_s(1.0, 1.0) >= (0 if kind.startswith("start.") else 1.0)
    with pytest.raises(msgspec.ValidationError, match="unknown field `nonesuch`"):
        of_kind(kind, nonesuch=1)


@pytest.mark.parametrize("kind", ["memory.triad", "memory.chase", "disk.randread", "disk.seqwrite"])
@pytest.mark.parametrize("size", [0, "3 kB", 2**20 + 1])
def test_a_size_that_cannot_be_is_refused_with_its_reason(kind: str, size: object) -> None:
    with pytest.raises(msgspec.ValidationError, match="size: expected whole"):
        of_kind(kind, size=size)


@pytest.mark.parametrize("size", ["4 KiB", "16 KiB", "256 KiB", "8 MiB"])
def test_a_chase_may_fit_any_cache_but_not_less_than_a_page(size: str) -> None:
    assert of_kind("memory.chase", size=size).metrics
    with pytest.raises(msgspec.ValidationError, match="whole pages of 4 KiB and at least 4 KiB, got 2048 B"):
        of_kind("memory.chase", size="2 KiB")


@pytest.mark.parametrize("kind", ["memory.copy", "memory.scale", "memory.add", "memory.triad"])
def test_an_array_of_stream_is_at_least_a_mebibyte(kind: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="at least 1 MiB, got 4096 B"):
        of_kind(kind, size="4 KiB")


def test_sizes_are_read_with_their_unit() -> None:
    sized = cast(msgspec.Struct, of_kind("disk.randread", size="64 MiB"))
    assert msgspec.structs.asdict(sized)["size"] == Bytes(64 * 2**20)


# --- the driver's answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [0.0], [-1.0], [float("nan")], [float("inf")]])
def test_values_that_cannot_be_are_refused(values: list[float]) -> None:
    with pytest.raises(TrialFailed, match="cannot be"):
        parse(line(values=values))


@pytest.mark.parametrize("said", [b"", b"Traceback", b"[]", b"{}", b'{"values": "many"}'])
def test_an_answer_that_cannot_be_read_is_a_failed_trial(said: bytes) -> None:
    with pytest.raises(TrialFailed, match="cannot be read"):
        parse(said)


def test_a_kernels_error_is_the_trials_reason() -> None:
    with pytest.raises(TrialFailed, match=r"rr: Connection refused"):
        parse(b'{"error": "rr: Connection refused", "errno": 111}')


def test_an_environments_clock_that_runs_fast_fails_the_trial() -> None:
    refuse_fast_clock(15.0, 15.0, "clock C")
    with pytest.raises(TrialFailed, match=r"clock C counted 15.0000 s while 10.0000 s passed"):
        refuse_fast_clock(15.0, 10.0, "clock C")


def test_a_trial_without_a_steady_state_is_labelled() -> None:
    assert drift_notes([1.0, 1.01, 1.02, 1.0, 1.0, 1.0, 1.0, 1.1, 1.12, 1.11]) == (
        "no steady state: the last third differs from the first by +10%",
    )
    assert drift_notes([1.0, 1.3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.1]) == ()  # the thirds overlap
    assert drift_notes([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.01, 1.01, 1.01]) == ()  # less than 5 %
    assert drift_notes([1.0, 2.0]) == ()


# --- a real driver process that misbehaves ----------------------------------------------------------------------


def driver(program: str) -> KernelDriver:
    return KernelDriver(LocalSession(), ["/bin/sh", "-c", program])


def test_a_driver_that_dies_is_a_failed_trial_and_the_next_request_gets_a_new_one(tmp_path: Path) -> None:
    flag = tmp_path / "second"
    answer = line(spent_s=0.0).decode()
    dies = driver(f"read x; if test -e {flag}; then echo '{answer}'; else touch {flag}; echo gone >&2; kill -9 $$; fi")
    with pytest.raises(TrialFailed, match="the driver was killed by signal 9: gone"):
        dies.request({"kernel": "hash"}, timeout_s=10)
    assert dies.request({"kernel": "hash"}, timeout_s=10).loops == 1
    dies.close()


def test_a_driver_that_never_answers_is_killed() -> None:
    silent = driver("sleep 1000")
    with pytest.raises(CommandTimeout, match=r"hash did not end within 0.05 s"):
        silent.request({"kernel": "hash"}, timeout_s=0.05)


def test_a_driver_that_cannot_be_started_is_a_failed_trial() -> None:
    lost = KernelDriver(LocalSession(), ["/no/such/driver"])
    with pytest.raises(TrialFailed, match="could not be started"):
        lost.request({"kernel": "hash"}, timeout_s=10)


def test_a_lost_session_is_told_to_whoever_waits_for_a_line() -> None:
    class Gone:
        def read(self, size: int) -> bytes:
            raise SessionLost("the guest panicked")

    lines = Lines(cast(LocalProcess, SimpleNamespace(argv=("driver",), stdout=Gone())))
    for _ in range(2):
        with pytest.raises(SessionLost, match="panicked"):
            lines.next(timeout_s=10)


def test_lines_come_whole_and_the_end_stays_the_end() -> None:
    with spawn(["printf", "one\\ntwo\\ntorn"]) as process:
        lines = Lines(process)
        assert [lines.next(timeout_s=10) for _ in range(4)] == [b"one", b"two", None, None]


def test_lines_are_heard_as_they_come_and_the_output_is_whole() -> None:
    heard: list[bytes] = []
    done = listen(
        LocalSession(), ["sh", "-c", "echo begun; echo two >&2; echo three; exit 3"], heard.append, timeout_s=30
    )
    assert heard == [b"begun", b"three"]
    assert (done.status, done.stdout, done.stderr) == (3, b"begun\nthree\n", b"two\n")


def test_a_command_that_is_listened_to_is_killed_at_its_limit() -> None:
    with pytest.raises(CommandTimeout, match=r"sleep did not end within 0\.2 s and was killed"):
        listen(LocalSession(), ["sleep", "1000"], lambda line: None, timeout_s=0.2)


def test_what_nobody_reads_holds_no_listener_up() -> None:
    with pytest.raises(CommandTimeout, match="did not end within"):
        listen(LocalSession(), ["sleep", "1000"], lambda line: None, timeout_s=0.2, stdin=b"x" * 2**20)


def test_a_command_that_is_not_there_has_the_status_of_one() -> None:
    done = listen(LocalSession(), ["/no/such"], lambda line: None, timeout_s=30)
    assert done.status == 127
    with pytest.raises(CommandFailed, match="was not found"):
        done.check()


def test_moments_are_told_once_and_leave_no_trace_in_the_output() -> None:
    told: list[str] = []
    moments = Moments(lambda: told.append("begun"), lambda: told.append("ended"))
    script = "echo before; echo vbench: begun; echo vbench: begun; echo vbench: ended; echo vbench: ended; echo after"
    done = listen(LocalSession(), ["sh", "-c", script], moments.hear, timeout_s=30)
    assert told == ["begun", "ended"]
    assert done.stdout == b"before\nafter\n"


@pytest.mark.parametrize(
    ("between_s", "own_s", "fits"),
    [(1.0, 1.0, True), (0.95, 1.0, True), (0.8, 1.0, False), (1.14, 1.0, True), (1.2, 1.0, False), (1.0, None, False)],
)
def test_moments_fit_the_time_that_the_tool_counted_or_are_not_believed(
    between_s: float, own_s: float | None, fits: bool
) -> None:
    times = iter([10.0, 10.0 + between_s])
    moments = Moments(lambda: None, lambda: None, clock=lambda: next(times))
    assert moments.between(7, own_s) is None
    moments.hear(b"vbench: begun")
    moments.hear(b"vbench: ended")
    assert moments.between(7, own_s) == (7 if fits else None)
    assert moments.between(None, own_s) is None


def test_an_end_without_a_begin_is_none() -> None:
    told: list[str] = []
    moments = Moments(lambda: told.append("begun"), lambda: told.append("ended"))
    moments.hear(b"vbench: ended")
    assert told == []
    assert moments.between(7, 0.0) is None


def test_a_listener_that_breaks_leaves_nobody_waiting() -> None:
    def breaks(line: bytes) -> None:
        raise SessionLost("it broke")

    with pytest.raises(SessionLost, match="it broke"):
        listen(LocalSession(), ["echo", "begun"], breaks, timeout_s=30)


# --- benchmarks over a session ----------------------------------------------------------------------------------


def test_a_kernel_benchmark_gives_samples_loops_clock_and_padding(tmp_path: Path) -> None:
    raw: dict[str, bytes] = {}
    here = LocalSession(Workplace(sys.executable, PurePosixPath(guest_folder())))
    with start_on(here, raw) as start:
        measured = of_kind("cpu.sha256").measure(start)
        again = of_kind("cpu.hash").measure(start)
    assert all(1e5 < value < 1e11 for value in measured.samples["bandwidth"])
    assert (len(measured.samples["bandwidth"]), measured.padding_seen_b) == (10, 10)
    assert measured.clock == again.clock == "CLOCK_MONOTONIC_RAW"
    assert list(raw) == ["pyperf.json"]


def test_memory_smaller_than_the_claimed_cache_is_noted() -> None:
    chase = of_kind("memory.chase", size="64 MiB")
    reply = parse(line(extra={"last_level_cache_b": 480 * 2**20}))
    assert chase.measured(reply).notes == (  # type: ignore[attr-defined]
        "a set of 64 MiB is small for the last-level cache of 480 MiB claimed here",
    )
    small = parse(line(extra={"last_level_cache_b": 2**20}))
    unknown = parse(line(extra={"last_level_cache_b": None}))
    assert chase.measured(small).notes == chase.measured(unknown).notes == ()  # type: ignore[attr-defined]


def test_a_set_that_is_meant_for_a_cache_is_not_noted_for_fitting_it() -> None:
    reply = parse(line(extra={"last_level_cache_b": 480 * 2**20}))
    assert of_kind("memory.chase", size="16 KiB").measured(reply).notes == ()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "bytes_per_element"), [("memory.copy", 16), ("memory.scale", 16), ("memory.add", 24), ("memory.triad", 24)]
)
def test_bandwidth_counts_bytes_as_stream_does(kind: str, bytes_per_element: int) -> None:
    measured = of_kind(kind, size="8 MiB").measured(parse(line(values=[2.0] * 10)))  # type: ignore[attr-defined]
    assert measured.samples == {"bandwidth": (2**20 * bytes_per_element / 2,) * 10}


@pytest.mark.parametrize(("source", "noted"), [("hpet", True), ("acpi_pm", True), ("tsc", False), (None, False)])
def test_a_clock_that_the_vdso_cannot_read_is_noted(source: str | None, noted: bool) -> None:
    notes = of_kind("syscall.vdso").measured(parse(line(extra={"clock_source": source}))).notes  # type: ignore[attr-defined]
    assert notes == ((f"the clock source {source} has no reader in the vDSO: each reading entered the kernel",) * noted)


def test_a_processor_without_aes_instructions_lacks_them_and_nothing_replaces_them() -> None:
    without = Scripted({"grep": Completed(("grep",), 1, b"", b"")})
    with start_on(without) as start:
        lacking = of_kind("cpu.aes").missing(start.session, start.testbed)
    assert "the processor's AES instructions" in [one.what for one in lacking]
    with pytest.raises(TrialFailed, match="this processor lacks the instructions"):
        parse(b'{"error": "aes: set-up failed: this processor lacks the instructions", "errno": null}')


def test_a_random_read_lays_its_file_out_once_a_start_and_removes_it() -> None:
    session = Scripted({"--name=layout": recorded("fio", "layout"), "--name=trial": recorded("fio", "randread")})
    raw: dict[str, bytes] = {}
    with start_on(session, raw) as start:
        benchmark = of_kind("disk.randread", size="16 MiB")
        benchmark.prepare(start)
        measured = benchmark.measure(start)
        benchmark.measure(start)
    assert list(measured.samples) == ["iops", "latency", "latency_p99"]
    assert [program(argv) for argv in session.ran] == ["fio", "fio", "fio", "rm"]
    assert list(raw) == ["fio.json"]


@pytest.mark.parametrize(("keys", "words"), [({}, "--bs=4096"), ({"block": "64 KiB"}, "--bs=65536")])
def test_a_request_is_as_large_as_the_suite_says(keys: dict[str, str], words: str) -> None:
    session = Scripted({"--name=layout": recorded("fio", "layout"), "--name=trial": recorded("fio", "randread")})
    with start_on(session) as start:
        of_kind("disk.randread", size="16 MiB", **keys).measure(start)
    trial = next(argv for argv in session.ran if "--name=trial" in argv)
    assert words in trial


@pytest.mark.parametrize("block", ["1 KiB", "6 KiB", "2 MiB"])
def test_a_request_of_an_odd_size_is_refused(block: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="block: expected a multiple of 4 KiB, at most 1 MiB"):
        of_kind("disk.randread", block=block)


def test_a_file_that_cannot_be_laid_out_fails_the_trial() -> None:
    full = Completed(("fio",), 1, (DATA / "fio/no-space.json").read_bytes(), b"No space left on device")
    with start_on(Scripted({"--name=layout": full})) as start, pytest.raises(TrialFailed, match="error 28"):
        of_kind("disk.seqwrite").prepare(start)


def test_what_a_session_lacks_is_named_with_a_way_to_get_it() -> None:
    bare = Scripted({word: Completed((word,), 127, b"", b"") for word in ("fio", "iperf3", "stat")})
    with start_on(bare) as start:
        lost = {kind: of_kind(kind).missing(start.session, start.testbed) for kind in KINDS}
    assert lost.pop("start.ready") == lost.pop("command") == ()  # whose word is only known to be lacking when it runs
    assert all(missing and all(one.what for one in missing) for missing in lost.values())
    assert [one.what for one in lost["disk.randread"]] == ["fio"]
    assert [one.what for one in lost["network.stream"]] == ["iperf3", "a network to the peer"]
    assert "/opt/vbench/kernels.so" in [one.what for one in lost["cpu.hash"]]


@pytest.mark.parametrize("kind", ["network.stream", "network.rr"])
def test_without_a_network_a_trial_fails_with_the_reason(kind: str) -> None:
    with start_on(Scripted({}), peer=None) as start, pytest.raises(TrialFailed, match="no network: no root"):
        of_kind(kind).measure(start)


@pytest.mark.parametrize("verb", ["prepare", "measure"])
def test_a_start_cannot_be_measured_from_inside(verb: str) -> None:
    with start_on(Scripted({})) as start, pytest.raises(TrialFailed, match="starts themselves"):
        getattr(of_kind("start.ready"), verb)(start)
