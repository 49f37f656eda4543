"""Answers each address of `vbench view` with the list, the page of a run, or a report. Sockets are serving.py's."""

import os
import shlex
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from vbench.errors import RunFolderError
from vbench.serving import pages
from vbench.serving.reports import KINDS, reports
from vbench.serving.runs import DAMAGED, Summary, folders, leads_out, newest_first, summary
from vbench.store import bounds, cells, read_manifest

MOST_PAGES = 4  # kept in memory: 1 to 3 MB each
LARGEST_JOURNAL_B = 128 * 2**20  # 45,000 trials of the published run's size: half a minute
MOST_CELLS = 4000
LARGEST_RUN_B = 2 * 2**30  # with its raw files, whose checksums are looked at
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """An answer to a request: `body`, or the content of an open `file` of `size` bytes."""

    status: int
    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    policy: str = pages.REPORT_POLICY
    file: BinaryIO | None = None
    size: int = 0


def rendered(path: Path) -> str:
    """The report of a run. Raises RunFolderError."""
    from vbench import report, store

    return report.html(store.load(path))


@dataclass
class Site:
    """The runs and reports of two folders. Each request reads the folders; unchanged summaries and pages are kept."""

    results: Path
    reports: Path
    summarize: Callable[[Path], Summary] = summary
    render: Callable[[Path], str] = rendered
    _summaries: dict[Path, tuple[Stamp, Summary]] = field(default_factory=dict)
    _pages: "OrderedDict[Path, tuple[Stamp, bytes]]" = field(default_factory=OrderedDict)
    # One list and one page at a time bound the memory. Two locks, so that a slow page does not delay the list.
    _listing: threading.Lock = field(default_factory=threading.Lock)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, target: str) -> Answer:
        """The answer to a GET request. `target` is percent-encoded, as the client sent it."""
        parts = target.partition("?")[0].split("/")
        match parts:
            case ["", ""]:
                return self._index()
            case ["", "runs", name] if name:
                return self._run(_decoded(name))
            case ["", "reports", name] if name:
                return self._report(_decoded(name))
        return refusal(404, "there is no such page", hint="the list of runs and reports is at /")

    def _index(self) -> Answer:
        try:
            with self._listing:
                kept = {path: self._summary(path) for path in folders(self.results)}
                self._summaries = kept
            runs = newest_first([summary for _, summary in kept.values()])
            shown = pages.index(runs, reports(self.reports), results=self.results, folder=self.reports)
        except RunFolderError as error:
            return refusal(500, error.message, hint=error.hint)
        return Answer(200, shown, policy=pages.index_policy())

    def _summary(self, path: Path) -> tuple[Stamp, Summary]:
        stamp = _stamp(path)
        kept = self._summaries.get(path)
        return kept if kept is not None and kept[0] == stamp else (stamp, self.summarize(path))

    def _run(self, name: str) -> Answer:
        path = _child(self.results, name)
        if path is None:
            return refusal(404, f"no run is named {name!r} in {self.results}/")
        if leads_out(path):
            return refusal(403, f"{name!r} is a link that leads out of {self.results}/")
        try:
            if _is_large(path):
                hint = f"`vbench report {shlex.quote(str(path))}` makes a file of it"
                return refusal(500, "its page would take minutes", hint=hint, title="This run is too large to be shown")
            with self._making:
                return Answer(200, self._page(path))
        except RunFolderError as error:
            return refusal(500, error.message, hint=error.hint, title=f"This run is {DAMAGED}")

    def _page(self, path: Path) -> bytes:
        stamp = _stamp(path)
        kept = self._pages.pop(path, None)
        if kept is None or kept[0] != stamp:
            kept = (stamp, self.render(path).encode())
        self._pages[path] = kept
        while len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)
        return kept[1]

    def _report(self, name: str) -> Answer:
        path = _child(self.reports, name)
        if path is None or path.suffix not in KINDS:
            return refusal(404, f"no report is named {name!r} in {self.reports}/")
        try:
            # No link is followed, and a FIFO does not make it wait.
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError as error:
            return refusal(403, f"{name!r} cannot be read: {error.strerror}", hint="links are not followed")
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            file.close()
            return refusal(403, f"{name!r} is not a file")
        return Answer(200, kind=KINDS[path.suffix], file=file, size=status.st_size)


def _is_large(path: Path) -> bool:
    """Whether the run's page would take minutes to render, while other requests wait. Raises RunFolderError."""
    manifest = read_manifest(path)
    return (
        bounds.size_b(path, ["journal.jsonl"]) > LARGEST_JOURNAL_B
        or bounds.size_b(path, manifest.checksums) > LARGEST_RUN_B
        or cells(manifest) > MOST_CELLS
    )


def refusal(status: int, message: str, *, hint: str = "", title: str = "") -> Answer:
    return Answer(status, pages.refusal(status, message, hint=hint, title=title), policy=pages.index_policy())


def _decoded(name: str) -> str:
    return os.fsdecode(unquote_to_bytes(name))


def _child(folder: Path, name: str) -> Path | None:
    """The entry of a folder with exactly this name. None if there is none, so no path leads out of the folder."""
    try:
        return next((folder / entry.name for entry in os.scandir(folder) if entry.name == name), None)
    except OSError:
        return None


def _stamp(path: Path) -> Stamp:
    """Times and sizes of a run's manifest and journal, which differ after any change of either."""
    return tuple(value for name in ("manifest.json", "journal.jsonl") for value in _time_and_size(path / name))


def _time_and_size(path: Path) -> Stamp:
    try:
        status = path.lstat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size
