"""Turns a run into what people and programs read: one offline page, Markdown, one JSON document, one explanation."""

from vbench.report.brief import findings
from vbench.report.document import json_document
from vbench.report.explain import explain
from vbench.report.markdown import markdown
from vbench.report.page.html import html

__all__ = ["explain", "findings", "html", "json_document", "markdown"]
