"""A page as its reader gets it: elements, texts, links and figures."""

import base64
import gzip
import json
from html.parser import HTMLParser
from typing import Any

import pytest


class Document(HTMLParser):
    """Elements with their attributes, the text outside scripts, and each script's content."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem is None:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def packed(document: Document) -> str:
    return gzip.decompress(base64.b64decode(document.scripts[0])).decode()


def figures(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(packed(document), parse_constant=pytest.fail)
    return found
