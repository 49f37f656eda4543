"""Runs are listed whatever their folders hold, and served to this machine alone, whatever is asked for."""

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.program import Vbench
from tests.unit.runs import BIDI, HOSTILE
from tests.unit.viewed import another, filled
from vbench.cli import view as cli_view
from vbench.errors import UsageError
from vbench.serving import pages, serving
from vbench.serving.runs import Summary, summary
from vbench.serving.site import MOST_PAGES, Answer, Site, rendered


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return filled(tmp_path / "results")


# --- what is answered -----------------------------------------------------------------------------------------------


@pytest.fixture
def site(results: Path, tmp_path: Path) -> Site:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "small-20260102T030405Z-9f3c.html").write_text("<h1>kept</h1>")
    (reports / "secret.html").symlink_to("/etc/hostname")
    (reports / "notes.exe").write_text("no")
    os.mkfifo(reports / "pipe.html")
    return Site(results, reports)


def test_the_list_links_every_run_and_its_reports(site: Site) -> None:
    page = site.answer("/").body.decode()
    assert 'href="/runs/small-20260102T030405Z-9f3c"' in page
    assert 'href="/runs/broken"' in page
    assert page.count('href="/reports/small-20260102T030405Z-9f3c.html"') == 2
    assert "secret" not in page
    assert "notes" not in page


def test_hostile_names_in_the_list_stay_text(site: Site) -> None:
    name = HOSTILE.replace("/", "∕") + BIDI
    another(site.results, "odd", started="2026-03-02T03:04:05+00:00", tag=HOSTILE)
    (site.results / name).mkdir()
    (site.results / os.fsdecode(b"not\xffutf-8")).mkdir()
    answer = site.answer("/")
    page = answer.body.decode()
    assert "<img" not in page
    assert "\u202e" not in page
    assert 'href="/runs/not%FFutf-8"' in page
    assert site.answer("/runs/not%FFutf-8").status == 500


def test_a_run_is_shown_as_its_report_and_made_once(site: Site) -> None:
    made = []
    site = Site(site.results, site.reports, render=lambda path: made.append(path) or rendered(path))  # type: ignore[func-returns-value]
    address = "/runs/small-20260102T030405Z-9f3c"
    first, second = site.answer(address), site.answer(address + "?again")
    assert first.status == 200
    assert b"What isolation costs" in first.body
    assert first.body is second.body
    assert "sandbox" in first.policy
    assert len(made) == 1
    folder = site.results / "small-20260102T030405Z-9f3c"
    (folder / "journal.jsonl").chmod(0o644)
    with (folder / "journal.jsonl").open("ab") as journal:
        journal.write(b"torn")
    assert b"torn" in site.answer(address).body
    assert len(made) == 2


def test_few_pages_are_kept(site: Site) -> None:
    site = Site(site.results, site.reports, render=lambda path: path.name)
    for number in range(MOST_PAGES + 2):
        another(site.results, f"run-{number}", started="2026-03-02T03:04:05+00:00")
        assert site.answer(f"/runs/run-{number}").body == f"run-{number}".encode()
    assert len(site._pages) == MOST_PAGES


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("/runs/none", 404, "no run is named"),
        ("/runs/broken", 500, "This run is damaged"),
        ("/runs/..", 404, "no run is named"),
        ("/runs/%2e%2e", 404, "no run is named"),
        ("/runs/..%2F..%2Fetc", 404, "no run is named"),
        ("/runs/../../etc/passwd", 404, "no such page"),
        ("/runs/%00", 404, "no run is named"),
        ("/runs/README.md", 500, "is not a run folder"),
        ("/runs/" + "x" * 5000, 404, "no run is named"),
        ("/runs/%3Cimg%20src=x%3E", 404, "&lt;img src=x&gt;"),
        ("/runs/", 404, "no such page"),
        ("/reports/secret.html", 403, "links are not followed"),
        ("/reports/pipe.html", 403, "is not a file"),
        ("/reports/notes.exe", 404, "no report is named"),
        ("/reports/%2e%2e%2fresults", 404, "no report is named"),
        ("/favicon.ico", 404, "no such page"),
        ("http://example.org/", 404, "no such page"),
        ("*", 404, "no such page"),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(site: Site, target: str, status: int, words: str) -> None:
    answer = site.answer(target)
    assert answer.status == status
    assert words in answer.body.decode()
    assert "<img" not in answer.body.decode()
    assert answer.policy == pages.index_policy()


def test_a_run_behind_a_link_that_leads_out_is_not_shown(site: Site, tmp_path: Path) -> None:
    outside = another(tmp_path / "elsewhere", "foreign", started="2026-03-02T03:04:05+00:00")
    (site.results / "link").symlink_to(outside)
    answer = site.answer("/runs/link")
    assert (answer.status, b"leads out of" in answer.body) == (403, True)


def test_folders_that_are_absent_are_empty_lists(tmp_path: Path) -> None:
    page = Site(tmp_path / "none", tmp_path / "nothing").answer("/").body.decode()
    assert "There is no run here yet" in page
    assert "There is no report here yet" in page


@pytest.mark.parametrize("unix_s", [2**38, -(2**40), 2**62])
def test_a_report_of_a_time_that_no_calendar_has_hides_no_list(site: Site, unix_s: int) -> None:
    """A file system that cannot keep such a time keeps the nearest."""
    odd = site.reports / "odd.html"
    odd.write_text("x")
    with suppress(OSError, OverflowError):
        os.utime(odd, (unix_s, unix_s))
    answer = site.answer("/")
    assert (answer.status, b"odd.html" in answer.body) == (200, True)


def test_results_that_cannot_be_listed_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = Site(tmp_path / "file", tmp_path).answer("/")
    assert (answer.status, b"cannot be listed" in answer.body) == (500, True)


def test_a_list_of_unchanged_runs_reads_none_of_them_again(site: Site) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Summary:
        read.append(path)
        return summary(path)

    site = Site(site.results, site.reports, summarize=counted)
    assert site.answer("/").body == site.answer("/").body
    assert len(read) == len(set(read)) == 2


# --- over the wire --------------------------------------------------------------------------------------------------


@contextmanager
def served(site: Site, said: list[str] | None = None) -> Iterator[serving.Server]:
    log = said.append if said is not None else (lambda words: None)
    with serving.listen(site, address="127.0.0.1", port=0, log=log) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def asked(server: serving.Server, path: str = "/", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.words = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def test_every_answer_forbids_what_it_does_not_need(site: Site) -> None:
    with served(site) as server:
        for path in ("/", "/none", "/runs/broken", "/reports/small-20260102T030405Z-9f3c.html"):
            answer = asked(server, path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in asked(server).headers["Content-Security-Policy"]
        assert asked(server, "/reports/small-20260102T030405Z-9f3c.html").words == b"<h1>kept</h1>"  # type: ignore[attr-defined]


def test_head_is_get_without_the_body(site: Site) -> None:
    with served(site) as server:
        for path in ("/", "/reports/small-20260102T030405Z-9f3c.html"):
            whole, head = asked(server, path), asked(server, path, "HEAD")
            assert (head.status, head.words) == (200, b"")  # type: ignore[attr-defined]
            assert head.headers["Content-Length"] == whole.headers["Content-Length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_nothing_but_get_and_head_is_answered(site: Site, method: str) -> None:
    with served(site) as server:
        answer = asked(server, "/", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.:{port}", ""]
)
def test_another_name_for_this_server_is_refused(site: Site, host: str) -> None:
    with served(site) as server:
        answer = asked(server, "/", Host=host.format(port=server.server_port))
        assert answer.status == 421
        assert b"small-2026" not in answer.words  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_its_own_names_are_answered(site: Site, host: str) -> None:
    with served(site) as server:
        assert asked(server, "/", Host=host.format(port=server.server_port)).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"421"),
        (b"\x16\x03\x01 hello there is TLS\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", b"414"),
    ],
    ids=["no host", "two hosts", "tls", "version", "long"],
)
def test_what_is_no_request_gets_a_refusal(site: Site, sent: bytes, status: bytes) -> None:
    with served(site) as server, socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as client:
        client.sendall(sent)
        assert status in client.recv(65536)
        assert asked(server, "/").status == 200


def test_requests_are_said_without_their_control_characters(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with served(site, said) as server, socket.create_connection(("127.0.0.1", server.server_port), 30) as client:
        client.sendall(b"GET /\x1b[31mred HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(65536)
    assert len(said) == 1
    cli_view.say(said[0])
    assert capsys.readouterr().err == '"GET /\N{REPLACEMENT CHARACTER}[31mred HTTP/1.1" 421 -\n'


class Broken(Site):
    def answer(self, target: str) -> Answer:
        raise ValueError(f"\x1b[31m{target}")


def test_a_request_that_fails_is_said_to_who_asked_for_no_log(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    with served(Broken(site.results, site.reports)) as server, pytest.raises(http.client.RemoteDisconnected):
        asked(server, "/x")
    assert capsys.readouterr().err == "a request failed: ValueError: ⟨U+001B⟩[31m/x\n"


def test_a_port_that_is_taken_and_an_address_of_others_are_refused(site: Site) -> None:
    with served(site) as server:
        with pytest.raises(UsageError, match=f"port {server.server_port} of 127.0.0.1 cannot be had") as error:
            serving.listen(site, address="127.0.0.1", port=server.server_port, log=print)
        assert "--port 0" in error.value.hint
    for address in ("0.0.0.0", "::", "192.168.0.1", "example.org", ""):
        with pytest.raises(UsageError, match="is not a loopback address"):
            serving.listen(site, address=address, port=0, log=print)


def test_nothing_listens_any_more_once_it_is_left(site: Site) -> None:
    with served(site) as server:
        port = server.server_port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)


def test_the_command_refuses_before_it_serves(vbench: Vbench) -> None:
    assert "'0.0.0.0' is not a loopback address" in vbench("view", "--address", "0.0.0.0").stderr
    assert vbench("view", "--port", "70000").status == 2


def test_without_a_browser_the_address_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    cli_view.show("http://127.0.0.1:1/")
    assert capsys.readouterr().err == "no browser could be started; open http://127.0.0.1:1/\n"
