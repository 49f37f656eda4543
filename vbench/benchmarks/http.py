"""HTTP benchmarks: what a whole request costs, from the peer through the network to a server in the environment."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vbench.benchmarks import wrk
from vbench.benchmarks.peer import no_network, peer_address, server
from vbench.benchmarks.percentiles import latencies
from vbench.benchmarks.settings import BenchmarkSettings
from vbench.benchmarks.tools import lacking
from vbench.contracts import NOT_FOUND, Completed, Missing, Needs, Session, Start, Testbed
from vbench.errors import TrialFailed, VbenchError
from vbench.host import foreign
from vbench.model import Measured, Metric

PORT = 8080
READY = b"start worker process"
LIMIT_S = 60.0
WRK_S = 0.3  # start and end of wrk, twice

# error_log to stderr at `notice`: it says when the workers start, by then it listens. user root: the worker must read
# the scratch folder, which is root's own. keepalive_requests: by default the 1000th request closes the connection.
# Paths are below the folder that -p names: a path in here would need nginx's own quotes.
_CONFIGURATION = """\
user root;
daemon off;
worker_processes 1;
error_log stderr notice;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  default_type text/plain;
  server {{
    listen {address}:{port};
    root root;
  }}
}}
"""


class Route(Struct, frozen=True):
    """A route as `ip -json route get` prints it: its source address."""

    prefsrc: str


class Served(Struct, frozen=True):
    """URL of the server, folder of its files, and path of wrk's script on the peer."""

    url: str
    root: str
    script: str


def own_address(session: Session, peer: str) -> str:
    """Address of the session's host towards the peer. Raises TrialFailed without a route."""
    done = session.run(["ip", "-json", "route", "get", peer], timeout_s=30)
    with suppress(ValueError, LookupError):
        return str(IPv4Address(foreign.decode(done.stdout, tuple[Route, ...])[0].prefsrc))
    output = (done.stderr or done.stdout).decode(errors="replace").strip()[-200:]
    hint = "`ip` of iproute2 is needed inside" if done.status == NOT_FOUND else ""
    raise TrialFailed(f"no route to the peer at {peer}: {output}", hint=hint)


def _write(session: Session, path: str, content: bytes) -> None:
    session.run(["tee", path], timeout_s=LIMIT_S, stdin=content).check()


@contextmanager
def _folder(session: Session, name: str) -> Iterator[str]:
    """A folder in the session's scratch space, gone afterwards."""
    path = str(session.workplace.scratch / name)
    session.run(["mkdir", "-p", f"{path}/root"], timeout_s=LIMIT_S).check()
    try:
        yield path
    finally:
        with suppress(VbenchError):  # a lost session was reported by who lost it
            session.run(["rm", "-rf", path], timeout_s=LIMIT_S)


@contextmanager
def _served(start: Start) -> Iterator[Served]:
    """nginx in the environment, and wrk's script on the peer, until the start ends."""
    inside, peer = start.session.on_network(), start.testbed.peer
    address = own_address(inside, peer_address(start.testbed))
    with _folder(inside, "http") as folder, _folder(peer, f"wrk-{address}") as script_folder:
        configuration, script = f"{folder}/nginx.conf", f"{script_folder}/done.lua"
        _write(inside, configuration, _CONFIGURATION.format(address=address, port=PORT).encode())
        _write(peer, script, wrk.SCRIPT.encode())
        # A shell only to join both outputs: nginx says on stderr that it is ready, and readiness is read from stdout.
        joined = ["sh", "-c", 'exec "$@" 2>&1', "nginx", "nginx", "-e", "stderr", "-p", folder, "-c", configuration]
        with server(inside, start.padded(joined), READY, called="nginx inside"):
            yield Served(f"http://{address}:{PORT}", f"{folder}/root", script)


@contextmanager
def _file(start: Start, served: Served, size_b: int) -> Iterator[str]:
    """The address of a file of this size."""
    _write(start.session.on_network(), f"{served.root}/{size_b}", b"x" * size_b)
    yield f"{served.url}/{size_b}"  # it goes with the server's folder


class Requests(BenchmarkSettings, frozen=True, kw_only=True):
    """One operation is one GET of a file of `size` B, over one of `connections` that stand.

    nginx with one worker runs inside, wrk with one thread at the peer, whose clock (µs) is read around each request,
    from its first byte sent to its last byte received. It is a closed loop: a connection sends when it was answered, so
    that a stall delays the requests behind it instead of being counted for each (coordinated omission). wrk makes up
    latencies to correct for that; they are taken out again, so that counts and percentiles are of real requests. With
    the connections always busy latency is about connections / rate: it is not the latency of a server at rest. Warm-up
    and trial last at least 0.5 s each: wrk's clock starts before its connections are opened, and that fixed cost in the
    rate weighs more in a short trial and in a slow environment.
    """

    kind: ClassVar[str] = "http.requests"
    short: ClassVar[str] = "HTTP requests"
    exposes: ClassVar[str] = (
        "a service's mix: small packets both ways, interrupts, system calls and wake-ups of an event loop, a file from "
        "the page cache"
    )
    about: ClassVar[str] = (
        "nginx inside, wrk at the peer: GET of a small file over standing connections, `connections` at a time (16)"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rate", "1/s", "higher", "requests answered a second"),
        Metric("latency", "s", "lower", "median of a request, with all connections busy"),
        Metric("latency_p99", "s", "lower", "99th percentile of latency, within the trial"),
    )
    connections: Annotated[int, Meta(ge=1, le=1000)] = 16
    size: Annotated[int, Meta(ge=1, le=2**20)] = 1024

    def needs(self) -> Needs:
        return Needs(network=True)

    def missing(self, session: Session, testbed: Testbed) -> tuple[Missing, ...]:
        inside = lacking(session, {"nginx": "nginx", "ip": "iproute2"})
        if unreachable := no_network(testbed):
            return (*inside, *unreachable)
        return (*inside, *lacking(testbed.peer, {"wrk": "wrk"}))

    def prepare(self, start: Start) -> None:
        self._url(start)

    def _url(self, start: Start) -> tuple[str, str]:
        """URL of the file, and path of wrk's script."""
        served = start.shared("http.server", lambda: _served(start))
        return start.shared(f"http.file.{self.size}", lambda: _file(start, served, self.size)), served.script

    def measure(self, start: Start) -> Measured:
        self._load(start, start.warmup_s).check()
        start.begin()
        done = self._load(start, start.trial_s)
        result = wrk.parse(done, self.connections)
        start.raw("wrk.json", wrk.kept(done))
        samples, notes = latencies(result.latency_counts)
        return Measured(
            samples={"rate": (result.rate,), **samples},
            clock=wrk.CLOCK,
            notes=(*notes, *wrk.limits(result)),
            counts={"latency": result.latency_counts},
            operations=result.requests,
        )

    def _load(self, start: Start, lasting_s: float) -> Completed:
        url, script = self._url(start)
        argv = wrk.load(url, script, connections=self.connections, lasting_s=lasting_s)
        return start.testbed.peer.run(argv, timeout_s=LIMIT_S + lasting_s)

    def expected_s(self, trial_s: float, warmup_s: float) -> float:
        return WRK_S + max(wrk.SHORTEST_S, trial_s) + max(wrk.SHORTEST_S, warmup_s)
