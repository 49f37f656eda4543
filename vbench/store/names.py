"""Names that become file names inside a run folder, and nothing else: no separator, no dot in front, no surprise."""

import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_safe(name: str) -> bool:
    return bool(_NAME.fullmatch(name))


def is_run_id(name: str) -> bool:
    return bool(_RUN_ID.fullmatch(name))


def short(name: str) -> str:
    """A name that nobody vouches for, as it can be printed: quoted, escaped and not long."""
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:57]}..."
