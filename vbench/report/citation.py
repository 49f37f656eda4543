"""What a report cites of a validation of the same host."""

from msgspec import Struct


class Citation(Struct, frozen=True):
    """A line for the head of a page, and the sentence with every figure."""

    line: str  # "validation on this host on 2026-11-22: 7 of 8 checks hold; not possible here: …"
    sentence: str
