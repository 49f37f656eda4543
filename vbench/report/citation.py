"""Holds what a report cites from a validation of the same host."""

from msgspec import Struct


class Citation(Struct, frozen=True):
    """A validation as a report cites it: one line for the head of a page, one sentence with all figures."""

    line: str  # "validation on this host on 2026-11-22: 7 of 8 checks hold; not possible here: …"
    sentence: str
