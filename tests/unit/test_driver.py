"""The compiled kernels and their driver, run for real on this machine."""

import ctypes
import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.guest_folder import guest_folder
from vbench import proc
from vbench.benchmarks.lines import Lines

MIB = 2**20
PLAIN = ("hash", "matrix", "sha256", "getpid", "pipe", "fork")
MEMORY = {"size_b": MIB, "huge_pages": "never"}


@pytest.fixture(scope="module")
def kernels() -> ctypes.CDLL:
    return ctypes.CDLL(str(guest_folder() / "kernels.so"))


def timed(kernels: ctypes.CDLL, name: str, loops: int) -> float:
    seconds = ctypes.c_double(-1)
    assert kernels[f"vb_{name}"](ctypes.c_uint64(loops), ctypes.byref(seconds)) == 0
    return seconds.value


def ask(*requests: dict[str, Any], padding_b: int = 0) -> list[dict[str, Any]]:
    """The driver's answers, one process for all requests."""
    whole = [{"loops": None, "trial_s": 0.01, "warmup_s": 0.001, "params": {}} | request for request in requests]
    stdin = "".join(json.dumps(request) + "\n" for request in whole).encode()
    argv = [sys.executable, "-I", "-S", "-B", str(guest_folder() / "driver.py")]
    done = proc.run(argv, timeout_s=60, stdin=stdin, env={"VBENCH_PADDING": "x" * padding_b}).check()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def echo() -> Iterator[int]:
    """Port of an echo server on loopback that listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with proc.spawn([str(guest_folder() / "echo"), "serve", "127.0.0.1", str(port)]) as server:
        assert Lines(server).next(timeout_s=10) == b"ready"
        yield port
        server.stdin.close()
        assert server.wait(timeout_s=10) == 0  # the end of its stdin ends it


# --- what the kernels compute -----------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_sha256_is_the_standards(kernels: ctypes.CDLL, data: bytes) -> None:
    out = ctypes.create_string_buffer(32)
    kernels.vb_sha256_digest(data, ctypes.c_uint64(len(data)), out)
    assert out.raw == hashlib.sha256(data).digest()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=40), st.integers(0, 2**64 - 1))
def test_the_hash_reads_every_word_of_whole_groups(kernels: ctypes.CDLL, words: list[int], seed: int) -> None:
    kernels.vb_hash_digest.restype = ctypes.c_uint64

    def digest(values: list[int]) -> int:
        array = (ctypes.c_uint64 * len(values))(*values)
        result: int = kernels.vb_hash_digest(array, ctypes.c_uint64(len(values)), ctypes.c_uint64(seed))
        return result

    for index in range(len(words) // 4 * 4):
        other = [word ^ (at == index) for at, word in enumerate(words)]
        assert digest(other) != digest(words)


def test_the_product_of_the_matrices_is_right(kernels: ctypes.CDLL) -> None:
    kernels.vb_matrix_at.restype = ctypes.c_double
    timed(kernels, "matrix", 1)
    for row, column in [(0, 0), (5, 60), (63, 63)]:
        expected = sum((row + 2 * k) * (k - column) for k in range(64))
        assert kernels.vb_matrix_at(row, column) == expected


def test_the_triad_writes_every_element(kernels: ctypes.CDLL) -> None:
    kernels.vb_triad_wrong.restype = ctypes.c_uint64
    assert kernels.vb_triad_init(ctypes.c_uint64(MIB), 0) == 0
    assert kernels.vb_triad_wrong() == MIB // 8
    timed(kernels, "triad", 1)
    assert kernels.vb_triad_wrong() == 0
    kernels.vb_triad_free()


@pytest.mark.parametrize("size_b", [128, 4096, MIB, 3 * MIB])
def test_the_chase_meets_every_line_exactly_once(kernels: ctypes.CDLL, size_b: int) -> None:
    kernels.vb_chase_lines.restype = kernels.vb_chase_cycle.restype = ctypes.c_uint64
    assert kernels.vb_chase_init(ctypes.c_uint64(size_b), 0, ctypes.c_uint64(1)) == 0
    assert kernels.vb_chase_lines() == kernels.vb_chase_cycle() == size_b // 64
    kernels.vb_chase_free()


@pytest.mark.parametrize("name", ["triad", "chase", "rr"])
def test_a_kernel_that_was_not_set_up_is_an_error_and_no_number(kernels: ctypes.CDLL, name: str) -> None:
    seconds = ctypes.c_double(-1)
    assert kernels[f"vb_{name}"](ctypes.c_uint64(1), ctypes.byref(seconds)) != 0
    assert seconds.value == -1


def test_the_program_that_does_nothing_ends_with_status_0() -> None:
    assert proc.run([str(guest_folder() / "echo"), "exit"], timeout_s=10).status == 0


# --- the driver -------------------------------------------------------------------------------------------------


def test_every_kernel_gives_ten_positive_values_after_five_warm_ups(echo: int) -> None:
    memory = [{"kernel": name, "params": MEMORY} for name in ("triad", "chase")]
    rr = {"kernel": "rr", "params": {"address": "127.0.0.1", "port": echo}}
    replies = ask(*({"kernel": name} for name in PLAIN), *memory, rr)
    assert len(replies) == len(PLAIN) + 3
    for reply in replies:
        assert "error" not in reply
        assert len(reply["values"]) == 10
        assert len(reply["warmups"]) >= 5
        assert all(0 < value < 10 for value in reply["values"])
        assert reply["clock"] == "CLOCK_MONOTONIC_RAW"
        assert reply["spent_s"] >= sum(reply["values"]) * reply["loops"] * 0.999


def test_loops_that_are_given_are_kept() -> None:
    (reply,) = ask({"kernel": "hash", "loops": 7})
    assert reply["loops"] == 7
    assert {loops for loops, _ in reply["warmups"]} == {7}


def test_loops_are_calibrated_to_a_tenth_of_the_trial() -> None:
    (reply,) = ask({"kernel": "getpid", "trial_s": 0.1})
    assert reply["loops"] > 1000


def test_warm_up_lasts_as_long_as_was_asked() -> None:
    (reply,) = ask({"kernel": "getpid", "loops": 1000, "warmup_s": 0.05})
    assert len(reply["warmups"]) > 5


def test_the_workload_sees_the_padding() -> None:
    assert [reply["padding"] for reply in ask({"kernel": "hash"}, padding_b=1234)] == [1234]


def test_every_round_trip_of_the_values_is_kept_and_none_of_the_warm_up(echo: int) -> None:
    (reply,) = ask({"kernel": "rr", "loops": 20, "params": {"address": "127.0.0.1", "port": echo}})
    taken = reply["extra"]["round_trips_ns"]
    assert len(taken) == 200
    assert taken == sorted(taken)
    assert sum(taken) * 1e-9 == pytest.approx(sum(reply["values"]) * 20, rel=1e-6)


def test_a_kernels_error_is_reported_and_the_driver_goes_on() -> None:
    lost = {"kernel": "fork", "params": {"program": "/nowhere"}}
    closed = {"kernel": "rr", "params": {"address": "127.0.0.1", "port": 1}}
    huge = {"kernel": "triad", "params": {"size_b": 2**47, "huge_pages": "never"}}
    replies = ask(lost, closed, huge, {"kernel": "nonesuch"}, {"kernel": "triad"}, {"kernel": "hash"})
    assert [reply.get("errno") for reply in replies[:3]] == [2, 111, 12]
    assert "No such file" in replies[0]["error"]
    assert "unknown kernel" in replies[3]["error"]
    assert "lacks" in replies[4]["error"]
    assert "error" not in replies[5]


def test_a_line_that_is_no_request_is_an_error_and_the_driver_goes_on() -> None:
    argv = [sys.executable, "-I", "-S", "-B", str(guest_folder() / "driver.py")]
    done = proc.run(argv, timeout_s=60, stdin=b"hello\n[]\n").check()
    assert [list(json.loads(line)) for line in done.stdout.splitlines()] == [["error", "errno"]] * 2


def test_pyperfs_json_is_readable_by_pyperf_and_names_no_host(tmp_path: Path) -> None:
    (reply,) = ask({"kernel": "hash"})
    metadata = json.dumps(reply["pyperf"]["metadata"]) + json.dumps(reply["pyperf"]["benchmarks"])
    assert not any(word in metadata for word in (os.uname().nodename + '"', "hostname", "boot_time", "/root", "/home"))
    import pyperf

    file = tmp_path / "hash.json"
    file.write_text(json.dumps(reply["pyperf"]))
    assert list(pyperf.Benchmark.load(str(file)).get_values()) == pytest.approx(reply["values"])


def test_two_connections_are_echoed_at_the_same_time(echo: int) -> None:
    with (
        socket.create_connection(("127.0.0.1", echo), timeout=5) as one,
        socket.create_connection(("127.0.0.1", echo), timeout=5) as two,
    ):
        for connection, text in ((one, b"a"), (two, b"b"), (one, b"c")):
            connection.sendall(text)
            assert connection.recv(8) == text


def test_an_address_that_cannot_be_bound_is_an_error() -> None:
    done = proc.run([str(guest_folder() / "echo"), "serve", "203.0.113.1", "5202"], timeout_s=10)
    assert done.status == 1
    assert b"assign" in done.stderr


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    build = [sys.executable, str(proc.GUEST / "build.py"), str(proc.GUEST), str(tmp_path), "--cc", "no-such-cc"]
    done = proc.run(build, timeout_s=30)
    assert done.status == 127
    assert b"compiler not found: no-such-cc" in done.stderr


def test_the_guest_folder_is_whole() -> None:
    names = {file.name for file in guest_folder().iterdir()}
    assert {"agent.py", "driver.py", "kernels.so", "echo"} <= names
