"""Renders a run as one HTML page that works without a server, a network or another file."""

import base64
import gzip
import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import takewhile
from typing import Any

import jinja2
from markupsafe import Markup

from vbench import facts
from vbench.cost import Analysis
from vbench.model import Fact, Run, Status
from vbench.report import brief, names, spending, verdicts, words
from vbench.report.charts import means
from vbench.report.charts.panels import panels
from vbench.report.citation import Citation
from vbench.report.page import columns, contents, packing
from vbench.report.page.templates import templates
from vbench.report.view import Arm, view_of
from vbench.text import (
    amount,
    amount_interval,
    between,
    is_decided,
    length,
    parts_per_million,
    percent,
    probability,
    ratio,
)
from vbench.units import DASH, show, show_bytes

HERE = resources.files("vbench.report.page")
SCRIPTS = ("page.js", "csv.js", "chooser.js", "table.js")
PLOTLY = "vendor/plotly-cartesian.min.js"


def html(run: Run, *, analysis: Analysis | None = None, validation: Citation | None = None) -> str:
    """The whole page. `validation` is cited in its head. Pure: the same run gives the same text."""
    view = view_of(run, analysis)
    drawn, lead, table_columns = panels(view), means.panels(view), columns.columns(view)
    script = _script()
    page = (
        _templates()
        .get_template("page.html")
        .render(
            view=view,
            manifest=run.manifest,
            validation=validation,
            brief=brief,
            names=names,
            means=lead,
            contents=contents.parts(view, drawn, has_means=bool(lead)),
            benchmarks=contents.benchmarks(view),
            words=words,
            verdicts=verdicts,
            spending=spending,
            legend=verdicts.LEGEND,
            families=dict.fromkeys(group.family for group in view.groups),
            judgements=[str(verdict) for verdict in verdicts.SIGNS] + ["no verdict"],
            panels=drawn,
            facts=_facts_table(run),
            fact_title=_fact_title,
            columns=table_columns,
            extras=Markup(columns.extras(table_columns)),
            style=Markup(f"{columns.style(table_columns)}\n{_read('style.css')}"),
            script=Markup(script),
            csp=_policy(script),
            figures=_packed(_json(packing.run_figures(drawn.all))),
            plotly=_packed_plotly(),
        )
    )
    return page.encode(errors="replace").decode()


def _script() -> str:
    """The page's script, made of several files. Each file can use the declarations of the files before it."""
    parts = "\n".join(_read(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _read(name: str) -> str:
    return HERE.joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """The content security policy: nothing is fetched, and only the page's two scripts run.

    Inline styles are allowed, because plotly adds rules of its own.
    """
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (script, _read(PLOTLY)))
    allowed = ("default-src 'none'", f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data:")
    return "; ".join((*allowed, "base-uri 'none'", "form-action 'none'"))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _packed_plotly() -> str:
    """Plotly as gzip in base64: 0.66 MB instead of 1.5 MB."""
    return _packed(_read(PLOTLY))


def _packed(text: str) -> str:
    """The text as gzip in base64, which is smaller, and in which no name can end the script element."""
    return base64.b64encode(gzip.compress(text.encode(errors="replace"), mtime=0)).decode()


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _facts_table(run: Run) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Key and title of each fact, with its text and source for the host and for each environment."""
    tables = [run.host, *(run.facts.get(record.name, {}) for record in run.manifest.environments)]
    keys = {key for table in tables for key in table}
    known_keys = {key for key in keys if _is_known(key)}
    ordered = [*facts.in_order(known_keys), *sorted(keys - known_keys)]
    return [(key, _fact_title(key), [_fact_cell(key, table.get(key)) for table in tables]) for key in ordered]


def _is_known(key: str) -> bool:
    """Whether this version has the fact. A run folder of another version may have others."""
    try:
        facts.key_of(key)
    except KeyError:
        return False
    return True


def _fact_title(key: str) -> str:
    return facts.title_of(key) if _is_known(key) else key


def _fact_cell(key: str, fact: Fact | None) -> tuple[str, str]:
    if fact is None:
        return DASH, "not asked"
    source = fact.source if fact.status == Status.OK else f"{fact.source}: {fact.status}"
    return facts.show(key, fact) if _is_known(key) else str(fact.value), source


def _gist(note: str) -> str:
    """The first words of a long note, under which the page folds it."""
    first = re.split(r"[:;(,]", note, maxsplit=1)[0].strip()
    return f"{first or note[:32]} …"


def _common(arms: Sequence[Arm]) -> int:
    """The number of outer layers that all environments share."""
    each = zip(*([layer.name for layer in arm.record.layers] for arm in arms), strict=False)
    return sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, each))


@cache
def _templates() -> jinja2.Environment:
    renderer = templates("vbench.report.page")
    renderer.filters |= {
        "amount": amount,
        "amount_interval": amount_interval,
        "percent": percent,
        "ppm": parts_per_million,
        "between": between,
        "bytes": show_bytes,
        "probability": probability,
        "show": show,
        "ratio": ratio,
        "shell": shlex.join,
        "gist": _gist,
        "pairs": names.pairs,
        "common": _common,
    }
    renderer.globals |= {"is_decided": is_decided, "length": length}
    return renderer
