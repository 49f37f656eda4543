"""Lists the pages and data files of a reports folder."""

import os
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from vbench.errors import RunFolderError

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
}


class Report(Struct, frozen=True):
    """A file that a browser can show."""

    name: str
    size_b: int
    changed: datetime | None  # None: a time outside of the calendar, which `touch` can set

    @property
    def stem(self) -> str:
        return Path(self.name).stem


def reports(folder: Path) -> list[Report]:
    """Reports of a folder, the newest first. Empty if there is no folder. Raises RunFolderError."""
    try:
        with os.scandir(folder) as entries:
            listing = [_report(entry) for entry in entries if _is_shown(entry)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RunFolderError(f"{str(folder)!r} cannot be listed: {why}") from error
    return sorted(listing, key=lambda report: (-report.changed.timestamp() if report.changed else 0.0, report.name))


def _is_shown(entry: "os.DirEntry[str]") -> bool:
    name = entry.name
    return name != "README.md" and Path(name).suffix in KINDS and entry.is_file(follow_symlinks=False)


def _report(entry: "os.DirEntry[str]") -> Report:
    status = entry.stat(follow_symlinks=False)
    return Report(entry.name, status.st_size, _moment(int(status.st_mtime)))


def _moment(unix_s: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(unix_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None
