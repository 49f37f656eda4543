"""The driver of the kernels, run for real on this machine: every kernel of its table, one process for all."""

import errno
import json
import os
import re
import shutil
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.driving import ask
from tests.unit.guest_folder import guest_folder
from vbench.benchmarks import KINDS
from vbench.benchmarks.kernel_driver import KernelBenchmark
from vbench.host import proc

MIB = 2**20
MEMORY = {"size_b": MIB, "huge_pages": "never"}
IN_MEMORY = ("copy", "scale", "add", "triad", "chase")
COMPILED_OR_INTERPRETED = [kind for kind in KINDS.values() if issubclass(kind, KernelBenchmark)]
# network.connect is proved where its server is.
NAMES = sorted({kind().kernel for kind in COMPILED_OR_INTERPRETED} - {"connect"})


def test_the_program_that_does_nothing_ends_with_status_0() -> None:
    assert proc.run([str(guest_folder() / "echo"), "exit"], timeout_s=10).status == 0


# --- the driver -------------------------------------------------------------------------------------------------


def test_every_kernel_gives_ten_positive_values_after_five_warm_ups(echo: int) -> None:
    to_a_peer = {"address": "127.0.0.1", "port": echo}
    params: dict[str, dict[str, Any]] = {"rr": to_a_peer, **dict.fromkeys(IN_MEMORY, MEMORY)}
    replies = ask(*({"kernel": name, "params": params.get(name, {})} for name in NAMES))
    assert len(replies) == len(NAMES)
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


def test_a_connection_that_failed_is_not_used_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)

        def answer() -> None:
            listening.accept()[0].close()
            again, _ = listening.accept()
            with again:
                while byte := again.recv(1):
                    again.sendall(byte)

        server = threading.Thread(target=answer)
        server.start()
        request = {"kernel": "rr", "loops": 2, "params": {"address": "127.0.0.1", "port": listening.getsockname()[1]}}
        failed, worked = ask(request, request)
        server.join()
    assert failed["errno"] in (errno.EPIPE, errno.ECONNRESET)
    assert "error" not in worked


def test_the_kernels_of_stream_share_their_arrays_in_any_order_and_others_get_memory_of_their_own() -> None:
    order = ("triad", "copy", "chase", "add", "hash", "scale", "copy", "triad")
    assert all("error" not in reply for reply in ask(*({"kernel": name, "params": MEMORY} for name in order)))


@pytest.mark.parametrize("name", ["json", "regex", "nbody"])
def test_a_python_workload_whose_result_is_wrong_gives_no_number(name: str, tmp_path: Path) -> None:
    for file in guest_folder().iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    source = (tmp_path / "interpreted.py").read_text()
    spoiled = re.sub(
        r"(CHECKSUM|ENERGY) = |(MATCHES) = \(", lambda m: m[0].replace("= ", "= 1 + ").replace("1 + (", "(1, "), source
    )
    assert spoiled != source
    (tmp_path / "interpreted.py").write_text(spoiled)
    (reply,) = ask({"kernel": name, "loops": 1}, folder=tmp_path)
    assert reply == {"error": f"{name}: its result is wrong", "errno": None}


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
