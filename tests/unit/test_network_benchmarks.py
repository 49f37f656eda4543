"""Disk, network and HTTP benchmarks with sessions that answer from recorded outputs: what they run, keep and note."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.scripted import Said, Scripted, of_kind, recorded, start_on
from vbench.benchmarks.http import own_address
from vbench.benchmarks.tools import lacking
from vbench.contracts import Completed, Start, Workplace
from vbench.errors import TrialFailed
from vbench.host.proc import LocalSession

DATA = Path(__file__).parent.parent / "data"
ROUTE = b'[{"dst":"198.18.0.1","dev":"eth0","prefsrc":"198.18.0.7","flags":[]}]'


@dataclass
class Serving(Scripted):
    """A scripted session that can also spawn servers."""

    says: bytes = b"Server listening on 5201\nready\nstart worker processes\n"
    complains: bytes = b"address in use"
    spawned: list[tuple[str, ...]] = field(default_factory=list)

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[Said]:
        self.spawned.append(tuple(argv))
        yield Said(tuple(argv), BytesIO(self.says), self.complains, 1)


@contextmanager
def networked(inside: object, peer: object, raw: dict[str, bytes] | None = None) -> Iterator[Start]:
    with start_on(inside, raw, peer=peer) as start:
        start.testbed.peer_address = "198.18.0.1/15"  # type: ignore[misc]
        yield start


def done(tool: str, name: str) -> Completed:
    return Completed((tool,), 0, (DATA / tool / name).read_bytes(), b"")


# --- disk -------------------------------------------------------------------------------------------------------


def laid_out(trial: str) -> Scripted:
    return Scripted({"--name=layout": recorded("fio", "layout"), "--name=trial": recorded("fio", trial)})


@pytest.mark.parametrize(
    ("keys", "words", "notes"),
    [
        ({}, {"--ioengine=psync", "--iodepth=1"}, ()),
        ({"depth": 16}, {"--ioengine=libaio", "--iodepth=16"}, ("ioengine libaio",)),
        ({"depth": 16, "engine": "io_uring"}, {"--ioengine=io_uring", "--iodepth=16"}, ("ioengine io_uring",)),
    ],
)
def test_the_engine_in_force_is_that_of_the_depth_or_the_one_asked_for_and_is_noted(
    keys: dict[str, object], words: set[str], notes: tuple[str, ...]
) -> None:
    session = laid_out("3.33-randread16" if "depth" in keys else "3.33-randread")
    with start_on(session) as start:
        measured = of_kind("disk.randread", size="16 MiB", **keys).measure(start)
    trial = next(argv for argv in session.ran if "--name=trial" in argv)
    assert words <= set(trial)
    assert tuple(note for note in measured.notes if note.startswith("ioengine")) == notes


def test_a_queue_without_a_depth_is_refused_for_an_engine_that_waits() -> None:
    with pytest.raises(msgspec.ValidationError, match="psync waits for each request"):
        of_kind("disk.randwrite", depth=2, engine="psync")


@pytest.mark.parametrize("depth", [0, -1, 1025, "16"])
def test_a_depth_that_cannot_be_is_refused(depth: object) -> None:
    with pytest.raises(msgspec.ValidationError, match="depth"):
        of_kind("disk.randread", depth=depth)


@pytest.mark.parametrize(
    ("kind", "recording", "rate"),
    [
        ("disk.randread", "3.33-randread", "iops"),
        ("disk.randwrite", "3.33-randwrite16", "iops"),
        ("disk.fsync", "3.33-fsync", "rate"),
    ],
)
def test_a_disk_trial_keeps_its_latencies_as_a_histogram(kind: str, recording: str, rate: str) -> None:
    with start_on(laid_out(recording)) as start:
        measured = of_kind(kind, size="16 MiB").measure(start)
    assert list(measured.samples)[:2] == [rate, "latency"]
    ordered = sorted(ns for ns, number in measured.counts["latency"].items() for _ in range(number))
    assert measured.samples["latency"] == (pytest.approx(ordered[(len(ordered) - 1) // 2] * 1e-9),)


@pytest.mark.parametrize(("recording", "operations"), [("3.33-jobs", True), ("3.33-randread", False)])
def test_a_disk_trial_that_says_when_it_begins_and_ends_counts_its_operations(recording: str, operations: bool) -> None:
    with start_on(laid_out(recording)) as start:
        told: list[str] = []
        start.clock = iter([100.0, 100.051]).__next__
        start.begin, start.end = lambda: told.append("begun"), lambda: told.append("ended")
        measured = of_kind("disk.randread", size="16 MiB").measure(start)
    assert (measured.operations == sum(measured.counts["latency"].values())) is operations
    assert told == ["begun", "ended"] * operations


def test_all_disk_benchmarks_of_a_size_share_one_file() -> None:
    session = laid_out("3.33-fsync")
    with start_on(session) as start:
        for kind in ("disk.seqwrite", "disk.fsync", "disk.randwrite"):
            of_kind(kind, size="16 MiB").prepare(start)
    assert sum("--name=layout" in argv for argv in session.ran) == 1


# --- network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reverse", "words"), [(False, ["--congestion", "reno"]), (True, ["--reverse"])])
def test_a_stream_flows_the_way_that_is_asked_for(reverse: bool, words: list[str]) -> None:
    name = "3.12-reverse" if reverse else "3.12-stream"
    inside, peer, raw = Scripted({"--client": recorded("iperf3", name)}), Serving({}), {}
    with networked(inside, peer, raw) as start:
        measured = of_kind("network.stream", reverse=reverse).measure(start)
    assert set(words) <= set(inside.ran[0])
    assert ("--reverse" in inside.ran[0]) == reverse
    assert {"iperf3", "--server"} <= set(peer.spawned[0])
    assert list(measured.samples) == ["bandwidth"]
    assert list(raw) == ["iperf3.json"]


@pytest.mark.parametrize(
    ("kind", "name", "key"), [("stream", "3.12-stream", "bytes"), ("udp", "3.12-udp-omit", "packets")]
)
def test_a_trial_whose_server_says_when_it_begins_and_ends_counts_its_operations(
    kind: str, name: str, key: str
) -> None:
    client = recorded("iperf3", name)
    peer = Serving({}, says=(DATA / f"iperf3/{name}.server.txt").read_bytes())
    with networked(Scripted({"--client": client}), peer) as start:
        told: list[str] = []
        start.begin, start.end = lambda: told.append("begun"), lambda: told.append("ended")
        start.clock = iter([100.0, 101.0]).__next__
        start.warmup_s = 1.0 if name.endswith("omit") else 0.1
        measured = of_kind(f"network.{kind}").measure(start)
    counted = json.loads(client.stdout)["end"]["sum_sent" if kind == "udp" else "sum_received"][key]
    assert measured.operations == counted
    assert told == ["begun", "ended"]


def test_a_server_that_says_nothing_of_them_leaves_its_operations_unknown() -> None:
    with networked(Scripted({"--client": recorded("iperf3", "3.12-stream")}), Serving({})) as start:
        assert of_kind("network.stream").measure(start).operations is None


def test_a_busy_peer_is_noted_when_it_sends_too() -> None:
    inside = Scripted({"--client": recorded("iperf3", "3.9-reverse")})
    document = json.loads(inside.answers["--client"].stdout)
    document["end"]["cpu_utilization_percent"]["remote_total"] = 97.0
    inside.answers["--client"] = Completed(("iperf3",), 0, json.dumps(document).encode(), b"")
    with networked(inside, Serving({})) as start:
        measured = of_kind("network.stream", reverse=True).measure(start)
    assert measured.notes == ("peer-limited: the peer used 97 % of its processor",)


def test_datagrams_give_rates_loss_and_jitter() -> None:
    with networked(Scripted({"--client": recorded("iperf3", "3.22-udp")}), Serving({})) as start:
        measured = of_kind("network.udp").measure(start)
    assert list(measured.samples) == ["received", "sent", "loss", "jitter"]


def test_no_loss_is_a_sample_and_no_jitter_is_none() -> None:
    document = json.loads((DATA / "iperf3/3.12-udp.json").read_text())
    there = document["end"]["sum_received"]
    there |= {"lost_packets": 0, "jitter_ms": 0, "bytes": there["packets"] * 1400}
    inside = Scripted({"--client": Completed(("iperf3",), 0, json.dumps(document).encode(), b"")})
    with networked(inside, Serving({})) as start:
        measured = of_kind("network.udp").measure(start)
    assert measured.samples["loss"] == (0.0,)
    assert "jitter" not in measured.samples
    assert "no jitter: iperf3 saw none" in measured.notes


@pytest.mark.parametrize("length", [0, 15, 65508])
def test_a_datagram_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(msgspec.ValidationError, match="length"):
        of_kind("network.udp", length=length)


def test_a_server_that_ends_before_it_listens_fails_the_trial_with_its_words() -> None:
    said = "iperf3 on the peer ended before it listened: address in use"
    with networked(Scripted({}), Serving({}, says=b"")) as start, pytest.raises(TrialFailed, match=said):
        of_kind("network.udp").measure(start)


# --- http -------------------------------------------------------------------------------------------------------


def requested(**answers: Any) -> tuple[Serving, Serving]:
    """An environment that knows its route, and a peer whose wrk answers."""
    inside = Serving({"route": Completed(("ip",), 0, ROUTE, b"")})
    return inside, Serving({"wrk": done("wrk", "4.1.0-4-requests.txt"), **answers})


def test_requests_go_to_the_address_that_the_environment_has_on_the_network() -> None:
    inside, peer = requested()
    raw: dict[str, bytes] = {}
    with networked(inside, peer, raw) as start:
        measured = of_kind("http.requests").measure(start)
    warmup, trial = (argv for argv in peer.ran if "wrk" in argv)
    assert trial[-1] == warmup[-1] == "http://198.18.0.7:8080/1024"
    assert "nginx" in inside.spawned[0]
    assert list(measured.samples) == ["rate", "latency", "latency_p99"]
    assert measured.operations == sum(measured.counts["latency"].values())
    assert list(raw) == ["wrk.json"]


def test_one_server_serves_a_whole_start() -> None:
    inside, peer = requested()
    with networked(inside, peer) as start:
        for size in (1, 1024, 1024):
            of_kind("http.requests", size=size).measure(start)
    assert len(inside.spawned) == 1
    assert [argv[-1] for argv in inside.ran if argv[0] == "tee"] == [
        "/scratch/http/nginx.conf",
        "/scratch/http/root/1",
        "/scratch/http/root/1024",
    ]
    assert inside.ran[-1] == ("rm", "-rf", "/scratch/http")


def test_a_server_that_cannot_start_fails_the_trial_with_its_words_and_leaves_nothing() -> None:
    inside, peer = requested()
    inside.says, inside.complains = b"nginx: [emerg] bind() failed\n", b""
    with networked(inside, peer) as start, pytest.raises(TrialFailed, match=r"nginx inside ended .* bind\(\) failed"):
        of_kind("http.requests").prepare(start)
    assert inside.ran[-1] == ("rm", "-rf", "/scratch/http")


@pytest.mark.parametrize("said", [b"", b"[]", b"[{}]", b"{", b"RTNETLINK answers: Network is unreachable"])
def test_an_environment_without_a_route_to_the_peer_says_so(said: bytes) -> None:
    for status, hint in ((2, ""), (127, "iproute2")):
        with pytest.raises(TrialFailed, match=r"no route to the peer at 198\.18\.0\.1") as caught:
            own_address(Scripted({"route": Completed(("ip",), status, said, b"")}), "198.18.0.1")  # type: ignore[arg-type]
        assert hint in caught.value.hint and bool(hint) == bool(caught.value.hint)


def test_a_peer_without_wrk_is_named() -> None:
    inside, peer = Scripted({}), Scripted({"wrk": Completed(("sh",), 0, b"wrk\n", b"")})
    with networked(inside, peer) as start:
        assert [one.what for one in of_kind("http.requests").missing(start.session, start.testbed)] == ["wrk"]


# --- tools ------------------------------------------------------------------------------------------------------


def test_the_tools_that_are_not_found_are_named_with_their_packages() -> None:
    found = lacking(LocalSession(), {"sh": "dash", "nonesuch-tool": "some-package"})
    assert [(one.what, one.hint.partition(",")[0]) for one in found] == [
        ("nonesuch-tool", "apt-get install some-package")
    ]


@pytest.mark.parametrize(
    ("image", "hint"), [("host", "apt-get install fio"), ("", "apt-get install fio"), ("4be1", "`vbench image build`")]
)
def test_what_the_image_lacks_is_not_to_be_installed_in_it(image: str, hint: str) -> None:
    session = Scripted({"sh": Completed(("sh",), 0, b"fio\n", b"")}, workplace=Workplace(image=image))
    (missing,) = lacking(session, {"fio": "fio"})  # type: ignore[arg-type]
    assert hint in missing.hint
    assert ("apt-get" in missing.hint) == (image in ("", "host"))


def test_a_session_without_a_shell_has_no_tools() -> None:
    bare = Scripted({"sh": Completed(("sh",), 127, b"", b"")})
    assert [one.what for one in lacking(bare, {"fio": "fio", "wrk": "wrk"})] == ["fio", "wrk"]  # type: ignore[arg-type]
