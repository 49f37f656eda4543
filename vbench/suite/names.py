"""Names in a suite: they become paths and labels, so their letters are few."""

import re
from typing import Any

from vbench.errors import SuiteError
from vbench.model import FAMILIES
from vbench.suite.shape import NAME
from vbench.text import quoted


def named(name: Any, path: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        hint = "a name has 1 to 40 letters, digits, dots, dashes or underscores and begins with a letter or digit"
        raise SuiteError(f"{path}: {quoted(name)} cannot be a name", hint=hint)
    return name


def in_family(name: Any, kind: str, path: str) -> None:
    """Raises SuiteError for a benchmark's name outside its family. A kind without a dot is named by the user."""
    family = kind.partition(".")[0]
    if family == kind:
        _of_the_user(name, kind, path)
        return
    named(name, path)
    if not re.fullmatch(rf"{re.escape(family)}\..*[^.]", name):
        raise SuiteError(f"{path}: {name!r} is not of the family of {kind!r}", hint=f"begin it with '{family}.'")


def _of_the_user(name: Any, kind: str, path: str) -> None:
    hint = f"a {kind} is named by a family and a name of your own, such as 'app.compress'"
    if name is None:
        raise SuiteError(f"{path}: missing", hint=hint)
    family, dot, rest = named(name, path).partition(".")
    if not dot or not rest or rest.endswith("."):
        raise SuiteError(f"{path}: {name!r} has no family", hint=hint)
    if family in FAMILIES and family != kind:
        raise SuiteError(f"{path}: the family {family!r} is vbench's own", hint=hint)
