"""What tools and agents may answer: every benchmark against a session whose tools print a mutated output."""

import base64
import io
import json
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import msgspec

from tests.proof import mutating
from tests.proof.fuzzing import Target
from vbench import contracts, facts, units
from vbench.benchmarks import KINDS
from vbench.benchmarks.lines import listen
from vbench.contracts import Completed, Session, Start, StartTiming, Workplace
from vbench.environments.channel import AgentSession, Channel
from vbench.host import processors
from vbench.model import Measured, Trial
from vbench.store import journal

DATA = Path(__file__).parent.parent / "data"
REPLY = {"values": [1e-6] * 10, "warmups": [[1, 1.0]], "loops": 100, "clock": "C", "padding": 0, "spent_s": 0.0}
REPLY |= {"operations": 1500, "extra": {"round_trips_ns": [20_000 + n for n in range(400)]}, "pyperf": {"version": "1"}}
REPLY |= {"extra": {**REPLY["extra"], "last_level_cache_b": 2**25, "clock_source": "tsc"}}  # type: ignore[dict-item]
RUNS: dict[str, Any] = {"walls": [0.01, 0.011, 0.0105], "picked": None, "warmups": 1, "spent_s": 0.0, "span_s": 0.04}
RUNS |= {"clock": "C", "padding": 0, "printed_b": 7, "stdout": "eD0xLjUK", "stderr": ""}
ROUTE = b'[{"dst":"198.18.0.1","dev":"eth0","prefsrc":"198.18.0.7","flags":[]}]'
LSCPU = b"# CPU,Core,Node\n" + b"".join(f"{n},{n // 2},{n // 8}\n".encode() for n in range(16))
WAIT_S = 0.05
SERVERS = {"iperf3": b"Server listening on 5201\n", "nginx": b"start worker process\n"}


class Ended:
    """A process that has said its all."""

    def __init__(self, argv: Sequence[str], said: bytes, errors: bytes = b"", status: int = 0) -> None:
        self.argv, self.stdout, self.stdin = tuple(argv), io.BytesIO(said), io.BytesIO()
        self.words, self.status, self.pid = errors, status, 1

    def poll(self) -> int | None:
        return self.status

    def wait(self, *, timeout_s: float) -> int:
        return self.status

    def kill(self) -> None:
        """It has ended."""

    def stderr(self) -> bytes:
        return self.words


class Answering:
    """A session in which each command that has an answer gives it, and every other one says nothing, with status 0."""

    def __init__(self, answers: dict[str, Completed], servers: dict[str, bytes] | None = None) -> None:
        self.answers, self.servers = answers, servers or {}
        self.workplace = Workplace()
        self.layers = ()

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        done = next((self.answers[word] for word in argv if word in self.answers), None)
        return done or Completed(tuple(argv), 0, b"\n".join(word.encode() for word in argv if "stat" in argv), b"")

    @contextmanager
    def spawn(self, argv: Sequence[str]) -> Iterator[Ended]:
        listening = next((said for word, said in self.servers.items() if word in argv), None)
        done = self.run(argv, timeout_s=1)
        yield Ended(argv, done.stdout if listening is None else listening, done.stderr, done.status)

    def put(self, source: Path, target: PurePosixPath) -> None:
        """Nothing is kept."""

    def on_network(self) -> "Answering":
        return self


def _measured(kind: str, session: Answering, **keys: object) -> Trial:
    """One trial as the runner would store it: its line must be writable."""
    needed: dict[str, object] = {"argv": ["true"]} if kind == "command" else {}
    benchmark = msgspec.convert({**needed, **keys}, KINDS[kind], dec_hook=units.decode)
    raw: dict[str, bytes] = {}
    testbed = SimpleNamespace(peer=session, peer_address="198.18.0.1/15", no_network="")
    with ExitStack() as stack:
        start = Start(
            cast(Session, session), cast(contracts.Testbed, testbed), 0, 0.01, 0.001, None, raw.__setitem__, stack
        )
        benchmark.missing(cast(Session, session), cast(contracts.Testbed, testbed))
        benchmark.prepare(start)
        outcome = benchmark.measure(start)
        stack.close()
    assert all(len(data) < 2**24 for data in raw.values()), "a raw file without a bound"
    _check_samples(outcome, {metric.name: metric.scale for metric in benchmark.metrics})
    trial = Trial(1, 0, "bare", kind, 0, outcome, 0.0, 0.0, 0)
    journal.line(trial)
    return trial


def _check_samples(outcome: Measured, scales: dict[str, str]) -> None:
    for name, values in outcome.samples.items():
        assert values, f"{name} without a sample"
        assert scales[name] != "ratio" or min(values) > 0, f"{name} has no ratio: {min(values)}"
    assert outcome.operations is None or 0 < outcome.operations < 2**63, f"{outcome.operations} operations"
    assert outcome.loops is None or 0 < outcome.loops < 2**63, f"{outcome.loops} loops"
    for counts in outcome.counts.values():
        assert all(0 <= bound < 2**63 and 0 < number < 2**63 for bound, number in counts.items()), "odd counts"


def done(tool: str, said: bytes, *, errors: bytes = b"", status: int = 0) -> Completed:
    return Completed((tool,), status, said, errors)


def _fio(kind: str, **keys: object) -> Callable[[bytes], object]:
    layout = done("fio", (DATA / "fio" / "layout.json").read_bytes())

    def read(said: bytes) -> object:
        answers = {"--name=layout": layout, "--name=trial": done("fio", said + b"\n")}
        return _measured(kind, Answering(answers), **keys)

    return read


def _layout(said: bytes) -> object:
    trial = done("fio", (DATA / "fio" / "3.33-randread.json").read_bytes())
    return _measured("disk.randread", Answering({"--name=layout": done("fio", said), "--name=trial": trial}))


def _iperf3(kind: str) -> Callable[[bytes], object]:
    return lambda said: _measured(kind, Answering({"--client": done("iperf3", said)}, {"--server": SERVERS["iperf3"]}))


def _server_lines(said: bytes) -> object:
    client = done("iperf3", (DATA / "iperf3" / "3.12-stream.json").read_bytes())
    return _measured("network.stream", Answering({"--client": client}, {"--server": SERVERS["iperf3"] + said}))


def _wrk(said: bytes) -> object:
    answers = {"route": done("ip", ROUTE), "wrk": done("wrk", said)}
    return _measured("http.requests", Answering(answers, {"nginx": SERVERS["nginx"]}))


def _route(said: bytes) -> object:
    summary = (DATA / "wrk" / "4.1.0-4-requests.txt").read_bytes()
    answers = {"route": done("ip", said), "wrk": done("wrk", summary)}
    return _measured("http.requests", Answering(answers, {"nginx": SERVERS["nginx"]}))


def _driver(kind: str) -> Callable[[bytes], object]:
    def read(said: bytes) -> object:
        ready = b'{"ready": true, "clock_read_s": 2e-8}\n'
        driver = str(Workplace().guest / "driver.py")
        return _measured(
            kind, Answering({driver: done("driver", ready + said + b"\n")}, {"serve": b"ready\n", "greet": b"ready\n"})
        )

    return read


def _ready(said: bytes) -> object:
    driver = str(Workplace().guest / "driver.py")
    return _measured("cpu.hash", Answering({driver: done("driver", said + b"\n" + json.dumps(REPLY).encode() + b"\n")}))


def _command(**keys: object) -> Callable[[bytes], object]:
    timed = str(Workplace().guest / "timed.py")
    return lambda said: _measured("command", Answering({timed: done("timed", said + b"\n")}), **keys)


def _probe(said: bytes) -> object:
    read = facts.parse(said)
    good = facts.parse((DATA / "facts" / "qemu-tcg.json").read_bytes())
    assert all(len(msgspec.json.encode(fact)) < 2**20 for fact in read.values()), "a fact without a bound"
    return [read, facts.layers(read), facts.headline(read), facts.confounds("x", good, read)]


def _lscpu(said: bytes) -> object:
    answers = {"lscpu": done("lscpu", said), "cat": done("cat", b"Cpus_allowed_list:\t0-15\n")}
    return processors.find(cast(Session, Answering(answers)), 2)


class Line:
    """An agent at the other end of a pipe: each request is answered by the next of what it was told to say."""

    def __init__(self, answers: list[bytes]) -> None:
        self.argv, self.pid, self.stdin = ("agent",), 1, cast(BinaryIO, self)
        self.stdout = cast(BinaryIO, self)
        self._answers = iter(answers)
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._pending = b""

    def fileno(self) -> int:
        raise io.UnsupportedOperation

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *how: object) -> None:
        """Nothing to close."""

    def write(self, data: memoryview) -> int:
        if json.loads(bytes(data))["id"]:  # 0: input for a command, to which no agent answers
            self._said.put(next(self._answers, b""))
        return len(data)

    def read(self, size: int) -> bytes:
        if not self._pending:
            self._pending = self._said.get()
        part, self._pending = self._pending[:size], self._pending[size:]
        return part

    def poll(self) -> int | None:
        return 0

    def wait(self, *, timeout_s: float) -> int:
        return 0

    def kill(self) -> None:
        """It ends with its words."""

    def stderr(self) -> bytes:
        return b""


CONVERSATION = (
    b'{"hello": 1}',
    b'{"id": 1, "status": 0, "stdout": "aGVsbG8=", "stderr": ""}',
    b'{"id": 2, "pid": 7}\n{"id": 2, "out": "aGVsbG8K"}\n{"id": 2, "exit": 0, "stderr": "d2h5"}',
    b'{"id": 3, "raw_ns": 123456789}',
    b'{"id": 4, "data": "aGVsbG8="}',
    b'{"id": 5, "data": ""}',
)


def _agent(said: bytes) -> object:
    """A whole conversation, as far as it comes; a reply that was lost is not waited for long."""
    answers = [part + b"\n" for part in said.split(b"\n\n")]
    line = Line(answers[1:])
    line._said.put(answers[0])
    line._answers = iter([*answers[1:], b""])
    channel = Channel(cast(contracts.Process, line), lambda: "gone")
    channel.grace_s = channel.file_s = WAIT_S
    with _deaf_at_the_end(line):
        channel.hello(timeout_s=WAIT_S)
        session = AgentSession(channel, Workplace(), (), StartTiming(0.0, 0.0), (), ())
        ran = session.run(["true"], timeout_s=WAIT_S)
        heard = listen(session, ["cat"], lambda line: None, timeout_s=WAIT_S)
        clock = session._clock()
        with TemporaryDirectory() as folder:
            session.get(PurePosixPath("/x"), Path(folder, "x"))
            size = Path(folder, "x").stat().st_size
    return [ran, heard, clock.inside_s, size]


@contextmanager
def _deaf_at_the_end(line: Line) -> Iterator[None]:
    try:
        yield
    finally:
        line._said.put(b"")


def _good(folder: str, *patterns: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for pattern in patterns for path in sorted((DATA / folder).glob(pattern)))


PICK = {"regex": "x=(.*)", "unit": "MB/s", "better": "higher"}
ERROR = {"error": "sh ended with status 3", "hint": "look", "stdout": "", "stderr": base64.b64encode(b"why").decode()}


def targets() -> Iterator[Target]:
    """Each with what it prints when all is well, and its part of the inputs."""
    encoded = json.dumps(REPLY).encode()
    picked = json.dumps(RUNS | {"picked": [1.5, 1.6, 1.4]}).encode()
    tree, text = mutating.of_json, mutating.of_text
    yield Target("fio randread", _good("fio", "*randread.json", "few.json"), tree, _fio("disk.randread"), 12)
    deep = _good("fio", "*randread16.json", "*io_uring.json")
    yield Target("fio deep", deep, tree, _fio("disk.randread", depth=16), 4)
    yield Target("fio fsync", _good("fio", "*fsync.json"), tree, _fio("disk.fsync"), 6)
    yield Target("fio 2", _good("fio", "hand-made*.json", "2.*.json", "3.1-*.json"), tree, _fio("disk.randread"), 3)
    yield Target("fio errors", _good("fio", "no-*.json", "*refused.json"), tree, _fio("disk.seqwrite"), 2)
    yield Target("fio layout", _good("fio", "layout.json"), tree, _layout, 2)
    streams = _good("iperf3", "*-stream.json", "*-reverse.json", "omit.json", "reset.json", "*refused.json")
    yield Target("iperf3 stream", streams, tree, _iperf3("network.stream"), 10)
    yield Target("iperf3 udp", _good("iperf3", "*udp*.json"), tree, _iperf3("network.udp"), 10)
    yield Target("iperf3 server", _good("iperf3", "*.server.txt"), text, _server_lines, 2)
    yield Target("wrk", _good("wrk", "*requests.txt", "*one.txt"), text, _wrk, 4)
    yield Target("wrk summary", _summaries(), _marked, _wrk, 6)
    yield Target("ip route", (ROUTE,), tree, _route, 3)
    yield Target("driver time", (encoded,), tree, _driver("cpu.hash"), 6)
    yield Target("driver bandwidth", (encoded,), tree, _driver("memory.triad"), 3)
    yield Target("driver latencies", (encoded,), tree, _driver("network.connect"), 5)
    yield Target("driver ready", (b'{"ready": true, "clock_read_s": 2e-8}',), tree, _ready, 2)
    yield Target("command timed", (json.dumps(RUNS).encode(), json.dumps(ERROR).encode()), tree, _command(), 6)
    yield Target("command picked", (picked,), tree, _command(**PICK), 4)
    yield Target("agent", (b"\n\n".join(CONVERSATION),), _conversation, _agent, 12)
    yield Target("probe", _good("facts", "*.json"), tree, _probe, 25)
    yield Target("lscpu", (LSCPU,), text, _lscpu, 3)


def _summaries() -> tuple[bytes, ...]:
    lines = [line for text in _good("wrk", "*requests.txt", "*one.txt") for line in text.splitlines()]
    return tuple(line for line in lines if line.startswith(b"vbench-wrk "))


def _marked(good: bytes, random: Any) -> bytes:
    return b"vbench-wrk " + mutating.of_json(good.removeprefix(b"vbench-wrk "), random) + b"\n"


def _conversation(good: bytes, random: Any) -> bytes:
    """One part of it changed as a JSON line, its other parts as they were."""
    parts = good.split(b"\n\n")
    index = random.randrange(len(parts))
    parts[index] = mutating.of_json_lines(parts[index], random).replace(b"\n\n", b"\n")
    return b"\n\n".join(parts)
