"""Checks names that become file names inside a run folder: no separator, no dot in front, no other character."""

import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_safe(name: str) -> bool:
    return bool(_NAME.fullmatch(name))


def is_run_id(name: str) -> bool:
    return bool(_RUN_ID.fullmatch(name))
