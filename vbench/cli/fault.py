"""Reports a fault of vbench itself: a few lines on stderr, and a file with the details for a bug report."""

import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from vbench import __version__
from vbench.host.home import home

EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: no other outcome of a verb has it."""

HIDDEN = "***"
_LONGEST_MESSAGE = 300
_SHORTEST_SECRET = 3  # a shorter value is part of too many words
_LONGEST_FILE_B = 2**18
_LIBRARIES = ("click", "duckdb", "jinja2", "msgspec", "numpy", "pandas", "plotly", "psutil", "pyperf", "rich")
_NAMES = r"passw|passphrase|token|secret|credential|api[_-]?key|private[_-]?key|authorization"
_NAME = re.compile(f"(?i)(?:{_NAMES})")
_SECRET = re.compile(
    rf"(?i)((?:{_NAMES})[\w-]{{0,64}}['\"]?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|(?:bearer|basic)\s+\S+|[^\s'\"]+)"
)
_URL_USER = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def lines(error: Exception) -> tuple[str, str]:
    """Message and hint for the terminal; the details go to a file of the user's own."""
    kind = type(error).__name__
    words = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    message = f"an unexpected error, a fault of vbench: {kind}{': ' if words else ''}{without_secrets(words)}"
    details = _saved(error)
    if not details:
        where = _where(error)
        return f"{message} ({where})", "please report this with the command; the details could not be saved"
    return f"{message}\n  details: {details}", "please report this with that file; read first what it says of you"


def without_secrets(text: str) -> str:
    """The text without what the command says to be secret, what stands after `token=`, and the user part of URLs."""
    for value in sorted(_secrets(sys.argv[1:]), key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, HIDDEN)
    return _SECRET.sub(rf"\1{HIDDEN}", _URL_USER.sub(HIDDEN, text))


def _secrets(words: Sequence[str]) -> Iterator[str]:
    """The secret values of a command line: VALUE of `--token VALUE` and of `api_key=VALUE`."""
    belongs = False
    for word in words:
        name = _NAME.search(word)
        _, equals, value = word[name.end() :].partition("=") if name else ("", "", "")
        if secret := word if belongs else value:
            yield secret
        belongs = name is not None and not equals and word.startswith("-")


def _saved(error: Exception) -> Path | None:
    """The file with the details. None when there is no folder for it."""
    data = _nameless(without_secrets(_document(error))).encode(errors="replace")[:_LONGEST_FILE_B]
    for folder in _folders():
        with suppress(OSError):
            descriptor, name = tempfile.mkstemp(".txt", "vbench-error-", folder)  # mode 0600, and no link is followed
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
            return Path(name)
    return None


def _folders() -> Iterator[str]:
    """The temporary folder, or else the user's cache."""
    with suppress(OSError):
        yield tempfile.gettempdir()
    cache = os.environ.get("XDG_CACHE_HOME") or f"{home() or ''}/.cache"
    if cache.startswith("/"):
        yield cache


def _nameless(text: str) -> str:
    try:
        from vbench.host.local import LocalHost
        from vbench.store import privacy

        return privacy.of_hosts([LocalHost().identity()])(text)
    except Exception:  # noqa: BLE001  # a second fault must not hide the first
        return text


def _document(error: Exception) -> str:
    parts = [
        f"vbench {__version__}, Python {platform.python_version()}, {platform.platform()}",
        ", ".join(_versions()),
        f"command: {shlex.join(map(without_secrets, ['vbench', *sys.argv[1:]]))}",
        "".join(traceback.format_exception(error)),
    ]
    return "\n\n".join(parts)


def _versions() -> list[str]:
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} is not installed")
    return versions


def _where(error: Exception) -> str:
    """File and line of the last call, for a machine on which nothing can be saved."""
    calls = traceback.extract_tb(error.__traceback__)
    if not calls:
        return "no line is known"
    return f"{Path(calls[-1].filename).name}:{calls[-1].lineno} in {calls[-1].name}"
