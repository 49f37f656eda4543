"""Names and values that nobody vouches for, as one line of text."""

from vbench.report.text import plain


def flat(text: str) -> str:
    """On one line, control and bidirectional characters made visible: a value cannot forge a row of its own."""
    return plain(" ".join(text.split()))
