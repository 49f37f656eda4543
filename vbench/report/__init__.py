"""Turns a run into what people and programs read: one offline page, and one JSON document."""

from vbench.report.document import json_document
from vbench.report.page import html

__all__ = ["html", "json_document"]
