"""Serves a site on this machine's own loopback address and to nobody else."""

import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vbench.errors import UsageError
from vbench.serving.site import Answer, Site, refusal
from vbench.text import plain

LOOPBACK = {"127.0.0.1": "127.0.0.1", "::1": "[::1]", "localhost": "127.0.0.1"}
PATIENCE_S = 30.0  # with a client that says nothing
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Log = Callable[[str], None]


class Server(ThreadingHTTPServer):
    """A server whose socket listens after __init__. Use it as a context manager: leaving it closes the socket."""

    daemon_threads = True

    def __init__(self, site: Site, address: str, port: int, log: Log) -> None:
        self.site, self.log = site, log
        if address == "::1":
            self.address_family = socket.AF_INET6
        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up of http.server, which may send a packet to the network."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}/"

    def is_asked(self, host: str) -> bool:
        """Whether a Host header names this server: another name that resolves here is an attack (DNS rebinding)."""
        names = ("127.0.0.1", "localhost", "[::1]")
        return host.lower() in {f"{name}:{self.server_port}" for name in names} | (
            set(names) if self.server_port == 80 else set()
        )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write an error as one line to stderr, but for a client that closed its connection."""
        del request, client_address
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            line = plain(f"a request failed: {type(error).__name__}: {error}").replace("\n", " ")
            with suppress(OSError):  # stderr may be closed
                sys.stderr.write(f"{line}\n")


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD, from this machine, by a name of this machine."""

    server: Server
    server_version = "vbench"
    sys_version = ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not self.server.is_asked(hosts[0]):
            answer = refusal(421, "this is not the name of this server", hint=f"open {self.server.url}")
            self._send(answer, with_body=with_body)
            return
        self._send(self.server.site.answer(self.path), with_body=with_body)

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        size = answer.size if answer.file else len(answer.body)
        try:
            self.send_response(answer.status)
            self.send_header("Content-Security-Policy", answer.policy)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(size))
            if answer.status == 405:
                self.send_header("Allow", "GET, HEAD")
            self.end_headers()
            if with_body and answer.file:
                shutil.copyfileobj(answer.file, self.wfile)
            elif with_body:
                self.wfile.write(answer.body)
        finally:
            if answer.file:
                answer.file.close()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses with a page and headers like those of every other refusal."""
        del explain
        self.close_connection = True
        if code == 501:  # http.server's word for a method that has no function here
            answer = refusal(405, "only GET and HEAD are answered")
        else:
            answer = refusal(code, message or "this request cannot be read")
        self._send(answer, with_body=self.command != "HEAD")

    def log_message(self, format: str, *args: Any) -> None:
        self.server.log(format % args)


def listen(site: Site, *, address: str, port: int, log: Log) -> Server:
    """Open a server. Raises UsageError for an address that is not loopback, and for a port that cannot be bound."""
    if address not in LOOPBACK:
        hint = "reach it from elsewhere by `ssh -L 8765:127.0.0.1:8765 HOST`"
        raise UsageError(f"{address!r} is not a loopback address: 127.0.0.1 or ::1", hint=hint)
    where = "::1" if address == "::1" else "127.0.0.1"
    try:
        return Server(site, where, port, log)
    except OSError as error:
        why = error.strerror or str(error)
        hint = "another --port, or --port 0 for any that is free"
        raise UsageError(f"port {port} of {where} cannot be had: {why}", hint=hint) from error


def serve(server: Server) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    with suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.5)
