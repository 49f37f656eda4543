"""Renders the pages that `vbench view` writes itself: the list of runs and reports, and the page of a refusal."""

import base64
import hashlib
import os
import shlex
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from vbench.serving.reports import Report
from vbench.serving.runs import Summary, instant
from vbench.units import DASH, show_bytes, show_duration

if TYPE_CHECKING:
    import jinja2

# A page of figures may have come from anywhere: it runs its own scripts on an origin of its own, so that it can ask
# for nothing, this server included. The policy within the page is stricter still.
REPORT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox allow-scripts allow-downloads allow-modals",
    )
)


def index(runs: Sequence[Summary], reports: Sequence[Report], *, results: Path, folder: Path) -> bytes:
    by_run = {
        name: [report for report in reports if report.stem == name] for name in {report.stem for report in reports}
    }
    return _rendered(
        "index.html",
        runs=runs,
        reports=reports,
        by_run=by_run,
        results=str(results),
        folder=str(folder),
        prefix="" if str(results) == "results" else f"{results}/",
        states=sorted({run.state for run in runs}),
        script=_read("index.js"),
    )


def refusal(status: int, message: str, *, hint: str, title: str) -> bytes:
    return _rendered(
        "refusal.html", status=status, title=title or HTTPStatus(status).phrase, message=message, hint=hint
    )


@cache
def index_policy() -> str:
    """The content security policy of the list: only its own style and script, nothing fetched, framed or sent."""
    allowed = ("default-src 'none'", f"script-src {_hash(_read('index.js'))}", f"style-src {_hash(_style())}")
    return "; ".join((*allowed, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _read(name: str, package: str = "vbench.serving") -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    """The style sheet of a report, followed by the rules of the list."""
    return _read("style.css", "vbench.report.page") + _read("index.css")


def _rendered(template: str, **values: object) -> bytes:
    from markupsafe import Markup

    safe = {"style": Markup(_style())} | values
    if "script" in safe:
        safe["script"] = Markup(str(safe["script"]))
    return _templates().get_template(template).render(**safe).encode(errors="replace")


@cache
def _templates() -> "jinja2.Environment":
    from vbench.report.page.templates import templates

    renderer = templates("vbench.serving")
    renderer.filters |= {"bytes": show_bytes, "duration": _duration, "moment": _moment, "address": _address}
    renderer.filters |= {"dash": lambda value: DASH if value is None else value, "shell": shlex.quote}
    return renderer


def _duration(seconds: float | None) -> str:
    return DASH if seconds is None else show_duration(seconds)


def _moment(when: str | datetime | None) -> str:
    moment = instant(when) if isinstance(when, str) else when
    return DASH if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _address(name: str) -> str:
    """A file name, percent-encoded byte by byte for an address."""
    return quote(os.fsencode(name), safe="")
