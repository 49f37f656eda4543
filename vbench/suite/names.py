"""Names in a suite: they become paths and labels, so their letters are few."""

import re
from typing import Any

from vbench.errors import SuiteError
from vbench.suite.shape import NAME


def named(name: Any, path: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        hint = "a name has 1 to 40 letters, digits, dots, dashes or underscores and begins with a letter or digit"
        raise SuiteError(f"{path}: {shown(name)} cannot be a name", hint=hint)
    return name


def in_family(name: Any, kind: str, path: str) -> None:
    family = kind.partition(".")[0]
    named(name, path)
    if not re.fullmatch(rf"{re.escape(family)}\..*[^.]", name):
        raise SuiteError(f"{path}: {name!r} is not of the family of {kind!r}", hint=f"begin it with '{family}.'")


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
